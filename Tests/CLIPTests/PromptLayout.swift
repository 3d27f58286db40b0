import CLIP
import Tokenization

/// The prompt layouts of the learners, written independently of the learners' code.
enum PromptLayout: String, CaseIterable {
  case zeroShot, end, middle, front, classSpecific, conditional

  /// One prompt for each name: start, contexts and name, full stop, end.
  ///
  /// - Parameter contextCount: M; without effect on zero-shot prompts, whose context is "a photo of a".
  func prompts(_ names: [String], contextCount: Int = 4, _ tokenizer: Tokenizer) -> [[PromptSymbol]] {
    func symbols(_ text: String) -> [PromptSymbol] { tokenizer.encode(text).map(PromptSymbol.token) }
    let vectors = (0..<contextCount).map(PromptSymbol.context)
    return names.enumerated().map { label, name in
      let body =
        switch self {
        case .zeroShot: symbols("a photo of a \(name).")
        case .end, .conditional: vectors + symbols("\(name).")
        case .middle:
          vectors.prefix(contextCount / 2) + symbols(name) + vectors.dropFirst(contextCount / 2) + symbols(".")
        case .front: symbols(name) + vectors + symbols(".")
        case .classSpecific: (0..<contextCount).map { .context(label * contextCount + $0) } + symbols("\(name).")
        }
      return [.token(tokenizer.startOfText)] + body + [.token(tokenizer.endOfText)]
    }
  }
}
