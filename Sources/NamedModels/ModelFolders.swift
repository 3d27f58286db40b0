import Foundation

/// The folders in which models lie, as the tools that share them find them.
public struct ModelFolders: Sendable, Equatable {
  /// The shared cache of the Hub.
  public let hub: URL
  /// OpenAI's files, and open_clip's of weights alone.
  public let openAI: URL
  /// Our own folder: for each model on the Hub, links to its files beside the configuration that belongs to them.
  public let own: URL

  public init(environment: [String: String] = ProcessInfo.processInfo.environment) {
    let home = URL(filePath: environment["HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? NSHomeDirectory())
    func folder(_ name: String) -> URL? {
      environment[name].flatMap { text in
        guard !text.isEmpty else { return nil }
        let path = text == "~" || text.hasPrefix("~/") ? home.path + text.dropFirst() : text
        return URL(filePath: path, directoryHint: .isDirectory).standardizedFileURL
      }
    }
    let cache = folder("XDG_CACHE_HOME") ?? home.appending(path: ".cache")
    hub =
      folder("HF_HUB_CACHE") ?? folder("HUGGINGFACE_HUB_CACHE") ?? folder("HF_HOME")?.appending(path: "hub")
      ?? cache.appending(path: "huggingface/hub")
    openAI = home.appending(path: ".cache/clip")  // both of its users fix it there
    own = cache.appending(path: "cocoop/models")
  }

  /// Whether a variable of Hugging Face's has one of the values that its tools take for true.
  package static func isTrue(_ value: String?) -> Bool {
    ["1", "ON", "YES", "TRUE"].contains(value?.uppercased() ?? "")
  }
}
