/// What concerns images: how they are prepared, which there are, and how they come in batches.
extension ConfigurationKey {
  private static let otherTransform = Role.ignored("it belongs to a transform that is not supported")
  private static let otherDataset = Role.ignored("it belongs to datasets of another field")
  private static let unlabelled = Role.ignored("there are no unlabelled images")

  static let input = [
    ConfigurationKey("INPUT.SIZE", [224, 224], .sets("nothing, but must be the checkpoint's input size")),
    ConfigurationKey(
      "INPUT.INTERPOLATION", "bilinear", .choice(["bicubic", "bilinear"], .everyRun, "how images are resized")),
    ConfigurationKey(
      "INPUT.TRANSFORMS", [],
      .choice(
        [["random_resized_crop", "random_flip", "normalize"]], .everyRun, "the views of training, in any order")),
    ConfigurationKey("INPUT.NO_TRANSFORM", false, .choice([false], .everyRun, "images are prepared")),
    ConfigurationKey(
      "INPUT.PIXEL_MEAN", [0.485, 0.456, 0.406],
      .sets("nothing: the checkpoint's own is used, with a warning if it differs")),
    ConfigurationKey(
      "INPUT.PIXEL_STD", [0.229, 0.224, 0.225],
      .sets("nothing: the checkpoint's own is used, with a warning if it differs")),
    ConfigurationKey("INPUT.CROP_PADDING", 4, otherTransform),
    ConfigurationKey(
      "INPUT.RRCROP_SCALE", [0.08, 1.0], .choice([[0.08, 1.0]], .training, "the area of random crops")),
    ConfigurationKey("INPUT.CUTOUT_N", 1, otherTransform),
    ConfigurationKey("INPUT.CUTOUT_LEN", 16, otherTransform),
    ConfigurationKey("INPUT.GN_MEAN", 0.0, otherTransform),
    ConfigurationKey("INPUT.GN_STD", 0.15, otherTransform),
    ConfigurationKey("INPUT.RANDAUGMENT_N", 2, otherTransform),
    ConfigurationKey("INPUT.RANDAUGMENT_M", 10, otherTransform),
    ConfigurationKey("INPUT.COLORJITTER_B", 0.4, otherTransform),
    ConfigurationKey("INPUT.COLORJITTER_C", 0.4, otherTransform),
    ConfigurationKey("INPUT.COLORJITTER_S", 0.4, otherTransform),
    ConfigurationKey("INPUT.COLORJITTER_H", 0.1, otherTransform),
    ConfigurationKey("INPUT.RGS_P", 0.2, otherTransform),
    ConfigurationKey("INPUT.GB_P", 0.5, otherTransform),
    ConfigurationKey("INPUT.GB_K", 21, otherTransform),
  ]

  static let data = [
    ConfigurationKey("DATASET.ROOT", "", .sets("the folder that holds the datasets' folders")),
    ConfigurationKey("DATASET.NAME", "", .sets("the dataset")),
    ConfigurationKey("DATASET.SOURCE_DOMAINS", [], otherDataset),
    ConfigurationKey("DATASET.TARGET_DOMAINS", [], otherDataset),
    ConfigurationKey("DATASET.NUM_LABELED", -1, otherDataset),
    ConfigurationKey("DATASET.NUM_SHOTS", -1, .sets("training images of each class; 0 or less: all")),
    ConfigurationKey("DATASET.VAL_PERCENT", 0.1, otherDataset),
    ConfigurationKey("DATASET.STL10_FOLD", -1, otherDataset),
    ConfigurationKey("DATASET.CIFAR_C_TYPE", "", otherDataset),
    ConfigurationKey("DATASET.CIFAR_C_LEVEL", 1, otherDataset),
    ConfigurationKey("DATASET.ALL_AS_UNLABELED", false, otherDataset),
    ConfigurationKey(
      "DATASET.SUBSAMPLE_CLASSES", "all", .choice(["all", "base", "new"], .everyRun, "which half of the classes")),
    ConfigurationKey("DATALOADER.NUM_WORKERS", 4, .ignored("threads are set with --threads before --")),
    ConfigurationKey("DATALOADER.K_TRANSFORMS", 1, .choice([1], .training, "one view of an image at a time")),
    ConfigurationKey("DATALOADER.RETURN_IMG0", false, .ignored("no learner here asks for it")),
    ConfigurationKey(
      "DATALOADER.TRAIN_X.SAMPLER", "RandomSampler", .choice(["RandomSampler"], .training, "images in random order")),
    ConfigurationKey("DATALOADER.TRAIN_X.BATCH_SIZE", 32, .sets("training images of one step")),
    ConfigurationKey("DATALOADER.TRAIN_X.N_DOMAIN", 0, .ignored("it belongs to another sampler")),
    ConfigurationKey("DATALOADER.TRAIN_X.N_INS", 16, .ignored("it belongs to another sampler")),
    ConfigurationKey("DATALOADER.TRAIN_U.SAME_AS_X", true, unlabelled),
    ConfigurationKey("DATALOADER.TRAIN_U.SAMPLER", "RandomSampler", unlabelled),
    ConfigurationKey("DATALOADER.TRAIN_U.BATCH_SIZE", 32, unlabelled),
    ConfigurationKey("DATALOADER.TRAIN_U.N_DOMAIN", 0, unlabelled),
    ConfigurationKey("DATALOADER.TRAIN_U.N_INS", 16, unlabelled),
    ConfigurationKey(
      "DATALOADER.TEST.SAMPLER", "SequentialSampler", .choice(["SequentialSampler"], .everyRun, "every image once")),
    ConfigurationKey("DATALOADER.TEST.BATCH_SIZE", 32, .sets("nothing: the result is the same with any")),
  ]
}
