import Foundation
import TestSupport
import Testing
import Yams

@Suite("The examples for clusters do what they say, as far as it goes without a cluster")
struct DeployTests {
  private static let deploy = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../Deploy").standardizedFileURL

  /// Tars with one photo each.
  private static func writeTars(_ count: Int, in place: Workplace, folder: String) throws {
    let photo = try Data(contentsOf: URL(filePath: Short.photo))
    for index in 0..<count {
      let name = String(repeating: "0", count: 5 - "\(index)".count) + "\(index)"
      var tar = TarWriter()
      tar.add("\(name)0000.jpg", photo)
      try place.write(tar.whole, to: "\(folder)/\(name).tar")
    }
  }

  private static func manifests(_ name: String) throws -> [[String: Any]] {
    let text = try String(contentsOf: deploy.appending(path: "kubernetes/\(name)"), encoding: .utf8)
    return try Yams.load_all(yaml: text).compactMap { $0 as? [String: Any] }
  }

  private static func spec(_ manifest: [String: Any]?) throws -> [String: Any] {
    try #require(manifest?["spec"] as? [String: Any])
  }

  private static func pod(_ spec: [String: Any]) throws -> [String: Any] {
    try Self.spec(spec["template"] as? [String: Any])
  }

  private static func container(_ spec: [String: Any]) throws -> [String: Any] {
    try #require((pod(spec)["containers"] as? [[String: Any]])?.first)
  }

  /// A Slurm script with the variables of a task, and the built tool as `cocoop` on the path.
  private static func run(
    _ script: String, in place: Workplace, task: Int, of count: Int, _ variables: [String: String]
  ) throws -> Outcome {
    let path = deploy.appending(path: "slurm/\(script)").path
    // The launcher gets the tool's path as its last argument.
    let launcher = ["sh", "-c", "mkdir -p bin; ln -sf \"$1\" bin/cocoop; PATH=$PWD/bin:$PATH exec \"$0\"", path]
    return try place.start(
      [], under: launcher,
      environment: variables.merging([
        "SLURM_ARRAY_TASK_ID": "\(task)", "SLURM_ARRAY_TASK_COUNT": "\(count)", "SLURM_ARRAY_TASK_MIN": "0",
        "SLURM_ARRAY_TASK_STEP": "1", "SLURM_CPUS_PER_TASK": "1",
      ]) { $1 }
    ).outcome()
  }

  /// What `srun` does for two tasks of a step.
  private static let srun = """
    #!/bin/sh
    while [ "${1#--}" != "$1" ]; do shift; done
    for task in 1 0; do
      SLURM_PROCID=$task SLURM_STEP_NUM_TASKS=2 SLURM_STEP_NODELIST=127.0.0.1 SLURM_STEP_TASKS_PER_NODE=2 "$@" &
    done
    wait
    """

