import Explanations
import Foundation

/// Where a run was made: with it, relative places of its model and data are found from any folder, and after the run and
/// they were moved together.
public struct RunPlaces: Sendable, Codable, Equatable {
  /// The folder that relative places are below, absolute.
  public let workingFolder: String
  /// The run's own, absolute.
  public let runFolder: String

  /// Of a run that is made now.
  init(of run: URL) {
    workingFolder = Self.currentFolder
    runFolder = run.standardizedFileURL.path
  }

  /// A place as the run knew it, absolute.
  func absolute(_ place: String) -> String {
    URL(filePath: place, relativeTo: URL(filePath: workingFolder, directoryHint: .isDirectory)).standardizedFileURL.path
  }

  /// Where a place may be now: where it was; where it would be if it had moved with the run; and from the folder of today.
  func candidates(for place: String, of run: URL) -> [String] {
    let moved = Self.path(from: runFolder, to: absolute(place))
    let movedPlace = run.appending(path: moved).standardizedFileURL.path
    let isSameFolder = Self.currentFolder == workingFolder
    return isSameFolder ? [place, movedPlace] : [absolute(place), movedPlace, place]
  }

  /// The folder that this process works in, absolute.
  private static var currentFolder: String { FileSystem.currentFolder }

  /// The relative path that leads from one absolute path to another.
  private static func path(from start: String, to end: String) -> String {
    let (start, end) = (start.split(separator: "/"), end.split(separator: "/"))
    let shared = zip(start, end).prefix { $0 == $1 }.count
    return (start.dropFirst(shared).map { _ in ".." } + end.dropFirst(shared)).joined(separator: "/")
  }
}

extension RunFolder.Record {
  /// Where something that the run names as `place` is now; the same name where it is nowhere.
  func current(_ place: String, of run: URL) -> String {
    guard !ModelSource.embedded.contains(place), !DataSource.embedded.contains(place), let places else { return place }
    return places.candidates(for: place, of: run).first { FileSystem.isThere($0) } ?? place
  }

  /// The error about something that is not where the run had it.
  func lost(_ thing: ExperimentError.RunPart, _ place: String) -> ExperimentError {
    .lost(thing, place: places?.absolute(place) ?? place)
  }
}
