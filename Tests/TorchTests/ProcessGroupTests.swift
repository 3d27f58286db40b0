import Foundation
import Support
import Testing
import TestSupport
import Torch

@Suite("Processes that meet over the network")
struct ProcessGroupTests {
  private func process(_ rank: Int, of size: Int, port: String) throws -> LaunchedProcess {
    try #require(
      try LaunchedProcess(
        in: ["RANK": "\(rank)", "WORLD_SIZE": "\(size)", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port]))
  }

  /// Runs `body` as each of several processes at once, on threads.
  private func each<Value: Sendable>(
    _ count: Int, _ body: @Sendable @escaping (Int) throws -> Value
  ) async -> [Result<Value, any Error>] {
    await withTaskGroup(of: (Int, Result<Value, any Error>).self) { group in
      for rank in 0..<count {
        group.addTask {
          await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: (rank, Result { try body(rank) })) }
          }
        }
      }
      return await group.reduce(into: [Int: Result<Value, any Error>]()) { $0[$1.0] = $1.1 }
        .sorted { $0.key < $1.key }.map(\.value)
    }
  }

  @Test("exchange bytes, equally many or not, in the order of their numbers, and broadcast those of the first")
  func gathered() async throws {
    let port = try "\(LoopbackPort.free())"
    let all = await each(3) { rank in
      let group = try ProcessGroup(process(rank, of: 3, port: port), timeout: .seconds(20))
      #expect(group.rank == rank && group.size == 3 && !group.isAlone)
      let equal = try group.gathered(equallyMany: [UInt8(rank), 9], .step)
      let unequal = try group.gathered([UInt8](repeating: UInt8(rank), count: rank * 100_000))
      let first = try group.broadcast(rank == 0 ? Array("checkpoint".utf8) : [1])
      return (equal, unequal.map { ($0.count, Set($0)) }, String(decoding: first, as: UTF8.self))
    }
    for result in all {
      let (equal, unequal, first) = try result.get()
      #expect(equal == [[0, 9], [1, 9], [2, 9]])
      #expect(unequal.map(\.0) == [0, 100_000, 200_000] && unequal.map(\.1) == [[], [1], [2]])
      #expect(first == "checkpoint")
    }
  }

  @Test("A process that is alone exchanges with itself")
  func alone() throws {
    #expect(try Alone().gathered([1, 2]) == [[1, 2]])
    #expect(try Alone().broadcast([3]) == [3])
    #expect(Alone().isAlone)
  }

  private func message(_ result: Result<some Any, any Error>?) -> String {
    guard case .failure(let error) = result else { return "no error" }
    return (error as? any UserFacingError)?.explanation ?? "\(error)"
  }

  @Test("Who waits is told when another ends, does not answer, never comes, or has the same number")
  func failures() async throws {
    var port = try "\(LoopbackPort.free())"
    let ended = await each(2) { [port] rank in
      let group = try ProcessGroup(process(rank, of: 2, port: port), timeout: .seconds(20))
      if rank == 0 { _ = try group.gathered([1]) }
    }
    #expect(
      message(ended[0]) == "Process 1 of 2 stops, because another process has ended. "
        + "See that process's messages. 'train' goes on with --resume.")

    port = try "\(LoopbackPort.free())"
    let silent = await each(2) { [port] rank in
      let group = try ProcessGroup(process(rank, of: 2, port: port), timeout: .seconds(1))
      if rank == 0 { _ = try group.gathered([1]) } else { Thread.sleep(forTimeInterval: 4) }
      withExtendedLifetime(group) {}
    }
    #expect(
      message(silent[0])
        == "Process 1 of 2 stops, because another process has not answered for 1 s. See whether it hangs, "
        + "and the network. --process-timeout waits longer. 'train' goes on with --resume.")

    port = try "\(LoopbackPort.free())"
    let missing = await each(1) { [port] rank in
      _ = try ProcessGroup(process(rank, of: 2, port: port), timeout: .seconds(1))
    }
    #expect(
      message(missing[0])
        == "Process 1 of 2 found not all of the others at 127.0.0.1:\(port) within 1 s. See that all are "
        + "started, that the address can be reached from each machine, and --process-timeout.")

    port = try "\(LoopbackPort.free())"
    let same = await each(3) { [port] rank in
      _ = try ProcessGroup(process(min(rank, 1), of: 3, port: port), timeout: .seconds(3))
    }
    let twice =
      "Process 2 of 3 cannot meet the others at 127.0.0.1:\(port): another process has this number too. "
      + "Each process needs a number of its own: see RANK and WORLD_SIZE."
    #expect(same.map(message).contains(twice))
  }

  @Test("Whoever still has work to do is waited for longer than a step may take, and missed at once if it ends")
  func working() async throws {
    var port = try "\(LoopbackPort.free())"
    let late = await each(2) { [port] rank in
      let group = try ProcessGroup(process(rank, of: 2, port: port), timeout: .seconds(1))
      if rank == 1 { Thread.sleep(forTimeInterval: 3) }
      try group.meet()
      return try group.gathered([UInt8(rank)])
    }
    for result in late { #expect(try result.get() == [[0], [1]]) }

    port = try "\(LoopbackPort.free())"
    let ended = await each(2) { [port] rank in
      let group = try ProcessGroup(process(rank, of: 2, port: port), timeout: .seconds(20))
      if rank == 0 { try group.meet() }
    }
    #expect(message(ended[0]).hasPrefix("Process 1 of 2 stops, because another process has ended."))
  }

  @Test("A port in use, and a host that there is not, are named")
  func addresses() async throws {
    let port = try "\(LoopbackPort.free())"
    let taken = await each(2) { rank in
      _ = try ProcessGroup(process(0, of: 2, port: port), timeout: .seconds(2))
    }
    #expect(
      taken.map(message).contains(
        "Process 1 of 2 cannot meet the others at 127.0.0.1:\(port): port \(port) of 127.0.0.1 is in use. "
          + "Give another MASTER_PORT."))
    let nowhere = try LaunchedProcess(
      in: ["RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "nowhere.invalid", "MASTER_PORT": "29500"])
    let unknown = await each(1) { _ in _ = try ProcessGroup(#require(nowhere), timeout: .seconds(1)) }
    #expect(
      message(unknown[0]).hasPrefix("Process 2 of 2 cannot meet the others at nowhere.invalid:29500: no such host ("))
  }
}

@Suite("What launchers say of a process")
struct LaunchedProcessTests {
  private func process(_ environment: [String: String]) throws -> LaunchedProcess? {
    try LaunchedProcess(in: environment)
  }

  private func message(_ environment: [String: String]) -> String {
    (#expect(throws: LaunchError.self) { try LaunchedProcess(in: environment) })?.problem ?? ""
  }

  @Test("torchrun: the agent serves where it says so, and an attempt has its own meeting")
  func torchrun() throws {
    var environment = [
      "RANK": "2", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "1234",
    ]
    let third = try #require(try process(environment))
    #expect(
      third.rank == 2 && third.size == 4 && third.localSize == 2 && third.host == "10.0.0.1" && third.port == 1234)
    #expect(third.title == "Process 3 of 4" && !third.servesMeeting && third.attempt == "0")
    environment["RANK"] = "0"
    #expect(try process(environment)?.servesMeeting == true)
    environment["TORCHELASTIC_USE_AGENT_STORE"] = "True"
    environment["TORCHELASTIC_RESTART_COUNT"] = "2"
    #expect(try process(environment)?.servesMeeting == false)
    #expect(try process(environment)?.attempt == "2")
  }

  @Test("Slurm: a step of several tasks, on the first of its machines; a batch script is one process")
  func slurm() throws {
    let batch = ["SLURM_PROCID": "0", "SLURM_NTASKS": "4", "SLURM_JOB_ID": "123456"]
    #expect(try process(batch) == nil)
    let step = batch.merging([
      "SLURM_PROCID": "3", "SLURM_STEP_NUM_TASKS": "4", "SLURM_STEP_NODELIST": "a[3-5,9],b1",
      "SLURM_STEP_TASKS_PER_NODE": "2(x2)",
    ]) { $1 }
    let fourth = try #require(try process(step))
    #expect(
      fourth.rank == 3 && fourth.size == 4 && fourth.host == "a3" && fourth.port == 18456 && fourth.localSize == 2)
    for (list, first) in [
      ("node7", "node7"), ("x,y", "x"), ("n[001-100]", "n001"), ("b2,c[1-2]", "b2"), ("gpu[10,12]-ib", "gpu10-ib"),
    ] {
      #expect(try process(step.merging(["SLURM_STEP_NODELIST": list]) { $1 })?.host == first)
    }
    #expect(try process(step.merging(["MASTER_ADDR": "h", "MASTER_PORT": "9"]) { $1 })?.host == "h")
  }

  @Test("MPI: on one machine no address is needed", arguments: ["OMPI_COMM_WORLD", "MV2_COMM_WORLD"])
  func mpi(prefix: String) throws {
    let set = ["\(prefix)_RANK": "1", "\(prefix)_SIZE": "2", "\(prefix)_LOCAL_SIZE": "2"]
    let second = try #require(try process(set))
    #expect(second.rank == 1 && second.size == 2 && second.host == "127.0.0.1" && second.port == 29500)
    #expect(
      message(set.merging(["\(prefix)_LOCAL_SIZE": "1"]) { $1 })
        == "\(prefix)_RANK and \(prefix)_SIZE are set and MASTER_ADDR is not")
    #expect(try process(["PMI_RANK": "1", "PMI_SIZE": "2", "MASTER_ADDR": "h"])?.rank == 1)
  }

  @Test("All are on one machine where their launcher says so, or where they meet at the number that each machine has")
  func machines() throws {
    let set = ["RANK": "0", "WORLD_SIZE": "2", "MASTER_PORT": "1"]
    for (address, local, isOne) in [
      ("127.0.0.1", nil, true), ("127.0.0.1", "2", true), ("127.0.0.1", "1", false), ("::1", nil, true),
      ("node7", nil, false), ("node7", "2", true), ("localhost", nil, false),
    ] as [(String, String?, Bool)] {
      let all = set.merging(["MASTER_ADDR": address, "LOCAL_WORLD_SIZE": local ?? ""]) { $1 }
      #expect(try process(all)?.isOnOneMachine == isOne, "\(address), \(local ?? "unknown")")
    }
  }

  @Test("One process is none of several")
  func one() throws {
    #expect(try process([:]) == nil)
    #expect(try process(["RANK": "0", "WORLD_SIZE": "1"]) == nil)
    #expect(try process(["RANK": "", "WORLD_SIZE": ""]) == nil)
  }

  @Test("Half a set, and numbers that are none, are named")
  func faults() {
    #expect(message(["WORLD_SIZE": "2"]) == "WORLD_SIZE is set and RANK is not")
    #expect(message(["RANK": "0"]) == "RANK is set and WORLD_SIZE is not")
    #expect(message(["RANK": "0", "WORLD_SIZE": "2"]) == "RANK and WORLD_SIZE are set and MASTER_ADDR is not")
    #expect(message(["RANK": "x", "WORLD_SIZE": "2"]) == "RANK is 'x': a number was expected")
    #expect(
      message(["RANK": "2", "WORLD_SIZE": "2"]) == "RANK is 2 and WORLD_SIZE is 2: the numbers go from 0 to one below")
    for local in [0, -1, 3] {
      #expect(
        message(["RANK": "1", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "\(local)", "MASTER_ADDR": "h"])
          == "LOCAL_WORLD_SIZE is \(local) and WORLD_SIZE is 2: from 1 to 2 of them are on one machine")
    }
    #expect(
      message(["RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "h", "MASTER_PORT": "70000"])
        == "MASTER_PORT is 70000: a port goes from 1 to 65535")
  }
}
