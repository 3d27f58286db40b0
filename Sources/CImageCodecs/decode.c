/* The formats by name, and what is done to a picture besides decoding it. */
#include <string.h>

#include "codecs.h"

ic_status no_memory(size_t bytes) {
  return ic_failure(IC_NO_MEMORY, "%zu MiB could not be had", (bytes >> 20) + 1);
}

ic_status ic_read_size(ic_format format, const uint8_t *bytes, size_t count, ic_size *size) {
  switch (format) {
  case IC_JPEG: return jpeg_size(bytes, count, size);
  case IC_PNG: return png_size(bytes, count, size);
  case IC_WEBP: return webp_size(bytes, count, size);
  case IC_BMP: return bmp_size(bytes, count, size);
  case IC_GIF: return gif_size(bytes, count, size);
  case IC_TIFF: return tiff_size(bytes, count, size);
  case IC_HEIF: return heif_size(bytes, count, size);
  }
}

static ic_status decode(ic_format format, const uint8_t *bytes, size_t count, ic_size size, uint32_t reduction,
                        rows *target) {
  switch (format) {
  case IC_JPEG: return jpeg_decode(bytes, count, size, reduction, target);
  case IC_PNG: return png_decode(bytes, count, size, target);
  case IC_WEBP: return webp_decode(bytes, count, size, target);
  case IC_BMP: return bmp_decode(bytes, count, size, target);
  case IC_GIF: return gif_decode(bytes, count, size, target);
  case IC_TIFF: return tiff_decode(bytes, count, size, target);
  case IC_HEIF: return heif_decode(bytes, count, size, target);
  }
}

ic_size ic_reduced(ic_size size, uint32_t reduction) {
  return (ic_size){size.width / reduction + (size.width % reduction > 0),
                   size.height / reduction + (size.height % reduction > 0)};
}

ic_status ic_decode(ic_format format, const uint8_t *bytes, size_t count, ic_size size, uint32_t reduction,
                    const ic_resizing *resizing, uint8_t *pixels) {
  if (reduction != 1 && format != IC_JPEG) return ic_failure(IC_UNSUPPORTED, "only a JPEG is reduced as it is decoded");
  rows target;
  ic_status status = rows_begin(&target, ic_reduced(size, reduction), resizing, pixels)
                         ? decode(format, bytes, count, size, reduction, &target)
                         : no_memory(rows_memory(&target));
  rows_end(&target);
  return status;
}

ic_status ic_resize(const uint8_t *source, ic_size size, ic_resizing resizing, uint8_t *pixels) {
  rows target;
  ic_status status = ic_success();
  size_t row_bytes = (size_t)size.width * 3;
  if (rows_begin(&target, size, &resizing, pixels)) {
    size_t start, count;
    rows_part(&target, &start, &count);
    for (size_t y = target.first; y < target.end; y++) {
      memcpy(rows_room(&target, y) + start, source + y * row_bytes + start, count);
      rows_filled(&target, y);
    }
  } else {
    status = no_memory(rows_memory(&target));
  }
  rows_end(&target);
  return status;
}

void ic_turn_upright(const uint8_t *source, ic_size size, int32_t orientation, uint8_t *result) {
  /* Where the stored pixel (0, 0) comes to lie, and how far a step along its row or column leads there. */
  int is_turned = orientation >= 5;
  ptrdiff_t width = size.width, height = size.height, row = is_turned ? height : width;
  int flips_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  int flips_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  ptrdiff_t step_x = is_turned ? row : 1, step_y = is_turned ? 1 : row;
  ptrdiff_t start = 0;
  if (flips_x) start += (width - 1) * step_x, step_x = -step_x;
  if (flips_y) start += (height - 1) * step_y, step_y = -step_y;
  for (ptrdiff_t y = 0; y < height; y++) {
    uint8_t *target = result + 3 * (start + y * step_y);
    for (ptrdiff_t x = 0; x < width; x++, source += 3, target += 3 * step_x) memcpy(target, source, 3);
  }
}
