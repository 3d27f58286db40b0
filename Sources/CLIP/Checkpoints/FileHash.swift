import Foundation

#if canImport(CryptoKit)
  import CryptoKit
#else
  import CCrypto
#endif

/// SHA-256 (FIPS 180-4), in lower-case hexadecimal: what `sha256sum` prints.
package enum FileHash {
  /// Of a file, which is read in pieces and never lies in memory whole.
  ///
  /// - Throws: ``CLIPError/checkpoint(path:_:)`` with the system's reason.
  static func sha256(of url: URL) throws -> String {
    let digest = Digest()
    try RegularFile.read(url, pieces: 1 << 20) { piece in
      digest.update(piece)
      return true
    }
    return digest.finished()
  }

  /// Of a text in UTF-8.
  package static func sha256(of text: String) -> String { sha256(of: [Array(text.utf8)]) }

  /// Of bytes that follow each other.
  package static func sha256(of pieces: some Sequence<[UInt8]>) -> String {
    let digest = Digest()
    for piece in pieces { piece.withUnsafeBytes { digest.update($0) } }
    return digest.finished()
  }

  #if canImport(CryptoKit)
    private final class Digest {
      private var state = SHA256()
      func update(_ bytes: UnsafeRawBufferPointer) { state.update(bufferPointer: bytes) }
      func finished() -> String { FileHash.hexadecimal(state.finalize()) }
    }
  #else
    /// libcrypto's.
    private final class Digest {
      private let context = EVP_MD_CTX_new()
      private var isWhole: Bool

      init() { isWhole = EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 }
      deinit { EVP_MD_CTX_free(context) }

      func update(_ bytes: UnsafeRawBufferPointer) {
        isWhole = isWhole && EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1
      }

      func finished() -> String {
        var bytes = [UInt8](repeating: 0, count: 32)
        isWhole = isWhole && EVP_DigestFinal_ex(context, &bytes, nil) == 1
        precondition(isWhole, "libcrypto computes no SHA-256")  // only where its build leaves the algorithm out
        return FileHash.hexadecimal(bytes)
      }
    }
  #endif

  private static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
