/// The benchmarks' layouts, from the reference's guide to datasets (CoOp, `DATASETS.md`), and the rules of its readers
/// (CoOp, `datasets/*.py`). Sizes are those of the published splits.
extension PublishedDataset {
  var layout: DatasetLayout {
    switch self {
    case .imageNet: Self.imageNetLayout
    case .caltech101: Self.caltech101Layout
    case .oxfordPets: Self.oxfordPetsLayout
    case .stanfordCars: Self.stanfordCarsLayout
    case .flowers102: Self.flowers102Layout
    case .food101: Self.food101Layout
    case .fgvcAircraft: Self.fgvcAircraftLayout
    case .sun397: Self.sun397Layout
    case .dtd: Self.dtdLayout
    case .euroSAT: Self.euroSATLayout
    case .ucf101: Self.ucf101Layout
    case .imageNetV2: Self.imageNetV2Layout
    case .imageNetSketch: Self.imageNetSketchLayout
    case .imageNetA: Self.imageNetALayout
    case .imageNetR: Self.imageNetRLayout
    }
  }

  private static let imageNetLayout = DatasetLayout(
    folder: "imagenet", images: "images",
    imageFolders: [
      .init(path: "images/train", source: "the 1,000 class folders of ILSVRC2012's training images"),
      .init(path: "images/val", source: "ILSVRC2012's validation images, in 1,000 class folders"),
    ],
    lists: [.init(path: "classnames.txt", source: "classnames.txt, linked in CoOp's DATASETS.md")],
    sizes: .init(train: 1_281_167, val: 0, test: 50_000, classes: 1000), parts: ImageNetFolders.parts)

  private static let caltech101Layout = DatasetLayout(
    folder: "caltech-101", images: "101_ObjectCategories",
    imageFolders: [.init(path: "101_ObjectCategories", source: "101_ObjectCategories.tar.gz")],
    splitFile: "split_zhou_Caltech101.json",
    sizes: .init(train: 4128, val: 1649, test: 2465, classes: 100),
    folderNames: FolderNames(
      ignored: ["BACKGROUND_Google", "Faces_easy"],
      renamed: ["airplanes": "airplane", "Faces": "face", "Leopards": "leopard", "Motorbikes": "motorbike"]),
    parts: DividedFolders.parts)

  private static let oxfordPetsLayout = DatasetLayout(
    folder: "oxford_pets", images: "images", imageFolders: [.init(path: "images", source: "images.tar.gz")],
    splitFile: "split_zhou_OxfordPets.json",
    lists: ["trainval", "test"].map { .init(path: "annotations/\($0).txt", source: "annotations.tar.gz") },
    sizes: .init(train: 2944, val: 736, test: 3669, classes: 37),
    template: "a photo of a {}, a type of pet.", parts: OxfordPetsLists.parts)

  private static let stanfordCarsLayout = DatasetLayout(
    folder: "stanford_cars", images: "",
    imageFolders: ["cars_train", "cars_test"].map { .init(path: $0, source: "\($0).tgz") },
    splitFile: "split_zhou_StanfordCars.json",
    lists: [
      .init(path: "devkit/cars_train_annos.mat", source: "car_devkit.tgz"),
      .init(path: "devkit/cars_meta.mat", source: "car_devkit.tgz"),
      .init(path: "cars_test_annos_withlabels.mat", source: "cars_test_annos_withlabels.mat"),
    ],
    sizes: .init(train: 6509, val: 1635, test: 8041, classes: 196), parts: StanfordCarsAnnotations.parts)

  private static let flowers102Layout = DatasetLayout(
    folder: "oxford_flowers", images: "jpg", imageFolders: [.init(path: "jpg", source: "102flowers.tgz")],
    splitFile: "split_zhou_OxfordFlowers.json",
    lists: [
      .init(path: "imagelabels.mat", source: "imagelabels.mat"),
      .init(path: "cat_to_name.json", source: "cat_to_name.json, linked in CoOp's DATASETS.md"),
    ],
    sizes: .init(train: 4093, val: 1633, test: 2463, classes: 102),
    template: "a photo of a {}, a type of flower.", parts: Flowers102Labels.parts)

  private static let food101Layout = DatasetLayout(
    folder: "food-101", images: "images", imageFolders: [.init(path: "images", source: "food-101.tar.gz")],
    splitFile: "split_zhou_Food101.json", sizes: .init(train: 50_500, val: 20_200, test: 30_300, classes: 101),
    template: "a photo of {}, a type of food.", parts: DividedFolders.parts)

