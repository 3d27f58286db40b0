/* WebP by libwebp's animation decoder, which reads stills too: the path that Pillow takes. */
#include <webp/decode.h>
#include <webp/demux.h>

#include "codecs.h"

/* The length that the RIFF header states, or 0 where there is none. */
static size_t stated_length(const uint8_t *bytes, size_t count) {
  if (count < 8) return 0;
  return 8 + ((size_t)bytes[4] | (size_t)bytes[5] << 8 | (size_t)bytes[6] << 16 | (size_t)bytes[7] << 24);
}

static ic_status failure(const uint8_t *bytes, size_t count, const char *reason) {
  if (count < 12 || stated_length(bytes, count) > count) return ic_failure(IC_TRUNCATED, "the data end too early");
  return ic_failure(IC_DAMAGED, "%s", reason);
}

ic_status webp_size(const uint8_t *bytes, size_t count, ic_size *size) {
  WebPBitstreamFeatures features;
  VP8StatusCode code = WebPGetFeatures(bytes, count, &features);
  if (code == VP8_STATUS_NOT_ENOUGH_DATA) return ic_failure(IC_TRUNCATED, "the data end too early");
  if (code != VP8_STATUS_OK) return failure(bytes, count, "its header is not a WebP header");
  *size = (ic_size){(uint32_t)features.width, (uint32_t)features.height};
  return ic_success();
}

/* The alpha that the decoder always appends is dropped, not blended. */
static void drop_alpha(const uint8_t *canvas, size_t count, uint8_t *pixels) {
  for (size_t pixel = 0; pixel < count; pixel++, canvas += 4, pixels += 3) {
    pixels[0] = canvas[0];
    pixels[1] = canvas[1];
    pixels[2] = canvas[2];
  }
}

static ic_status read_first_frame(WebPAnimDecoder *decoder, ic_size size, rows *target, const char *reason) {
  WebPAnimInfo info;
  uint8_t *canvas = NULL;
  int timestamp;
  if (!WebPAnimDecoderGetInfo(decoder, &info)) return ic_failure(IC_DAMAGED, "%s", reason);
  if (info.canvas_width != size.width || info.canvas_height != size.height)
    return ic_failure(IC_DAMAGED, "its header and its frame disagree about the size");
  if (!WebPAnimDecoderGetNext(decoder, &canvas, &timestamp)) return ic_failure(IC_DAMAGED, "%s", reason);
  for (size_t y = 0; y < size.height; y++) {
    drop_alpha(canvas + y * size.width * 4, size.width, rows_room(target, y));
    rows_filled(target, y);
  }
  return ic_success();
}

ic_status webp_decode(const uint8_t *bytes, size_t count, ic_size size, rows *target) {
  const char *reason = "its picture data cannot be decoded";
  WebPData data = {.bytes = bytes, .size = count};
  WebPAnimDecoder *decoder = WebPAnimDecoderNew(&data, NULL);
  if (!decoder) return failure(bytes, count, reason);
  ic_status status = read_first_frame(decoder, size, target, reason);
  WebPAnimDecoderDelete(decoder);
  return status;
}
