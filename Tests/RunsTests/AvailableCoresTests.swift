import Foundation
import Support
import TestSupport
import Testing

@Suite("A quota of processor time is found where Linux states it")
struct AvailableCoresTests {
  private func quota(_ files: [String: String]) throws -> Double? {
    try withTemporaryFolder { folder in
      for (path, text) in files {
        let file = folder.appending(path: path)
        try FileManager.default.createDirectory(
          at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: file)
      }
      return AvailableCores.quota(under: folder.path)
    }
  }

  private let inContainer = ["proc/self/cgroup": "0::/\n"]

  @Test("Version 2: the group's own, and the smallest of the groups around it")
  func second() throws {
    #expect(try quota(["proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "200000 100000\n"]) == 2)
    #expect(
      try quota([
        "proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/cpu.max": "150000 100000\n",
        "sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
      ]) == 1.5)
  }

  @Test("Version 1: quota and period of the controller cpu")
  func first() throws {
    let groups = "12:pids:/x\n4:cpu,cpuacct:/x\n1:name=systemd:/x\n"
    #expect(
      try quota([
        "proc/self/cgroup": groups, "sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us": "50000\n",
        "sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us": "100000\n",
      ]) == 0.5)
    #expect(
      try quota([
        "proc/self/cgroup": groups, "sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us": "-1\n",
        "sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us": "100000\n",
      ]) == nil)
  }

  @Test(
    "What is missing, unlimited or nonsense is no quota",
    arguments: [nil, "max 100000", "", "100000", "1 2 3", "-5 100000", "100000 0", "nan inf", "x y", "1e308 1e-308"]
      as [String?])
  func none(text: String?) throws {
    var files = inContainer
    files["sys/fs/cgroup/cpu.max"] = text
    #expect(try quota(files) == nil)
    #expect(try quota([:]) == nil)
    #expect(try quota(["proc/self/cgroup": "nonsense\n0:\n"]) == nil)
  }

  @Test("This process has at least one core, and no more than the machine")
  func here() {
    #expect((1...ProcessInfo.processInfo.processorCount).contains(AvailableCores.count))
  }
}