  private static let fgvcAircraftLayout = DatasetLayout(
    folder: "fgvc_aircraft", images: "images", imageFolders: [.init(path: "images", source: aircraftArchive)],
    lists: ["variants", "images_variant_train", "images_variant_val", "images_variant_test"].map {
      .init(path: "\($0).txt", source: aircraftArchive)
    },
    sizes: .init(train: 3334, val: 3333, test: 3333, classes: 100),
    template: "a photo of a {}, a type of aircraft.", parts: FGVCAircraftLists.parts)

  private static let aircraftArchive = "the folder data of fgvc-aircraft-2013b.tar.gz"

  private static let sun397Layout = DatasetLayout(
    folder: "sun397", images: "SUN397", imageFolders: [.init(path: "SUN397", source: "SUN397.tar.gz")],
    splitFile: "split_zhou_SUN397.json",
    lists: ["ClassName", "Training_01", "Testing_01"].map { .init(path: "\($0).txt", source: "Partitions.zip") },
    sizes: .init(train: 15_880, val: 3970, test: 19_850, classes: 397), parts: SUN397Lists.parts)

  private static let dtdLayout = DatasetLayout(
    folder: "dtd", images: "images", imageFolders: [.init(path: "images", source: "dtd-r1.0.1.tar.gz")],
    splitFile: "split_zhou_DescribableTextures.json", sizes: .init(train: 2820, val: 1128, test: 1692, classes: 47),
    template: "{} texture.", parts: DividedFolders.parts)

  private static let euroSATLayout = DatasetLayout(
    folder: "eurosat", images: "2750", imageFolders: [.init(path: "2750", source: "EuroSAT.zip")],
    splitFile: "split_zhou_EuroSAT.json", sizes: .init(train: 13_500, val: 5400, test: 8100, classes: 10),
    template: "a centered satellite photo of {}.",
    folderNames: FolderNames(renamed: [
      "AnnualCrop": "Annual Crop Land", "HerbaceousVegetation": "Herbaceous Vegetation Land",
      "Highway": "Highway or Road", "Industrial": "Industrial Buildings", "Pasture": "Pasture Land",
      "PermanentCrop": "Permanent Crop Land", "Residential": "Residential Buildings", "SeaLake": "Sea or Lake",
    ]),
    parts: DividedFolders.parts)

  private static let ucf101Layout = DatasetLayout(
    folder: "ucf101", images: "UCF-101-midframes",
    imageFolders: [.init(path: "UCF-101-midframes", source: "UCF-101-midframes.zip")],
    splitFile: "split_zhou_UCF101.json",
    lists: ["classInd", "trainlist01", "testlist01"].map {
      .init(path: "ucfTrainTestlist/\($0).txt", source: "UCF101's own train/test lists")
    },
    sizes: .init(train: 7639, val: 1898, test: 3783, classes: 101),
    template: "a photo of a person doing {}.", parts: UCF101Lists.parts)

  private static func variant(
    folder: String, images: String, source: String, test: Int, classes: Int,
    parts: @escaping @Sendable (PublishedDatasetFolder) throws -> SplitFile
  ) -> DatasetLayout {
    DatasetLayout(
      folder: folder, images: images, imageFolders: [.init(path: images, source: source)],
      lists: [.init(path: "classnames.txt", source: "a copy of imagenet/classnames.txt")],
      sizes: .init(train: 0, val: 0, test: test, classes: classes), parts: parts)
  }

  private static let imageNetV2Layout = variant(
    folder: "imagenetv2", images: "imagenetv2-matched-frequency-format-val",
    source: "imagenetv2-matched-frequency.tar.gz", test: 10_000, classes: 1000,
    parts: ImageNetFolders.numberedTestImages)

  private static let imageNetSketchLayout = variant(
    folder: "imagenet-sketch", images: "images", source: "the 1,000 class folders of ImageNet-Sketch", test: 50_889,
    classes: 1000, parts: ImageNetFolders.testImages)

  private static let imageNetALayout = variant(
    folder: "imagenet-adversarial", images: "imagenet-a", source: "the folder imagenet-a of ImageNet-A", test: 7500,
    classes: 200, parts: ImageNetFolders.testImages)

  private static let imageNetRLayout = variant(
    folder: "imagenet-rendition", images: "imagenet-r", source: "the folder imagenet-r of ImageNet-R", test: 30_000,
    classes: 200, parts: ImageNetFolders.testImages)
}
