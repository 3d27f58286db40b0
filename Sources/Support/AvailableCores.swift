import Foundation

/// The processor cores that this process may use: fewer than the machine has in a container or under `taskset`.
public enum AvailableCores {
  /// The cores of the affinity mask, or as many as the quota of the process's control groups amounts to, rounded up, if
  /// that is less.
  public static let count: Int = min(
    ProcessInfo.processInfo.activeProcessorCount, quota(under: "/").map { max(1, Int($0.rounded(.up))) } ?? .max)

  /// The smallest share of processor time that a control group of this process allows, in cores; `nil` without one.
  ///
  /// Version 2 states it in `cpu.max` of each group from the process's own to the root (Linux,
  /// Documentation/admin-guide/cgroup-v2.rst), version 1 in `cpu.cfs_quota_us` and `cpu.cfs_period_us`. A file that is
  /// missing, says `max` or makes no sense is no limit.
  ///
  /// - Parameter root: where `proc` and `sys` are; `/` but in tests.
  package static func quota(under root: String) -> Double? {
    let groups = text(root + "/proc/self/cgroup").split(separator: "\n").compactMap { line -> (String, String)? in
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      return fields.count == 3 ? (String(fields[1]), String(fields[2])) : nil
    }
    let limits = groups.flatMap { controllers, path -> [Double] in
      if controllers.isEmpty {
        return ancestors(of: path).compactMap { ratio(text("\(root)/sys/fs/cgroup\($0)/cpu.max")) }
      }
      guard controllers.split(separator: ",").contains("cpu") else { return [] }
      return ancestors(of: path).compactMap {
        let folder = "\(root)/sys/fs/cgroup/\(controllers)\($0)"
        return ratio(text("\(folder)/cpu.cfs_quota_us") + " " + text("\(folder)/cpu.cfs_period_us"))
      }
    }
    return limits.min()
  }

  /// A group's path and those of the groups around it, the root's being empty: "/a/b", "/a", "".
  private static func ancestors(of path: String) -> [String] {
    let names = path.split(separator: "/").filter { $0 != ".." }
    return (0...names.count).reversed().map { names.prefix($0).map { "/" + $0 }.joined() }
  }

  /// A quota and a period in microseconds, as a number of cores; `nil` for "max", -1 and what makes no sense.
  private static func ratio(_ text: String) -> Double? {
    let numbers = text.split(whereSeparator: \.isWhitespace).map { Double($0) }
    guard numbers.count == 2, let quota = numbers[0], let period = numbers[1], quota > 0, period > 0 else { return nil }
    let cores = quota / period
    return cores.isFinite && cores < 100_000 ? cores : nil
  }

  private static func text(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }
}
