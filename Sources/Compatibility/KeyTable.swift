/// The table of keys as Markdown: what `cocoop compat --keys` prints and docs/compatibility.md shows.
public enum KeyTable {
  public static var text: String {
    let rows = ConfigurationKey.all.map { key in "| `\(key.name)` | `\(key.standard)` | \(key.role) |" }
    return (["| key | default | here |", "|---|---|---|"] + rows).map { $0 + "\n" }.joined()
  }
}

extension ConfigurationKey.Role: CustomStringConvertible {
  public var description: String {
    switch self {
    case .sets(let meaning): "sets \(meaning)".replacing("sets nothing", with: "read, and sets nothing")
    case .choice(let supported, let scope, let meaning):
      "\(supported.map { "`\($0)`" }.joined(separator: " or ")) alone\(scope.suffix): \(meaning)"
    case .ignored(let reason): "warning: \(reason)"
    }
  }
}

extension ConfigurationKey.Scope {
  fileprivate var suffix: String {
    switch self {
    case .everyRun: ""
    case .training: " in training"
    case .trainer(let name): " for \(name)"
    }
  }
}
