import Foundation

/// Names for files that are being written, beside the files that they will become.
///
/// A process id is no name: in a container the process is number 1, on a shared disk two machines have the same ones. So
/// a name carries the machine, the process and 64 random bits, and whoever makes the file makes it exclusively.
enum TemporaryName {
  /// The bytes of a name that every file system takes.
  private static let longest = 255

  /// A hidden name beside `url` that ends in `.suffix`.
  static func beside(_ url: URL, _ suffix: String) -> URL {
    let own = "\(machine)-\(getpid())-\(String(UInt64.random(in: .min ... .max), radix: 36)).\(suffix)"
    var name = url.lastPathComponent
    while name.utf8.count > longest - own.utf8.count - 2 { name.removeLast() }
    return url.deletingLastPathComponent().appending(path: ".\(name).\(own)")
  }

  /// Calls `make` with names until one is new.
  ///
  /// - Parameter make: returns whether it made the file or folder; otherwise the system's `errno` says why not.
  /// - Returns: the name, or `nil` where the system would not make it for another reason than its name.
  static func make(beside url: URL, _ suffix: String, _ make: (URL) -> Bool) -> URL? {
    for _ in 0..<100 {
      let name = beside(url, suffix)
      if make(name) { return name }
      guard errno == EEXIST else { return nil }
    }
    return nil
  }

  /// The machine's name, as far as a file name takes it.
  private static let machine: String = {
    var bytes = [CChar](repeating: 0, count: 256)
    guard gethostname(&bytes, bytes.count - 1) == 0 else { return "host" }
    let name = bytes.prefix { $0 != 0 }.map { Unicode.Scalar(UInt8(bitPattern: $0)) }.prefix { $0 != "." }
    let plain = name.filter { $0.isASCII && ($0.properties.isAlphabetic || ("0"..."9").contains($0) || $0 == "-") }
    return plain.prefix(20).map { String($0) }.joined()
  }()
}
