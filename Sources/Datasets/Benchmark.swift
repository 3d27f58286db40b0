import Foundation

/// The eleven datasets that the paper evaluates on, and where their authors' files lie (CoOp, `DATASETS.md`).
public enum Benchmark: String, CaseIterable, Sendable {
  case imageNet = "ImageNet"
  case caltech101 = "Caltech101"
  case oxfordPets = "OxfordPets"
  case stanfordCars = "StanfordCars"
  case flowers102 = "Flowers102"
  case food101 = "Food101"
  case fgvcAircraft = "FGVCAircraft"
  case sun397 = "SUN397"
  case dtd = "DTD"
  case euroSAT = "EuroSAT"
  case ucf101 = "UCF101"

  /// The benchmark of that name; case and punctuation don't count (`oxford_flowers`, `OxfordFlowers`, `flowers102`).
  public init?(named name: String) {
    let key = Self.key(name)
    guard let match = Self.allCases.first(where: { $0.spellings.map(Self.key).contains(key) }) else { return nil }
    self = match
  }

  private static func key(_ name: String) -> String { name.lowercased().filter { $0.isLetter || $0.isNumber } }

  private var spellings: [String] {
    let published = splitFile?.dropFirst("split_zhou_".count).dropLast(".json".count)
    return [rawValue, folder] + [published].compactMap { $0.map(String.init) }
  }

  /// The folder under a data root.
  public var folder: String {
    switch self {
    case .imageNet: "imagenet"
    case .caltech101: "caltech-101"
    case .oxfordPets: "oxford_pets"
    case .stanfordCars: "stanford_cars"
    case .flowers102: "oxford_flowers"
    case .food101: "food-101"
    case .fgvcAircraft: "fgvc_aircraft"
    case .sun397: "sun397"
    case .dtd: "dtd"
    case .euroSAT: "eurosat"
    case .ucf101: "ucf101"
    }
  }

  /// The folder under ``folder`` that paths are relative to; empty where they are relative to ``folder`` itself.
  public var images: String {
    switch self {
    case .imageNet, .oxfordPets, .food101, .fgvcAircraft, .dtd: "images"
    case .caltech101: "101_ObjectCategories"
    case .stanfordCars: ""
    case .flowers102: "jpg"
    case .sun397: "SUN397"
    case .euroSAT: "2750"
    case .ucf101: "UCF-101-midframes"
    }
  }

  /// The published split file, or `nil` where the authors published none: ImageNet and Aircraft have their own lists.
  public var splitFile: String? {
    switch self {
    case .imageNet, .fgvcAircraft: nil
    case .flowers102: "split_zhou_OxfordFlowers.json"
    case .dtd: "split_zhou_DescribableTextures.json"
    default: "split_zhou_\(rawValue).json"
    }
  }

  var zeroShotText: String {
    switch self {
    case .oxfordPets: "a photo of a {}, a type of pet."
    case .flowers102: "a photo of a {}, a type of flower."
    case .fgvcAircraft: "a photo of a {}, a type of aircraft."
    case .dtd: "{} texture."
    case .euroSAT: "a centered satellite photo of {}."
    case .food101: "a photo of {}, a type of food."
    case .ucf101: "a photo of a person doing {}."
    case .imageNet, .caltech101, .stanfordCars, .sun397: PromptTemplate.photo.text
    }
  }

  /// The benchmark whose images lie in a folder of this name and whose class folders are not yet class names.
  init?(imageFolderNamed name: String) {
    guard name == Self.caltech101.images else { return nil }
    self = .caltech101
  }

  /// The class name of a class folder, or `nil` for one that is no class (CoOp, `datasets/caltech101.py`).
  func className(ofFolder folder: String) -> String? {
    guard self == .caltech101 else { return folder }
    return switch folder {
    case "BACKGROUND_Google", "Faces_easy": nil
    case "airplanes": "airplane"
    case "Faces": "face"
    case "Leopards": "leopard"
    case "Motorbikes": "motorbike"
    default: folder
    }
  }
}

extension Dataset {
  /// Reads a published benchmark, laid out under `root` as its authors describe.
  ///
  /// - Throws: ``DatasetError``; ``DatasetError/noPublishedSplit(benchmark:)`` for ImageNet and Aircraft.
  public init(_ benchmark: Benchmark, root: URL) throws {
    guard let splitFile = benchmark.splitFile else {
      throw DatasetError.noPublishedSplit(benchmark: benchmark.rawValue)
    }
    let folder = root.appending(path: benchmark.folder, directoryHint: .isDirectory)
    let images =
      benchmark.images.isEmpty
      ? folder : folder.appending(path: benchmark.images, directoryHint: .isDirectory)
    try self.init(splitFile: folder.appending(path: splitFile), images: images)
  }
}
