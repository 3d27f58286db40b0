import Support

/// A process that a launcher has started as one of several, and where they meet: what torchrun, Slurm and MPI write into
/// the environment.
public struct LaunchedProcess: Sendable, Equatable {
  /// The number of this process, from 0.
  public let rank: Int
  public let size: Int
  /// The number of these processes on this machine; `nil` where it is unknown.
  public let localSize: Int?
  /// Where the processes meet.
  public let host: String
  public let port: UInt16
  /// Whether this process listens there: process 0, unless the launcher itself does.
  public let servesMeeting: Bool
  /// What tells this start from earlier ones at the same address.
  public let attempt: String
  /// The variables that this was read from, for messages.
  public let variables: String

  /// What a person calls this process: "Process 2 of 4".
  public var title: String { "Process \(rank + 1) of \(size)" }

  /// Whether all processes are on this machine, as far as the launcher says; where it does not, whether they meet at a
  /// number that every machine has for itself. A name does not tell: many machines call themselves 127.0.1.1.
  package var isOnOneMachine: Bool { localSize.map { $0 == size } ?? (host.hasPrefix("127.") || host == "::1") }

  /// The process that `environment` describes; `nil` where there is one process.
  ///
  /// In this order: RANK and WORLD_SIZE (torchrun, PyTorchJob), a Slurm step of several tasks, Open MPI, MPICH and its
  /// kin. A batch script of Slurm is one process.
  ///
  /// - Throws: ``LaunchError`` where a part of a set is missing, is no number, or is none that can be.
  public init?(in environment: [String: String]) throws {
    let environment = Environment(environment)
    guard let (launcher, rank, size) = try Launcher.place(in: environment) else { return nil }
    guard size > 0, (0..<size).contains(rank) else {
      throw LaunchError(
        "\(launcher.rank) is \(rank) and \(launcher.size) is \(size): the numbers go from 0 to one below")
    }
    guard size > 1 else { return nil }
    self.rank = rank
    self.size = size
    variables = "\(launcher.rank) and \(launcher.size)"
    let localSize = try launcher.localSize.flatMap { try environment.integer($0) }
    if let name = launcher.localSize, let localSize, !(1...size).contains(localSize) {
      throw LaunchError(
        "\(name) is \(localSize) and \(launcher.size) is \(size): from 1 to \(size) of them are on one machine")
    }
    self.localSize = localSize
    host = try environment["MASTER_ADDR"] ?? launcher.host(environment, size: size, localSize: localSize)
    let number = try environment.integer("MASTER_PORT") ?? launcher.port(environment)
    guard let port = UInt16(exactly: number), port > 0 else {
      throw LaunchError("MASTER_PORT is \(number): a port goes from 1 to 65535")
    }
    self.port = port
    servesMeeting = rank == 0 && environment["TORCHELASTIC_USE_AGENT_STORE"] != "True"
    attempt = environment["TORCHELASTIC_RESTART_COUNT"] ?? "0"
  }
}

/// The names that a launcher gives to what a process has to know.
private struct Launcher {
  let rank: String
  let size: String
  let localSize: String?
  let kind: Kind

  enum Kind { case torchrun, slurm, mpi }

  static let torchrun = Launcher(rank: "RANK", size: "WORLD_SIZE", localSize: "LOCAL_WORLD_SIZE", kind: .torchrun)
  static let slurm = Launcher(
    rank: "SLURM_PROCID", size: "SLURM_STEP_NUM_TASKS", localSize: "SLURM_STEP_TASKS_PER_NODE", kind: .slurm)
  static let others = [
    Launcher(
      rank: "OMPI_COMM_WORLD_RANK", size: "OMPI_COMM_WORLD_SIZE", localSize: "OMPI_COMM_WORLD_LOCAL_SIZE", kind: .mpi),
    Launcher(
      rank: "MV2_COMM_WORLD_RANK", size: "MV2_COMM_WORLD_SIZE", localSize: "MV2_COMM_WORLD_LOCAL_SIZE", kind: .mpi),
    Launcher(rank: "PMI_RANK", size: "PMI_SIZE", localSize: nil, kind: .mpi),
  ]

  /// The launcher whose variables are set, and the place of this process by them.
  static func place(in environment: Environment) throws -> (Launcher, rank: Int, size: Int)? {
    let isStep = try (environment.integer(slurm.size) ?? 1) > 1
    for launcher in [torchrun] + (isStep ? [slurm] : []) + others {
      let (rank, size) = try (environment.integer(launcher.rank), environment.integer(launcher.size))
      if let rank, let size { return (launcher, rank, size) }
      guard rank == nil, size == nil else {
        let (missing, given) = rank == nil ? (launcher.rank, launcher.size) : (launcher.size, launcher.rank)
        throw LaunchError("\(given) is set and \(missing) is not")
      }
    }
    return nil
  }

  /// Where the processes meet, where the environment does not say it: on Slurm the first machine of the step.
  func host(_ environment: Environment, size: Int, localSize: Int?) throws -> String {
    switch kind {
    case .slurm:
      for name in ["SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST"] {
        if let nodes = environment[name], let first = Self.firstNode(of: nodes) { return first }
      }
    case .mpi: if localSize == size { return "127.0.0.1" }
    case .torchrun: break
    }
    throw LaunchError("\(rank) and \(self.size) are set and MASTER_ADDR is not")
  }

  func port(_ environment: Environment) -> Int {
    guard kind == .slurm, let job = environment["SLURM_JOB_ID"], let digits = Int(job.suffix(4)) else { return 29500 }
    return 15000 + digits
  }

  /// The first machine of Slurm's short form, such as "a3" of "a[3-5,9],b1".
  static func firstNode(of list: String) -> String? {
    guard let open = list.firstIndex(of: "[") else { return list.split(separator: ",").first.map(String.init) }
    let before = list[..<open]
    if let comma = before.firstIndex(of: ",") { return String(before[..<comma]) }
    guard let close = list[open...].firstIndex(of: "]") else { return nil }
    let number = list[list.index(after: open)..<close].prefix { $0.isNumber }
    guard !number.isEmpty else { return nil }
    let rest = list[list.index(after: close)...].prefix { $0 != "," }
    return String(before) + number + rest
  }
}

/// Variables by name; one without a value is not set.
private struct Environment {
  private let variables: [String: String]

  init(_ variables: [String: String]) { self.variables = variables }

  subscript(name: String) -> String? { variables[name].flatMap { $0.isEmpty ? nil : $0 } }

  /// - Throws: ``LaunchError`` where the value is no number. Slurm's "2(x3)" is its first number.
  func integer(_ name: String) throws -> Int? {
    guard let value = self[name] else { return nil }
    let digits = name.hasSuffix("TASKS_PER_NODE") ? String(value.prefix { $0.isNumber }) : value
    guard let number = Int(digits) else { throw LaunchError("\(name) is '\(value)': a number was expected") }
    return number
  }
}

/// An environment that describes a process of several by half.
public struct LaunchError: UserFacingError, Equatable {
  public let problem: String
  public let remedy: String? = "Set the whole set, as torchrun does, or none of it, or give --processes off"

  init(_ problem: String) { self.problem = problem }
}
