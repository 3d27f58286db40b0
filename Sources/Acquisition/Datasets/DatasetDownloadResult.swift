import Datasets

/// The outcome of ``DatasetDownload/run()``.
public struct DatasetDownloadResult: Sendable, Encodable {
  public enum State: String, Sendable, Encodable {
    /// Everything was there before, and nothing was fetched.
    case complete
    case downloaded
    /// A person has to get files by hand; nothing was put in place.
    case byHand
  }

  /// An archive that was used.
  public struct File: Sendable, Encodable, Equatable {
    public let file: String
    public let bytes: Int
    public let sha256: String
    /// The address that it came from; `nil` for a file that was there.
    public let address: String?

    package init(file: String, bytes: Int, sha256: String, address: String?) {
      (self.file, self.bytes, self.sha256, self.address) = (file, bytes, sha256, address)
    }
  }

  public let name: String
  /// The dataset's folder.
  public let folder: String
  public let state: State
  public let files: [File]
  public let steps: ManualSteps?
  public let check: PublishedDatasetReport?
  /// Sentences without their full stops.
  public let notes: [String]
}

/// How far an archive is verified or unpacked.
public struct DatasetProgress: Sendable {
  public enum Stage: String, Sendable { case verifying, unpacking }

  public let stage: Stage
  /// The archive's name.
  public let file: String
  /// Bytes where verifying, files where unpacking.
  public let done: Int
  /// The total; while unpacking, the number of files is not known before the end.
  public let total: Int?
}
