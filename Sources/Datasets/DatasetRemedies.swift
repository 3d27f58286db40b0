/// What to do about each error.
extension DatasetError {
  public var remedy: String? {
    switch self {
    case .notFound: "Check the path"
    case .notAFile, .notAFolder: "Give a split file (.json), a table (.csv) or a folder of class folders"
    case .unreadable: "Check its permissions"
    case .empty: "Write or unpack it again"
    case .notJSON, .wrongType:
      #"A split file reads {"train": [[path, label, name], …], "val": […], "test": […]}"#
    case .notText: "Save it as UTF-8, in a spreadsheet as 'CSV UTF-8'"
    case .unknownForm: "Give a split file, a table or a folder of class folders"
    case .severalSplitFiles: "Name the one that you mean"
    case .noClasses(_, _, let deeper?):
      "If its folders are the classes, give \(deeper.folder); otherwise put each class's photos into one folder"
    case .noClasses: "Put each class's photos into a folder that has the class's name"
    case .noBenchmarkFolder(_, _, let folder, let nearest, let isRootItself):
      isRootItself
        ? "Give the folder above it as --root"
        : nearest.map { "Did you mean '\($0)'? Rename it to '\(folder)' or link to it" }
          ?? "Give as --root the folder that holds it"
    case .missingLists(_, _, _, _, let check): "'\(check)' says what belongs where"
    case .noClassFolders: "Put each class's images into a folder of its own, called by its WordNet number (n01440764)"
    case .unnamedFolder: "Remove the folder, or take the list that belongs to these images"
    case .unpairedFolder: "Unpack both parts whole"
    case .listLine, .annotation: "Unpack the file again"
    case .foreignSample, .foreignClass: "Give a list that was drawn from this dataset, and from the same split"
    case .missingPart: "It must have the lists 'train', 'val' and 'test'; 'val' may be empty"
    case .missingColumn: "The first line must be path,class or path,class,split"
    case .unclosedQuote: "Close it, and write a quote inside it twice"
    case .rows(_, _, _, let remedy): remedy
    case .emptyPath, .escapingPath: "Write paths relative to the image folder, without '..'"
    case .negativeLabel, .labelGap: "Number the classes from 0"
    case .emptyName, .twoNames: "Give each label one name"
    case .duplicateName: "Give each class a name of its own; case, '_' and spaces don't tell names apart"
    case .emptySplit, .classWithout: "Every class needs at least one training and one test image"
    case .tooFewImages:
      "Add photos: at least two, better sixteen or more; 'train --test none' learns from all and tests nothing"
    case .missingImages: "Unpack the images there, or correct the list"
    case .shots: "Ask for at least 1"
    case .testOnly: "Learn on another dataset and evaluate on this one"
    case .noClassesLeft: "Use base or all, or add classes"
    case .unknownClasses(_, _, let nearest?): "Did you mean '\(nearest)'?"
    case .unknownClasses: "Give names of its classes, as 'datasets check' lists them, or base, new or all"
    case .template: "Write {} where the name goes, as in 'a photo of a {}.'"
    }
  }
}
