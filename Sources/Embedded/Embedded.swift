import Foundation

/// The checkpoint and the images that ship with the package, so that the first command needs no download.
public enum Embedded {
  /// `tiny-clip`: a small but real CLIP in open_clip's folder form. Its card is `README.md` inside.
  public static let tinyCLIP = Bundle.module.bundleURL.appending(path: "tiny-clip", directoryHint: .isDirectory)
  /// `openclipart`: 28 classes of public-domain drawings with a split file. `SOURCES.tsv` lists each original.
  public static let openclipart = Bundle.module.bundleURL.appending(path: "openclipart", directoryHint: .isDirectory)
}
