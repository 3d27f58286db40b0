import Foundation

#if canImport(CryptoKit)
  import CryptoKit
#else
  import CCrypto
#endif

/// SHA-256 (FIPS 180-4), in lower-case hexadecimal, as `sha256sum` prints it.
package enum FileHash {
  /// The hash of the pieces that `read` passes to its argument, in order: a file need not be in memory whole.
  package static func sha256(reading read: ((UnsafeRawBufferPointer) -> Void) throws -> Void) rethrows -> String {
    let digest = Digest()
    try read { digest.update($0) }
    return digest.finished()
  }

  /// The hash of a text in UTF-8.
  package static func sha256(of text: String) -> String { sha256(of: [Array(text.utf8)]) }

  /// The hash of consecutive pieces of bytes.
  package static func sha256(of pieces: some Sequence<[UInt8]>) -> String {
    sha256 { update in
      for piece in pieces { piece.withUnsafeBytes { update($0) } }
    }
  }

  #if canImport(CryptoKit)
    private final class Digest {
      private var state = SHA256()
      func update(_ bytes: UnsafeRawBufferPointer) { state.update(bufferPointer: bytes) }
      func finished() -> String { FileHash.hexadecimal(state.finalize()) }
    }
  #else
    /// libcrypto's digest.
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

/// FNV-1a with 64 bits (Fowler, Noll, Vo): good enough to detect damage and to distinguish names, but no protection
/// against malice.
package enum FNV1a {
  @inlinable
  package static func hash(_ bytes: some Sequence<UInt8>) -> UInt64 {
    bytes.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }
}
