import Datasets
import Foundation
import Support

/// A dataset by its name in the reference's configurations (`DATASET.NAME`).
package enum ReferenceDataset: String, CaseIterable, Sendable {
  case imageNet = "ImageNet"
  case caltech101 = "Caltech101"
  case oxfordPets = "OxfordPets"
  case stanfordCars = "StanfordCars"
  case oxfordFlowers = "OxfordFlowers"
  case food101 = "Food101"
  case fgvcAircraft = "FGVCAircraft"
  case sun397 = "SUN397"
  case describableTextures = "DescribableTextures"
  case euroSAT = "EuroSAT"
  case ucf101 = "UCF101"
  case imageNetV2 = "ImageNetV2"
  case imageNetSketch = "ImageNetSketch"
  case imageNetA = "ImageNetA"
  case imageNetR = "ImageNetR"

  /// - Throws: ``CompatibilityError/unknownDataset(_:nearest:known:)``.
  init(named name: String) throws {
    guard !name.isEmpty else {
      throw CompatibilityError.missing(option: "--dataset-config-file", key: "DATASET.NAME")
    }
    guard let dataset = Self(rawValue: name) else {
      let names = Self.allCases.map(\.rawValue)
      let longer = names.filter { $0.lowercased().hasPrefix(name.lowercased()) }.min { $0.count < $1.count }
      throw CompatibilityError.unknownDataset(name, nearest: longer ?? name.nearest(among: names), known: names)
    }
    self = dataset
  }

  private var benchmark: PublishedDataset {
    switch self {
    case .imageNet: .imageNet
    case .caltech101: .caltech101
    case .oxfordPets: .oxfordPets
    case .stanfordCars: .stanfordCars
    case .oxfordFlowers: .flowers102
    case .food101: .food101
    case .fgvcAircraft: .fgvcAircraft
    case .sun397: .sun397
    case .describableTextures: .dtd
    case .euroSAT: .euroSAT
    case .ucf101: .ucf101
    case .imageNetV2: .imageNetV2
    case .imageNetSketch: .imageNetSketch
    case .imageNetA: .imageNetA
    case .imageNetR: .imageNetR
    }
  }

  /// All images, in the layout of the reference's guide under `root`.
  func load(root: URL) throws -> Dataset { try Dataset(benchmark, root: root) }

  /// The sample that an earlier run of the reference with these settings saved, and that the reference reads instead of
  /// drawing one.
  ///
  /// Only ImageNet's differs from what is drawn here: the reference draws it from listings in no defined order.
  func sample(shots: Int, seed: Int, root: URL) throws -> FewShotList? {
    try benchmark.keptSample(shots: shots, seed: seed, root: root).map(FewShotList.init(contentsOf:))
  }
}
