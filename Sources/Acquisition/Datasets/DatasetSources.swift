import Datasets
import Support

/// The fifteen published datasets: addresses, sizes, hashes and places.
///
/// Hashes are those of the TensorFlow Datasets 4.9.10 (SHA-256) and torchvision 0.29.2 (MD5); of Aircraft's archive
/// several independent repositories give one MD5. Addresses were read in these projects and in the issues of others on
/// 28 November 2026.
extension DatasetSource {
  package static let all = [
    imageNet, caltech101, oxfordPets, stanfordCars, flowers102, food101, fgvcAircraft, sun397, dtd, euroSAT, ucf101,
    imageNetV2, imageNetSketch, imageNetA, imageNetR,
  ]

  private static let imageNet = DatasetSource(
    .imageNet, terms: "ImageNet's terms of access: non-commercial research and education, with an account",
    page: "https://image-net.org/download-images", needs: ["images/train", "images/val"],
    archives: [
      Archive(
        "ILSVRC2012_img_train.tar", bytes: 147_897_477_120,
        [
          .sha256("b08200a27a8e34218a0e58fde36b0fe8f73bc377f4acea2d91602057c3ca45bb"),
          .md5("1d675b47d978889d74fa0da5fadfb00e"),
        ],
        files: 1_282_167, .imageNetTraining, provides: ["images/train"]),
      Archive(
        "ILSVRC2012_img_val.tar", bytes: 6_744_924_160,
        [
          .sha256("c7e06a6c0baccf06d8dbeb6577d71efff84673a5dbdd50633ab44f8ea0456ae0"),
          .md5("29b22e2961454d5413ddabcf34fc5622"),
        ],
        files: 50_000, .imageNetValidation, provides: ["images/val"]),
      Archive(
        kitFile, bytes: 2_568_145, isSizeExact: false, [.md5("fa75699e90414af021442c21a62c3abf")], files: 40,
        .imageNetKit, provides: ["images/val"]),
    ],
    lists: [classNames], obstacle: "ImageNet asks for an account (choose ILSVRC2012 there) and for non-commercial use")

  /// The development kit, without which the validation images have no classes.
  package static let kitFile = "ILSVRC2012_devkit_t12.tar.gz"

  private static let caltech101 = DatasetSource(
    .caltech101, terms: "CC BY 4.0", page: "https://data.caltech.edu/records/mzrjq-6wc02",
    needs: ["101_ObjectCategories"],
    archives: [
      Archive(
        "caltech-101.zip", ["https://data.caltech.edu/records/mzrjq-6wc02/files/caltech-101.zip"], bytes: 137_414_764,
        [.sha256("331234750fc7f77520e50d9565e8b6907b03565e30320da1401130db08c61f91")], files: 20_000,
        .archiveInside("caltech-101/101_ObjectCategories.tar.gz", [Move("101_ObjectCategories/")]),
        provides: ["101_ObjectCategories"]),
      Archive(
        "101_ObjectCategories.tar.gz", bytes: 131_740_031,
        [.sha256("af6ece2f339791ca20f855943d8b55dd60892c0a25105fcd631ee3d6430f9926")], files: 20_000,
        .archive([Move("101_ObjectCategories/")]), provides: ["101_ObjectCategories"]),
    ],
    lists: [
      split(
        "Caltech101", bytes: 809_184, "52ce83205ff8ff8a1a18119aad6376120ae35c36e783a984bc560cbf10e73fa5",
        drive: "1hyarUivQE36mY6jSomru6Fjd-JzwcCzN")
    ])

