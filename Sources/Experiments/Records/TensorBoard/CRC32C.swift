/// The checksum of TensorBoard's records: CRC-32 with Castagnoli's polynomial (RFC 3720, appendix B.4).
package enum CRC32C {
  /// The polynomial 1EDC6F41, bits reversed.
  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { sum, _ in sum & 1 == 1 ? sum >> 1 ^ 0x82F6_3B78 : sum >> 1 }
  }

  package static func checksum(of bytes: some Sequence<UInt8>) -> UInt32 {
    ~bytes.reduce(~UInt32(0)) { sum, byte in sum >> 8 ^ table[Int(UInt8(truncatingIfNeeded: sum) ^ byte)] }
  }

  /// Rotated and shifted, as record files keep it, so that a checksum of data that holds checksums stays a good one
  /// (TensorFlow, `core/lib/hash/crc32c.h`).
  package static func masked(of bytes: some Sequence<UInt8>) -> UInt32 {
    let sum = checksum(of: bytes)
    return (sum >> 15 | sum << 17) &+ 0xA282_EAD8
  }
}
