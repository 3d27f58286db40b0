import Foundation
import NIOSSL
import NamedModels
import Support

/// How this process reaches the network: what its environment says, and limits.
public struct NetworkSettings: Sendable {
  let proxies: ProxyRules
  let trust: CertificateTrust
  /// Whether no request may be made at all, and which option or variable says so.
  public var offlineBecause: String?
  /// The longest time to establish a connection.
  public var connecting: Duration = .seconds(10)
  /// The longest time without a byte.
  public var idle: Duration = .seconds(10)
  /// The tries that may fail one after the other without a new byte.
  public var tries = 5
  /// The pause after the first failed try; each further one is twice as long, up to the longest.
  public var pause: Duration = .seconds(1)
  public var longestPause: Duration = .seconds(8)
  /// The longest time to wait because a server asks for it.
  public var longestRequestedPause: Duration = .seconds(310)

  /// - Throws: ``AcquisitionError`` of kind `setting` where a variable makes no sense.
  public init(environment: [String: String] = ProcessInfo.processInfo.environment) throws {
    proxies = try ProxyRules(environment: environment)
    trust = try CertificateTrust(environment: environment)
    offlineBecause = ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"].first { ModelFolders.isTrue(environment[$0]) }
    if let seconds = environment["HF_HUB_DOWNLOAD_TIMEOUT"].flatMap(Double.init), seconds > 0, seconds < 1e6 {
      idle = .seconds(seconds)
    }
    if let seconds = environment["HF_HUB_ETAG_TIMEOUT"].flatMap(Double.init), seconds > 0, seconds < 1e6 {
      connecting = .seconds(seconds)
    }
  }
}

/// The certificate authorities that are trusted: the system's, or those of `SSL_CERT_FILE` and `SSL_CERT_DIR`.
struct CertificateTrust: Sendable, Equatable {
  let roots: [NIOSSLCertificate]?

  init(environment: [String: String]) throws {
    let file = environment["SSL_CERT_FILE"].flatMap { $0.isEmpty ? nil : $0 }
    let folders = environment["SSL_CERT_DIR"].flatMap { $0.isEmpty ? nil : $0 }
    var roots: [NIOSSLCertificate] = []
    if let file { roots = try Self.certificates(in: file, variable: "SSL_CERT_FILE") }
    for folder in folders?.split(separator: ":").map(String.init) ?? [] {
      // As in OpenSSL, a folder may lack, and have files that are no certificates.
      let names = (try? FileSystem.entries(of: folder))?.filter { $0.kind == .file }.map(\.name) ?? []
      roots += names.flatMap { (try? NIOSSLCertificate.fromPEMFile("\(folder)/\($0)")) ?? [] }
    }
    if file == nil, folders != nil, roots.isEmpty {
      throw Self.refused("SSL_CERT_DIR", folders ?? "", "no certificate is in it")
    }
    self.roots = file == nil && folders == nil ? nil : roots
  }

  private static func certificates(in file: String, variable: String) throws -> [NIOSSLCertificate] {
    guard FileSystem.fileExists(file) else { throw refused(variable, file, "there is no such file") }
    guard let found = try? NIOSSLCertificate.fromPEMFile(file), !found.isEmpty else {
      throw refused(variable, file, "it holds no certificate in PEM form")
    }
    return found
  }

  private static func refused(_ variable: String, _ path: String, _ reason: String) -> AcquisitionError {
    AcquisitionError(
      .setting, "\(variable) names \(path), which cannot be used: \(reason)",
      remedy: "Name a file of certificates in PEM form, or unset \(variable)")
  }
}