  private static let oxfordPets = DatasetSource(
    .oxfordPets, terms: "CC BY-SA 4.0", page: "https://www.robots.ox.ac.uk/~vgg/data/pets/", needs: ["images"],
    archives: [
      Archive(
        "images.tar.gz",
        [
          "https://thor.robots.ox.ac.uk/~vgg/data/pets/images.tar.gz",
          "https://www.robots.ox.ac.uk/~vgg/data/pets/data/images.tar.gz",
        ], bytes: 791_918_971, [.sha256("67195c5e1c01f1ab5f9b6a5d22b8c27a580d896ece458917e61d459337fa318d")],
        files: 7400, .archive([Move("images/")]), provides: ["images"]),
      Archive(
        "annotations.tar.gz",
        [
          "https://thor.robots.ox.ac.uk/~vgg/data/pets/annotations.tar.gz",
          "https://www.robots.ox.ac.uk/~vgg/data/pets/data/annotations.tar.gz",
        ], bytes: 19_173_078, [.sha256("52425fb6de5c424942b7626b428656fcbd798db970a937df61750c0f1d358e91")],
        files: 20_000, .archive([Move("annotations/")]), provides: ["annotations"]),
    ],
    lists: [
      split(
        "OxfordPets", bytes: 724_217, "d7f3ffe65b3919f95132e51422894ae18686b83c331fd8c0adcdc3dc2de6301e",
        drive: "1501r8Ber4nNKvmlFVQZ8SeUHTcdTTEqs")
    ])

  private static let stanfordCars = DatasetSource(
    .stanfordCars, terms: research, page: "https://github.com/pytorch/vision/issues/7545",
    needs: ["cars_train", "cars_test"],
    archives: [
      Archive(
        "cars_train.tgz", bytes: 979_269_282,
        [.sha256("512b227b30e2f0a8aab9e09485786ab4479582073a144998da74d64b801fd288")], files: 8144,
        .archive([Move("cars_train/")]), provides: ["cars_train"]),
      Archive(
        "cars_test.tgz", bytes: 977_350_468,
        [.sha256("bffea656d6f425cba3c91c6d83336e4c5f86c6cffd8975b0f375d3a10da8e243")], files: 8041,
        .archive([Move("cars_test/")]), provides: ["cars_test"]),
      Archive(
        "car_devkit.tgz", ["https://github.com/pytorch/vision/files/11644847/car_devkit.tgz"], bytes: 330_960,
        [.sha256("b97deb463af7d58b6bfaa18b2a4de9829f0f79e8ce663dfa9261bf7810e9accd")], files: 20,
        .archive([Move("devkit/")]), provides: ["devkit"]),
      Archive(
        "cars_test_annos_withlabels.mat", bytes: 185_758,
        [.sha256("790f75be8ea34eeded134cc559332baf23e30e91367e9ddca97d26ed9b895f05")], files: 1,
        .plain("cars_test_annos_withlabels.mat"), provides: ["cars_test_annos_withlabels.mat"]),
    ]
      + [
        "stanford_cars.tar.gz", "stanford_cars.zip", "stanford-cars-dataset.zip", "torchvision-stanford-cars.zip",
        "archive.zip",
      ].map {
        Archive(
          $0, bytes: 1_956_619_750, isSizeExact: false, files: 16_500,
          .archive([Move("*/cars_train/", to: "cars_train/"), Move("*/cars_test/", to: "cars_test/")]),
          provides: ["cars_train", "cars_test"])
      },
    lists: [
      split(
        "StanfordCars", bytes: 1_855_652, "40acee7aa65c8e4727a32d90e884b7c3f8960b523422317e163f7af65432959d",
        drive: "1ObCFbaAgVu0I-k_Au-gIUcefirdAuizT")
    ],
    obstacle: "Its home, ai.stanford.edu, has had no archives since April 2023",
    copies: [
      "Kaggle's rickyyyyyyy/torchvision-stanford-cars or jessicali9530/stanford-cars-dataset, as archive.zip",
      "Hugging Face's datasets/koorye/Stanford-Cars, as stanford_cars.tar.gz",
    ])

