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
