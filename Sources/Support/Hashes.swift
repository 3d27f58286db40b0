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
    let hash = RunningHash(.sha256)
    try read { hash.update($0) }
    return hash.finished()
  }

  /// The hash of a text in UTF-8.
  package static func sha256(of text: String) -> String { sha256(of: [Array(text.utf8)]) }

  /// The hash of consecutive pieces of bytes.
  package static func sha256(of pieces: some Sequence<[UInt8]>) -> String {
    sha256 { update in
      for piece in pieces { piece.withUnsafeBytes { update($0) } }
    }
  }
}

/// A hash that is computed piece by piece, of a file that arrives bit by bit.
package final class RunningHash {
  /// SHA-256 where it matters; MD5 and SHA-1 where others have published nothing else.
  package enum Algorithm: Sendable { case sha256, md5, sha1 }

  #if canImport(CryptoKit)
    private var state: any HashFunction

    package init(_ algorithm: Algorithm) {
      state =
        switch algorithm {
        case .sha256: SHA256()
        case .md5: Insecure.MD5()
        case .sha1: Insecure.SHA1()
        }
    }

    package func update(_ bytes: UnsafeRawBufferPointer) { state.update(bufferPointer: bytes) }

    /// The hash in lower-case hexadecimal. Called once, last.
    package func finished() -> String { Self.hexadecimal(Array(state.finalize())) }
  #else
    private let context = EVP_MD_CTX_new()
    private var isWhole: Bool

    package init(_ algorithm: Algorithm) {
      let kind =
        switch algorithm {
        case .sha256: EVP_sha256()
        case .md5: EVP_md5()
        case .sha1: EVP_sha1()
        }
      isWhole = EVP_DigestInit_ex(context, kind, nil) == 1
    }

    deinit { EVP_MD_CTX_free(context) }

    package func update(_ bytes: UnsafeRawBufferPointer) {
      isWhole = isWhole && EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1
    }

    /// The hash in lower-case hexadecimal. Called once, last.
    package func finished() -> String {
      var (bytes, count) = ([UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE)), UInt32(0))
      isWhole = isWhole && EVP_DigestFinal_ex(context, &bytes, &count) == 1
      precondition(isWhole, "libcrypto lacks the hash")  // only where its build leaves the algorithm out
      return Self.hexadecimal(bytes.prefix(Int(count)))
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