  private static let flowers102 = DatasetSource(
    .flowers102, terms: research, page: "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/", needs: ["jpg"],
    archives: [
      Archive(
        "102flowers.tgz", ["https://www.robots.ox.ac.uk/~vgg/data/flowers/102/102flowers.tgz"], bytes: 344_862_509,
        [.sha256("2d01ecc807db462958cfe3d92f57a8c252b4abd240eb955770201e45f783b246")], files: 8189,
        .archive([Move("jpg/")]), provides: ["jpg"]),
      Archive(
        "imagelabels.mat", ["https://www.robots.ox.ac.uk/~vgg/data/flowers/102/imagelabels.mat"], bytes: 502,
        [.sha256("4903e94206bac23bf772aadf06451916df56b58fc483a62db32a97b82656651d")], files: 1,
        .plain("imagelabels.mat"), provides: ["imagelabels.mat"]),
    ],
    lists: [
      split(
        "OxfordFlowers", bytes: 771_139, "2f50c42fc1a17ca13c271cb4269b1347bdb43d2be672e34f74a4e4cbfbcca794",
        drive: "1Pp0sRXzZFZq15zVOzKjKBu4A9i01nozT"),
      List(
        "cat_to_name.json", [copiedSplits + "cat_to_name.json", googleDrive("1AkcxCXeK_RCGCEC_GvmWxjcjaNhu-at0")],
        bytes: 2212, .sha256("0469f1ad7fe0072d98155c49aa58649d998edbbe3326229003aa5f7228525236"), isBundled: true),
    ])

  private static let food101 = DatasetSource(
    .food101, terms: research, page: "https://data.vision.ee.ethz.ch/cvl/datasets_extra/food-101/", needs: ["images"],
    archives: [
      Archive(
        "food-101.tar.gz",
        [
          "https://data.vision.ee.ethz.ch/cvl/food-101.tar.gz",
          "https://huggingface.co/datasets/ethz/food101/resolve/main/food-101.tar.gz",
        ], bytes: 4_996_278_331, [.sha256("d97d15e438b7f4498f96086a4f7e2fa42a32f2712e87d3295441b2b6314053a4")],
        files: 101_010, .archive([Move("food-101/", to: "")]), provides: ["images"])
    ],
    lists: [
      List(
        "split_zhou_Food101.json",
        [copiedSplits + "split_zhou_Food101.json", googleDrive("1QK0tGi096I0Ba6kggatX1ee6dJFIcEJl")],
        .gitBlob("39557040ee6501bd32aa8b5dfd75f7941a32f0a7"))
    ])

  private static let fgvcAircraft = DatasetSource(
    .fgvcAircraft, terms: "non-commercial research only", page: "https://www.robots.ox.ac.uk/~vgg/data/fgvc-aircraft/",
    needs: [
      "images", "variants.txt", "images_variant_train.txt", "images_variant_val.txt", "images_variant_test.txt",
    ],
    archives: [
      Archive(
        "fgvc-aircraft-2013b.tar.gz",
        ["https://www.robots.ox.ac.uk/~vgg/data/fgvc-aircraft/archives/fgvc-aircraft-2013b.tar.gz"],
        bytes: 2_750_000_000, isSizeExact: false, [.md5("d4acdd33327262359767eeaa97a4f732")], files: 10_100,
        .archive([Move("fgvc-aircraft-2013b/data/", to: "")]),
        provides: [
          "images", "variants.txt", "images_variant_train.txt", "images_variant_val.txt", "images_variant_test.txt",
        ])
    ],
    lists: [])

