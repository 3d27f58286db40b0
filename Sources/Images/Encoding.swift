import CImageCodecs
import Foundation

extension Image {
  /// The picture as a baseline JPEG file.
  ///
  /// - Parameter quality: from 1 to 100, on libjpeg's scale.
  /// - Throws: ``ImageError/notEncodable(width:height:)`` beyond the format's 65,500 pixels a side.
  public func jpeg(quality: Int = 75) throws -> Data {
    // Noise at the highest quality takes less than four bytes a pixel; headers and tables take less than a kilobyte.
    var bytes = [UInt8](repeating: 0, count: 4 * width * height + 2048)
    var count = bytes.count
    let size = ic_size(width: UInt32(clamping: width), height: UInt32(clamping: height))
    let status = pixels.withUnsafeBufferPointer { source in
      bytes.withUnsafeMutableBufferPointer { target in
        guard let source = source.baseAddress, let target = target.baseAddress else {
          preconditionFailure("an image has at least one pixel")
        }
        return ic_jpeg_encode(source, size, Int32(min(max(quality, 1), 100)), target, &count)
      }
    }
    guard ic_code(UInt32(status.code)) == IC_OK else { throw ImageError.notEncodable(width: width, height: height) }
    return Data(bytes.prefix(count))
  }

  /// The picture as a PNG file, which decodes to the same pixels.
  ///
  /// - Throws: ``ImageError/notEncodable(width:height:)`` beyond libpng's 1,000,000 pixels a side.
  public func png() throws -> Data {
    let size = ic_size(width: UInt32(clamping: width), height: UInt32(clamping: height))
    var count = ic_png_capacity(size)
    var bytes = [UInt8](repeating: 0, count: count)
    let status = pixels.withUnsafeBufferPointer { source in
      bytes.withUnsafeMutableBufferPointer { target in
        guard let source = source.baseAddress, let target = target.baseAddress else {
          preconditionFailure("an image has at least one pixel")
        }
        return ic_png_encode(source, size, target, &count)
      }
    }
    guard ic_code(UInt32(status.code)) == IC_OK else { throw ImageError.notEncodable(width: width, height: height) }
    return Data(bytes.prefix(count))
  }
}
