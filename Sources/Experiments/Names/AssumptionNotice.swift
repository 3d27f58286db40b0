import CLIP

extension CLIPModel {
  /// What a person should know of a checkpoint that does not state everything, in one line without its full stop; `nil`
  /// where all is stated.
  public var assumptionNotice: String? {
    guard !configuration.assumptions.isEmpty else { return nil }
    return "\(name) leaves something open (\(configuration.assumptions.joined(separator: "; ")))."
      + " Where the model was trained otherwise, give a folder whose open_clip_config.json says how;"
      + " 'cocoop models convert' writes one to start from"
  }
}