  private static let sun397 = DatasetSource(
    .sun397, terms: research, page: "https://github.com/pytorch/vision/issues/9348", needs: ["SUN397"],
    archives: [
      Archive(
        "SUN397.tar.gz", bytes: 39_077_296_924,
        [
          .sha256("f404130965a7ad77bed5ececc71e720ab50f3cc1e1bb257257610d38f3b928ec"),
          .md5("8ca2778205c41d23104230ba66911c7a"),
        ],
        files: 108_800, .archive([Move("SUN397/")]), provides: ["SUN397"]),
      Archive(
        "sun397.zip", bytes: 39_182_693_483,
        [.sha256("ce6dee6685c9f1d592c8297e193dde885aa9c50d008fd998a38ccc57a3dda722")], files: 109_000,
        .archive([Move("*/SUN397/", to: "SUN397/")]), provides: ["SUN397"]),
      Archive(
        "archive.zip", bytes: 39_182_693_483, isSizeExact: false, files: 109_000,
        .archive([Move("*/SUN397/", to: "SUN397/")]), provides: ["SUN397"]),
    ],
    lists: [
      List(
        "split_zhou_SUN397.json",
        [copiedSplits + "split_zhou_SUN397.json", googleDrive("1y2RD81BYuiyvebdN-JymPfyWYcd8_MUq")],
        .gitBlob("8d5725db8f70bcf02245665304f863e68f96a24c"), isReplaceable: false)
    ],
    obstacle: "Its home, vision.princeton.edu, has had no archives since mid-2025",
    copies: [
      "Hugging Face's zhengli97/prompt_learning_dataset, as sun397.zip",
      "Kaggle's hiuphmnhtrung/sun397, as archive.zip",
    ])

  private static let dtd = DatasetSource(
    .dtd, terms: "research use", page: "https://www.robots.ox.ac.uk/~vgg/data/dtd/", needs: ["images"],
    archives: [
      Archive(
        "dtd-r1.0.1.tar.gz", ["https://www.robots.ox.ac.uk/~vgg/data/dtd/download/dtd-r1.0.1.tar.gz"],
        bytes: 625_239_812, [.sha256("e42855a52a4950a3b59612834602aa253914755c95b0cff9ead6d07395f8e205")],
        files: 5800, .archive([Move("dtd/", to: "")]), provides: ["images"])
    ],
    lists: [
      split(
        "DescribableTextures", bytes: 563_702, "f26ebeccd2b58e68d70f07a0dc39fe49bf7b69024bac34396b954dfd87969c38",
        drive: "1u3_QfB467jqHgNXC00UIzbLZRQCg2S7x")
    ])

  private static let euroSAT = DatasetSource(
    .euroSAT, terms: "Sentinel data, free and open", page: "https://github.com/phelber/EuroSAT", needs: ["2750"],
    archives: [
      Archive(
        "EuroSAT.zip",
        [
          "https://huggingface.co/datasets/torchgeo/eurosat/resolve/c877bcd43f099cd0196738f714544e355477f3fd/"
            + "EuroSAT.zip"
        ], bytes: 94_280_567, [.sha256("8ebea626349354c5328b142b96d0430e647051f26efc2dc974c843f25ecf70bd")],
        files: 27_020, .archive([Move("2750/")]), provides: ["2750"])
    ],
    lists: [
      split(
        "EuroSAT", bytes: 3_006_492, "541503a77d0b26b735d85ec7a3e672804fe0aa466c2e5f07da772cc6c0af8ad2",
        drive: "1Ip7yaCWFi0eaOFUGga0lUdVi_DDQth1o")
    ])

  private static let ucf101 = DatasetSource(
    .ucf101, terms: research, page: "https://www.crcv.ucf.edu/data/UCF101.php", needs: ["UCF-101-midframes"],
    archives: [
      Archive(
        "UCF-101-midframes.zip", [googleDrive("10Jqome3vtUA2keJkNanAiFpgbyC9Hc2O")], bytes: 500_000_000,
        isSizeExact: false, files: 13_500, .archive([Move("UCF-101-midframes/")]), provides: ["UCF-101-midframes"]),
      Archive(
        "ucf101.zip", bytes: 500_000_000, isSizeExact: false, files: 13_500,
        .archive([Move("*/UCF-101-midframes/", to: "UCF-101-midframes/")]), provides: ["UCF-101-midframes"]),
    ],
    lists: [
      split(
        "UCF101", bytes: 1_557_485, "d78cb834f7c5792ceaff2c5ee2d7c76a9e4086e48a3a6b01232989d29cbefdd8",
        drive: "1I0S0q91hJfsV9Gf4xDIjgDq4AqBNJb1y")
    ],
    copies: ["Hugging Face's zhengli97/prompt_learning_dataset, as ucf101.zip"])

