import Acquisition

/// The class names that speed is measured with.
package enum BenchmarkNames {
  /// The most that there are to take: as many as half of ImageNet's, the longest list of the paper's comparisons.
  package static let limit = 500

  /// The first `count` of ``CaltechNames``, then of the other split files that come with the package, each once.
  ///
  /// - Throws: `AcquisitionError` where the package's own copy of a file is damaged.
  package static func first(_ count: Int) throws -> [String] {
    guard count > CaltechNames.all.count else { return Array(CaltechNames.all.prefix(count)) }
    var seen = Set(CaltechNames.all.map { $0.lowercased() })
    let others = try PublishedSplits.classNames().filter { seen.insert($0.lowercased()).inserted }
    return Array((CaltechNames.all + others).prefix(count))
  }
}

/// The 100 class names of Caltech101's published split (Li, Andreetto, Ranzato, Perona), in its order: the usual
/// classes for measuring the speed of prompt learning, here and in the literature.
enum CaltechNames {
  static let all = [
    "face", "leopard", "motorbike", "accordion", "airplane", "anchor", "ant", "barrel", "bass", "beaver", "binocular",
    "bonsai", "brain", "brontosaurus", "buddha", "butterfly", "camera", "cannon", "car_side", "ceiling_fan",
    "cellphone", "chair", "chandelier", "cougar_body", "cougar_face", "crab", "crayfish", "crocodile",
    "crocodile_head", "cup", "dalmatian", "dollar_bill", "dolphin", "dragonfly", "electric_guitar", "elephant", "emu",
    "euphonium", "ewer", "ferry", "flamingo", "flamingo_head", "garfield", "gerenuk", "gramophone", "grand_piano",
    "hawksbill", "headphone", "hedgehog", "helicopter", "ibis", "inline_skate", "joshua_tree", "kangaroo", "ketch",
    "lamp", "laptop", "llama", "lobster", "lotus", "mandolin", "mayfly", "menorah", "metronome", "minaret",
    "nautilus", "octopus", "okapi", "pagoda", "panda", "pigeon", "pizza", "platypus", "pyramid", "revolver", "rhino",
    "rooster", "saxophone", "schooner", "scissors", "scorpion", "sea_horse", "snoopy", "soccer_ball", "stapler",
    "starfish", "stegosaurus", "stop_sign", "strawberry", "sunflower", "tick", "trilobite", "umbrella", "watch",
    "water_lilly", "wheelchair", "wild_cat", "windsor_chair", "wrench", "yin_yang",
  ]
}
