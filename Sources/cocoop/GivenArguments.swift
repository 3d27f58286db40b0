import Foundation
import Support

/// The arguments of the command line as texts of this package.
enum GivenArguments {
  /// The system's arguments, without the tool's name. An argument that is not UTF-8 is spelled as `FileName` spells
  /// names, and the name of a file that exists only in another Unicode form is replaced by that form, with a notice.
  static func spelled() -> [String] {
    let pointers = CommandLine.unsafeArgv
    let given = (1..<max(Int(CommandLine.argc), 1)).compactMap { index in
      pointers[index].map { FileName.spelling(given: UnsafeRawBufferPointer(start: $0, count: strlen($0))) }
    }
    var search = SpellingSearch()
    return given.map { argument in
      guard !argument.utf8.allSatisfy({ $0 < 0x80 }) else { return argument }
      let (option, value) = split(argument)
      guard !value.isEmpty, !FileSystem.exists(value), let found = search.find(value, in: "") else { return argument }
      if !given.contains("--quiet") {
        StandardError.write(
          "note: \(value.onOneLine) is written in another Unicode form on disk, and was found all the same.\n")
      }
      return option + found.path
    }
  }

  /// The parts of an argument: `--data=` and its value; an argument without an option is value alone.
  private static func split(_ argument: String) -> (option: String, value: String) {
    guard argument.hasPrefix("--"), let sign = argument.utf8.firstIndex(of: UInt8(ascii: "=")) else {
      return ("", argument)
    }
    let value = argument.utf8.index(after: sign)
    return (String(argument[..<value]), String(argument[value...]))
  }
}
