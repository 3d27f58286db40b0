/*
 * Compressed images to RGB bytes, and the inner loops of resampling.
 *
 * How to use it, in two steps, so that the caller can refuse a size before any pixel is allocated:
 *
 *   ic_size size;
 *   ic_status status = ic_jpeg_size(bytes, count, &size);            // reads the header only
 *   if (status.code == IC_OK) {
 *     uint8_t *pixels = malloc((size_t)size.width * size.height * 3);  // the caller owns the memory
 *     status = ic_jpeg_decode(bytes, count, size, pixels);           // fills it: height x width x 3, row-major
 *   }
 *
 * Every call is a pure function of its arguments: no global state, nothing to free, nothing printed, safe from any
 * number of threads. Errors of the libraries come back as a status; their longjmp never leaves this module.
 */
#ifndef CIMAGECODECS_H
#define CIMAGECODECS_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

typedef enum {
  IC_OK = 0,
  IC_TRUNCATED = 1,   /* the bytes end before the picture does */
  IC_DAMAGED = 2,     /* the bytes contradict the format */
  IC_UNSUPPORTED = 3, /* valid, but a variant that is not read */
} ic_code;

typedef struct {
  int32_t code;      /* an ic_code */
  char message[256]; /* the library's own words; empty on success */
} ic_status;

/* In pixels. */
typedef struct {
  uint32_t width;
  uint32_t height;
} ic_size;

/* JPEG: baseline, extended and progressive, 8 bits, with 1, 3 or 4 components. EXIF orientation is not applied. */
ic_status ic_jpeg_size(const uint8_t *bytes, size_t count, ic_size *size);
ic_status ic_jpeg_decode(const uint8_t *bytes, size_t count, ic_size size, uint8_t *pixels);

/* The other way: a baseline JPEG of `quality` 1 to 100. `*count` is the room at `bytes` before, and the length after. */
ic_status ic_jpeg_encode(const uint8_t *pixels, ic_size size, int quality, uint8_t *bytes, size_t *count);

/* PNG: every depth and colour type, interlaced or not. Alpha is dropped, never blended. */
ic_status ic_png_size(const uint8_t *bytes, size_t count, ic_size *size);
ic_status ic_png_decode(const uint8_t *bytes, size_t count, ic_size size, uint8_t *pixels);

/* The other way: `*count` is the room at `bytes` before, at least the capacity, and the length after. */
size_t ic_png_capacity(ic_size size);
ic_status ic_png_encode(const uint8_t *pixels, ic_size size, uint8_t *bytes, size_t *count);

/* WebP: lossy, lossless, with alpha (dropped), and the first frame of an animation. */
ic_status ic_webp_size(const uint8_t *bytes, size_t count, ic_size *size);
ic_status ic_webp_decode(const uint8_t *bytes, size_t count, ic_size size, uint8_t *pixels);

/* Fractional bits of a resampling weight: 8 bits of pixel, 22 of weight and 2 of headroom fill an int32_t. */
enum { IC_WEIGHT_BITS = 32 - 8 - 2 };

/*
 * One output position is the weighted sum of `counts[i]` input positions from `starts[i]` on.
 * Its weights, in units of 2^-IC_WEIGHT_BITS, are `weights[i * stride + 0 ..< counts[i]]`.
 */
typedef struct {
  const int32_t *starts;
  const int32_t *counts;
  const int32_t *weights;
  size_t stride;
  size_t outputs;
} ic_filter;

/* Resamples each row: `source` is height x width x 3, `result` is height x filter.outputs x 3. */
void ic_resample_rows(const uint8_t *source, size_t width, size_t height, ic_filter filter, uint8_t *result);

/* Resamples each column: `source` has rows of `row_bytes`, `result` is filter.outputs such rows. */
void ic_resample_columns(const uint8_t *source, size_t row_bytes, ic_filter filter, uint8_t *result);

#pragma clang assume_nonnull end

#endif
