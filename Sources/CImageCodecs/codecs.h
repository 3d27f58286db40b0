#ifndef CODECS_H
#define CODECS_H

#include "rows.h"
#include "status.h"

/* Each format's two steps, as `ic_read_size` and `ic_decode` have them; a decoder hands its rows over from the top. */
ic_status jpeg_size(const uint8_t *bytes, size_t count, ic_size *size);
ic_status jpeg_decode(const uint8_t *bytes, size_t count, ic_size size, uint32_t reduction, rows *target);
ic_status png_size(const uint8_t *bytes, size_t count, ic_size *size);
ic_status png_decode(const uint8_t *bytes, size_t count, ic_size size, rows *target);
ic_status webp_size(const uint8_t *bytes, size_t count, ic_size *size);
ic_status webp_decode(const uint8_t *bytes, size_t count, ic_size size, rows *target);
ic_status bmp_size(const uint8_t *bytes, size_t count, ic_size *size);
ic_status bmp_decode(const uint8_t *bytes, size_t count, ic_size size, rows *target);
ic_status gif_size(const uint8_t *bytes, size_t count, ic_size *size);
ic_status gif_decode(const uint8_t *bytes, size_t count, ic_size size, rows *target);
ic_status tiff_size(const uint8_t *bytes, size_t count, ic_size *size);
ic_status tiff_decode(const uint8_t *bytes, size_t count, ic_size size, rows *target);
ic_status heif_size(const uint8_t *bytes, size_t count, ic_size *size);
ic_status heif_decode(const uint8_t *bytes, size_t count, ic_size size, rows *target);

/* The orientation tag of a TIFF file's first page; 1 where there is none. */
int32_t tiff_orientation(const uint8_t *bytes, size_t count);

/* What is wrong where memory of so many bytes could not be had. */
ic_status no_memory(size_t bytes);

/* round(a * b / 255) without a division. */
static inline uint8_t product(unsigned a, unsigned b) {
  unsigned scaled = a * b + 128;
  return (uint8_t)((scaled + (scaled >> 8)) >> 8);
}

/* Four inks to RGB, as Pillow does: each channel is white less key less ink, never below 0. */
static inline void ink_to_rgb(const uint8_t inks[4], uint8_t rgb[3]) {
  int light = 255 - inks[3];
  for (int channel = 0; channel < 3; channel++) {
    int value = light - product((unsigned)light, inks[channel]);
    rgb[channel] = (uint8_t)(value < 0 ? 0 : value);
  }
}

#endif