  private static let imageNetV2 = DatasetSource(
    .imageNetV2, terms: variantTerms, page: "https://huggingface.co/datasets/vaishaal/ImageNetV2",
    needs: ["imagenetv2-matched-frequency-format-val"],
    archives: [
      Archive(
        "imagenetv2-matched-frequency.tar.gz",
        [
          "https://huggingface.co/datasets/vaishaal/ImageNetV2/resolve/main/imagenetv2-matched-frequency.tar.gz"
        ], bytes: 1_264_079_360, [.sha256("f0c37fdf925916b19ea1323cd9a2208cdb6959ba2c32eef2a7fc393835c9ca7c")],
        files: 11_000, .archive([Move("imagenetv2-matched-frequency-format-val/")]),
        provides: ["imagenetv2-matched-frequency-format-val"])
    ],
    lists: [classNames])

  private static let imageNetSketch = DatasetSource(
    .imageNetSketch, terms: variantTerms, page: "https://huggingface.co/datasets/songweig/imagenet_sketch",
    needs: ["images"],
    archives: [
      Archive(
        "ImageNet-Sketch.zip",
        [
          "https://huggingface.co/datasets/songweig/imagenet_sketch/resolve/main/data/ImageNet-Sketch.zip",
          googleDrive("1Mj0i5HBthqH1p_yeXzsg22gZduvgoNeA"),
        ], bytes: 7_593_573_012, [.sha256("4d3ce6b82a7c48aabf14aeac105eb533e75707f152cc858f55bfc022031a72ed")],
        files: 52_000, .archive([Move("sketch/", to: "images/")]), provides: ["images"])
    ],
    lists: [classNames])

  private static let imageNetA = DatasetSource(
    .imageNetA, terms: variantTerms, page: "https://github.com/hendrycks/natural-adv-examples", needs: ["imagenet-a"],
    archives: [
      Archive(
        "imagenet-a.tar", ["https://people.eecs.berkeley.edu/~hendrycks/imagenet-a.tar"], bytes: 687_552_512,
        [.sha256("3bb3632277e6ba6392ea64c02ddbf4dd2266c9caffd6bc09c9656d28f012589e")], files: 7702,
        .archive([Move("imagenet-a/")]), provides: ["imagenet-a"])
    ],
    lists: [classNames])

  private static let imageNetR = DatasetSource(
    .imageNetR, terms: variantTerms, page: "https://github.com/hendrycks/imagenet-r", needs: ["imagenet-r"],
    archives: [
      Archive(
        "imagenet-r.tar", ["https://people.eecs.berkeley.edu/~hendrycks/imagenet-r.tar"], bytes: 2_191_079_936,
        [.sha256("18c6bf493b39a0d975d48e587437f562caab9c52ae6327dcfa9dd8eb54aa1b52")], files: 30_202,
        .archive([Move("imagenet-r/")]), provides: ["imagenet-r"])
    ],
    lists: [classNames])

  private static let research = "research use; no clear licence"
  private static let variantTerms = "images under their own terms, as ImageNet's; the authors' code is under MIT"

  /// A copy of the published split files that Git addresses by content.
  private static let copiedSplits =
    "https://raw.githubusercontent.com/linzhiqiu/cross_modal_adaptation/ac9077ee4e422f768c9b9109551468605e33ec9a/"
    + "splits/"

  /// ImageNet's class names, of which nobody has published a hash.
  private static let classNames = List(
    "classnames.txt", [googleDrive("1-61f_ol79pViBFDG_IDlUQSwoLcn2XXF")], nil, isReplaceable: false)

  private static func split(_ name: String, bytes: Int, _ sha256: String, drive: String) -> List {
    let file = "split_zhou_\(name).json"
    return List(
      file, [copiedSplits + file, googleDrive(drive)], bytes: bytes, .sha256(sha256), isBundled: true)
  }

  private static func googleDrive(_ id: String) -> String {
    "https://drive.google.com/uc?id=\(id)&export=download"
  }
}
