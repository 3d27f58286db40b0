/*
 * Compressed pictures to RGB bytes, and the resampling that they pass through while their rows arrive.
 *
 * How to use it, in two steps, so that the caller can refuse a size before any pixel is allocated:
 *
 *   ic_size size;
 *   ic_status status = ic_read_size(IC_JPEG, bytes, count, &size);     // reads the header only
 *   if (status.code == IC_OK) {
 *     uint8_t *pixels = malloc((size_t)size.width * size.height * 3);  // the caller owns the memory
 *     status = ic_decode(IC_JPEG, bytes, count, size, 1, NULL, pixels);  // fills it: [height, width, 3], row-major
 *   }
 *
 * With an `ic_resizing` in place of NULL, `pixels` is what it makes of the picture, and the picture itself is never
 * whole in memory where the format gives it row by row.
 *
 * Every call is a pure function of its arguments, and of whether libheif is installed: nothing to free, nothing
 * printed, safe from any number of threads. Errors of the libraries come back as a status; their longjmp never leaves
 * this module.
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
  IC_NO_MEMORY = 4,   /* the buffers of the decoder could not be had */
  IC_NO_LIBRARY = 5,  /* the library that reads this format is not installed; the message is what the loader said */
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

typedef enum {
  IC_JPEG, /* baseline, extended and progressive, 8 bits, with 1, 3 or 4 components */
  IC_PNG,  /* every depth and colour type, interlaced or not; alpha is dropped, never blended */
  IC_WEBP, /* lossy, lossless, with alpha (dropped), and the first frame of an animation */
  IC_BMP,  /* palettes of 1, 4 and 8 bits, run lengths, 16, 24 and 32 bits, bit fields, from either end */
  IC_GIF,  /* the first frame, on the whole screen */
  IC_TIFF, /* the first page; strips and tiles, every compression of the libtiff that is installed */
  IC_HEIF, /* HEIC and AVIF, where libheif is installed */
} ic_format;

/* The size as the pixels are stored, before any orientation. */
ic_status ic_read_size(ic_format format, const uint8_t *bytes, size_t count, ic_size *size);

/*
 * The orientation that the file's EXIF or XMP states, from 1 to 8 as EXIF counts; 1 where there is none, or it is
 * damaged, or the decoder has applied it already (IC_HEIF).
 */
int32_t ic_orientation(ic_format format, const uint8_t *bytes, size_t count);

/* The fractional bits of a resampling weight: 8 bits of pixel, 22 of weight and 2 of headroom fill an int32_t. */
enum { IC_WEIGHT_BITS = 32 - 8 - 2 };

/*
 * One output position is the weighted sum of `counts[i]` input positions from `starts[i]` on; starts and ends never
 * fall from one output to the next. Its weights, in units of 2^-IC_WEIGHT_BITS, are `weights[i * stride + ...]`.
 */
typedef struct {
  const int32_t *starts;
  const int32_t *counts;
  const int32_t *weights;
  size_t stride;
  size_t outputs;
} ic_filter;

/*
 * The instructions that resampling uses. All give the same bits; what the processor lacks is replaced by the best that
 * it has.
 */
typedef enum {
  IC_BEST = 0,     /* the best that the processor has */
  IC_PORTABLE = 1, /* what every processor has that the package is built for, NEON with it */
  IC_SSE4 = 2,
  IC_AVX2 = 3,
  IC_AVX512 = 4, /* with its products of bytes (VNNI) */
} ic_instructions;

/* What `IC_BEST` stands for here. */
ic_instructions ic_best_instructions(void);

/* What becomes of a picture: down.outputs x across.outputs x 3 bytes. Bytes are rounded between the two passes. */
typedef struct {
  ic_filter across;   /* over the columns of each row */
  ic_filter down;     /* over the rows of each column */
  int32_t down_first; /* which pass comes first */
  ic_instructions instructions;
} ic_resizing;

/*
 * The size of a picture of which each square of `reduction` pixels to a side is decoded as one pixel; what is left over
 * at the right and at the bottom becomes one too.
 */
ic_size ic_reduced(ic_size size, uint32_t reduction);

/*
 * Decodes into `pixels`: the picture itself where `resizing` is NULL, or what that makes of it. Orientation is not
 * applied. With a `reduction` of 2, 4 or 8, which a JPEG alone allows, the picture is the reduced one; `size` is that of
 * the whole all the same.
 */
ic_status ic_decode(ic_format format, const uint8_t *bytes, size_t count, ic_size size, uint32_t reduction,
                    const ic_resizing *_Nullable resizing, uint8_t *pixels);

/* The same from pixels in memory. */
ic_status ic_resize(const uint8_t *source, ic_size size, ic_resizing resizing, uint8_t *pixels);

/* Turns a picture upright: `result` has the sides exchanged where `orientation` is 5 to 8. */
void ic_turn_upright(const uint8_t *source, ic_size size, int32_t orientation, uint8_t *result);

/* A baseline JPEG of `quality` 1 to 100. `*count` is the room at `bytes` before, and the length after. */
ic_status ic_jpeg_encode(const uint8_t *pixels, ic_size size, int quality, uint8_t *bytes, size_t *count);

/* A PNG: `*count` is the room at `bytes` before, at least the capacity, and the length after. */
size_t ic_png_capacity(ic_size size);
ic_status ic_png_encode(const uint8_t *pixels, ic_size size, uint8_t *bytes, size_t *count);

#pragma clang assume_nonnull end

#endif
