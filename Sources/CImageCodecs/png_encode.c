/* RGB bytes to PNG by libpng's simplified interface, which never jumps. */
#include <string.h>

#include <png.h>

#include "status.h"

static png_image description(ic_size size) {
  png_image image;
  memset(&image, 0, sizeof image);
  image.version = PNG_IMAGE_VERSION;
  image.width = size.width;
  image.height = size.height;
  image.format = PNG_FORMAT_RGB;
  return image;
}

size_t ic_png_capacity(ic_size size) {
  png_image image = description(size);
  return PNG_IMAGE_PNG_SIZE_MAX(image);
}

ic_status ic_png_encode(const uint8_t *pixels, ic_size size, uint8_t *bytes, size_t *count) {
  png_image image = description(size);
  png_alloc_size_t length = *count;
  int written = png_image_write_to_memory(&image, bytes, &length, 0, pixels, 0, NULL);
  *count = length;
  ic_status status = written ? ic_success() : ic_failure(IC_UNSUPPORTED, "%s", image.message);
  png_image_free(&image);
  return status;
}