  @Test("Slurm: two tasks of a step train one run, and go on with it when they are started again")
  func training() throws {
    try withWorkplace { place in
      try SmallTraining.prepare(place)
      let srun = try place.write(Self.srun, to: "bin/srun")
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: srun.path)
      let port = try LoopbackPort.free()
      let variables = ["PHOTOS": "data/images", "OUTPUT": "run", "MASTER_PORT": "\(port)"]
      for _ in 0..<2 {
        let outcome = try Self.run("train.sh", in: place, task: 0, of: 1, variables)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.errors.contains("process 2 of 2, 1 thread"))
      }
      #expect(try place.cocoop("predict --run run data/images/bird/000.jpg --format csv").status == 0)
    }
  }

  @Test("Kubernetes: each pod of a training knows its number, how many there are, and where they meet")
  func trainingJob() throws {
    let manifests = try Self.manifests("train.yaml")
    #expect(manifests.map { $0["kind"] as? String } == ["Service", "Job"])
    let job = try Self.spec(manifests.last)
    let container = try Self.container(job)
    let variables = try #require(container["env"] as? [[String: Any]])
    #expect(variables.compactMap { $0["name"] as? String } == ["RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"])
    #expect(variables[1]["value"] as? String == "\(job["completions"] as? Int ?? 0)")
    let name = (manifests[0]["metadata"] as? [String: Any])?["name"] as? String
    #expect(variables[2]["value"] as? String == "cocoop-train-0.\(name ?? "")")
    #expect(try Self.pod(job)["subdomain"] as? String == name)
    // The shell's part of the command, with a tool that prints its arguments.
    let command = try #require(container["command"] as? [String])
    let script = command[2].replacing("/opt/cocoop/bin/cocoop", with: "echo")
    try withWorkplace { place in
      let inPlace = script.replacing("/data/", with: "\(place.url.path)/")
      func printed() throws -> String {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(filePath: command[0])
        process.arguments = [command[1], inPlace] + command[3...]
        process.standardOutput = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self)
      }
      #expect(try !printed().contains("--resume"))
      try place.write("{}", to: "run/run.json")
      #expect(try printed().hasSuffix("--process-timeout 300 --resume\n"))
    }
  }

  @Test("Slurm: an array of two names the photos of three tars, and another of two runs a comparison")
  func slurm() throws {
    try withWorkplace { place in
      try Self.writeTars(3, in: place, folder: "shards")
      #expect(try place.cocoop(Short.train("zero-shot", output: "run")).status == 0)
      let variables = ["RUN": "run", "PHOTOS": "shards/{00000..00002}.tar", "OUTPUT": "answers"]
      for task in 0..<2 {
        let outcome = try Self.run("predict.sh", in: place, task: task, of: 2, variables)
        #expect(outcome.status == 0, "\(outcome.errors)")
      }
      let gathered = try place.cocoop("predict --gather --output answers --format csv")
      #expect(gathered.status == 0 && gathered.output.contains("shards/00002.tar/000020000.jpg,1,"))

      try SmallComparison.write("one", in: place)
      let options = ["MODEL": "tiny-clip", "DATA": ".", "DATASETS": "dtd", "OUTPUT": "comparison"]
      // Without the benchmark's files, the unit says so: what is tested is the command line.
      let outcome = try Self.run("reproduce.sh", in: place, task: 0, of: 1, options)
      #expect(outcome.status == 1 && outcome.errors.contains("DTD failed: "), "\(outcome.errors)")
      let nothing = try Self.run("predict.sh", in: place, task: 0, of: 1, [:])
      #expect(nothing.status != 0 && nothing.errors.contains("RUN: the run folder"))
    }
  }

  @Test("Kubernetes: every pod of the Job does its part of a hundred tars, and nothing is twice or missing")
  func job() throws {
    try withWorkplace { place in
      let manifest = try #require(Self.manifests("predict.yaml").first)
      #expect(manifest["kind"] as? String == "Job")
      let spec = try Self.spec(manifest)
      #expect(spec["completionMode"] as? String == "Indexed")
      let pods = try #require(spec["completions"] as? Int)
      let command = try #require(Self.container(spec)["command"] as? [String])
      #expect(command.first == "/opt/cocoop/bin/cocoop" && command.contains("array/\(pods)"))
      try Self.writeTars(100, in: place, folder: "data/shards")
      #expect(try place.cocoop(Short.train("zero-shot", output: "data/run")).status == 0)
      let arguments = command.dropFirst().map { $0.replacing("/data/", with: "data/") }
      for index in 0..<pods {
        let outcome = try place.start(arguments, environment: ["JOB_COMPLETION_INDEX": "\(index)"]).outcome()
        #expect(outcome.status == 0, "\(outcome.errors)")
      }
      let gathered = try place.cocoop("predict --gather --output data/answers --format jsonl")
      let lines = gathered.output.split(separator: "\n")
      #expect(gathered.status == 0 && lines.count == 100)
      #expect(lines.enumerated().allSatisfy { $1.contains(String(format: "%05d.tar/%05d0000.jpg", $0, $0)) })
    }
  }

  @Test("Kubernetes: the server's probes, limits and grace fit what it promises")
  func deployment() throws {
    let manifests = try Self.manifests("serve.yaml")
    #expect(manifests.map { $0["kind"] as? String } == ["Deployment", "Service", "PodDisruptionBudget"])
    let spec = try Self.spec(manifests.first)
    let (pod, container) = (try Self.pod(spec), try Self.container(spec))
    func probe(_ name: String) -> String? {
      ((container[name] as? [String: Any])?["httpGet"] as? [String: Any])?["path"] as? String
    }
    #expect(probe("startupProbe") == "/readyz" && probe("readinessProbe") == "/readyz")
    #expect(probe("livenessProbe") == "/healthz")
    #expect((container["resources"] as? [String: Any])?["limits"] != nil)
    let command = try #require(container["command"] as? [String])
    func number(after option: String) throws -> Double {
      let index = try #require(command.firstIndex(of: option))
      return try #require(Double(command[index + 1]))
    }
    let preStop =
      (((container["lifecycle"] as? [String: Any])?["preStop"] as? [String: Any])?["exec"] as? [String: Any])?[
        "command"] as? [String]
    let pause = try #require(preStop?.last.flatMap(Double.init))
    let grace = try #require(pod["terminationGracePeriodSeconds"] as? Int)
    #expect(try number(after: "--patience") < number(after: "--stop-limit"))
    #expect(try Double(grace) > pause + number(after: "--stop-limit") + 2)
    // The options are the server's: it is stopped after parsing by an impossible number of threads.
    try withWorkplace { place in
      let outcome = try place.cocoop(command.dropFirst() + ["--threads", "0"])
      #expect(outcome.errors == "Error: Cannot compute with 0 threads. Give a number from 1 to 1024.\n")
    }
  }
}
