/* PNG by libpng, with the choices of Pillow's convert("RGB"): alpha, gamma and colour profiles play no part. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "codecs.h"

typedef struct {
  const uint8_t *bytes;
  size_t left;
  png_structp codec;
  png_infop info;
  char warning[128]; /* libpng states the cause as a warning and the consequence as the error */
  uint8_t *whole;    /* an interlaced picture, where it is not kept anyway */
  ic_status status;
} reader;

static void on_error(png_structp codec, png_const_charp message) {
  reader *self = png_get_error_ptr(codec);
  if (self->status.code == IC_OK)
    self->status = self->warning[0] ? ic_failure(IC_DAMAGED, "%s (%s)", message, self->warning)
                                    : ic_failure(IC_DAMAGED, "%s", message);
  png_longjmp(codec, 1);
}

static void on_warning(png_structp codec, png_const_charp message) {
  reader *self = png_get_error_ptr(codec);
  snprintf(self->warning, sizeof self->warning, "%s", message);
}

static void on_read(png_structp codec, png_bytep target, size_t count) {
  reader *self = png_get_io_ptr(codec);
  if (count > self->left) {
    self->status = ic_failure(IC_TRUNCATED, "the data end too early");
    png_error(codec, "truncated");
  }
  memcpy(target, self->bytes, count);
  self->bytes += count;
  self->left -= count;
}

/* Makes the codec; without memory for it the status says so. */
static int prepare(reader *self, const uint8_t *bytes, size_t count) {
  *self = (reader){.bytes = bytes, .left = count, .status = ic_success()};
  self->codec = png_create_read_struct(PNG_LIBPNG_VER_STRING, self, on_error, on_warning);
  if (self->codec) self->info = png_create_info_struct(self->codec);
  if (!self->info) self->status = ic_failure(IC_UNSUPPORTED, "libpng could not start");
  return self->info != NULL;
}

/* From here on any call may end in `on_error`. */
static void read_header(reader *self) {
  png_set_read_fn(self->codec, self, on_read);
  png_set_benign_errors(self->codec, 1);
  /* Text, profiles and the like are stepped over unread: they can't change a pixel, and they can be bombs. */
  png_set_keep_unknown_chunks(self->codec, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
  png_read_info(self->codec, self->info);
}

/* A size of 0, which libpng would report as a damaged header, or nothing where the header isn't at its place. */
static int has_no_pixels(const uint8_t *bytes, size_t count, ic_size *size) {
  if (count < 24 || memcmp(bytes + 12, "IHDR", 4)) return 0;
  *size = (ic_size){png_get_uint_32(bytes + 16), png_get_uint_32(bytes + 20)};
  return size->width == 0 || size->height == 0;
}

/* The jump is set in a function of its own: what it points to is not local to it, so it survives the jump intact. */
static void try_size(reader *self, ic_size *size) {
  if (setjmp(png_jmpbuf(self->codec))) return;
  read_header(self);
  *size = (ic_size){png_get_image_width(self->codec, self->info), png_get_image_height(self->codec, self->info)};
}

ic_status png_size(const uint8_t *bytes, size_t count, ic_size *size) {
  if (has_no_pixels(bytes, count, size)) return ic_success();
  reader self;
  if (prepare(&self, bytes, count)) try_size(&self, size);
  png_destroy_read_struct(&self.codec, &self.info, NULL);
  return self.status;
}

typedef struct {
  uint8_t red, green, blue;
} colour;

/* The colour of each one-byte value: a palette, or grey stretched from the image's depth to 0...255. */
static void list_colours(reader *self, int palette, int depth, colour colours[256]) {
  int top = depth < 8 ? (1 << depth) - 1 : 255;
  for (int value = 0; value < 256; value++) {
    /* Values that a short palette lacks are black, as in Pillow. */
    uint8_t grey = palette ? 0 : (uint8_t)(value <= top ? value * 255 / top : 255);
    colours[value] = (colour){grey, grey, grey};
  }
  png_colorp entries = NULL;
  int count = 0;
  if (!palette || !png_get_PLTE(self->codec, self->info, &entries, &count)) return;
  for (int value = 0; value < count && value < 256; value++)
    colours[value] = (colour){entries[value].red, entries[value].green, entries[value].blue};
}

/* Both widen a row in place, last pixel first, so that no value is overwritten before it is read. */
static void spread_colours(const colour colours[256], size_t width, uint8_t *row) {
  for (size_t x = width; x-- > 0;) {
    colour value = colours[row[x]];
    row[3 * x] = value.red;
    row[3 * x + 1] = value.green;
    row[3 * x + 2] = value.blue;
  }
}
/* 16-bit grey saturates instead of being scaled: Pillow holds it as an integer image and clips that to a byte. */
static void spread_deep_grey(size_t width, uint8_t *row) {
  for (size_t x = width; x-- > 0;) {
    uint8_t value = row[2 * x] ? 255 : row[2 * x + 1];
    row[3 * x] = row[3 * x + 1] = row[3 * x + 2] = value;
  }
}

/* How the bytes of a row become RGB. */
typedef struct {
  int deep_grey;
  int by_colours;
  colour colours[256];
} widening;

static void widen(const widening *how, size_t width, uint8_t *row) {
  if (how->deep_grey) spread_deep_grey(width, row);
  else if (how->by_colours) spread_colours(how->colours, width, row);
}

/* Sets up libpng's own conversions, and what is left to do afterwards; the number of passes over the picture. */
static int choose_conversions(reader *self, ic_size size, widening *how) {
  png_structp codec = self->codec;
  int depth = png_get_bit_depth(codec, self->info);
  int type = png_get_color_type(codec, self->info);
  how->deep_grey = type == PNG_COLOR_TYPE_GRAY && depth == 16;
  how->by_colours = !(type & PNG_COLOR_MASK_COLOR) || type & PNG_COLOR_MASK_PALETTE;
  if (png_get_image_width(codec, self->info) != size.width || png_get_image_height(codec, self->info) != size.height)
    png_error(codec, "its size changed while it was read");
  png_set_packing(codec);
  if (type & PNG_COLOR_MASK_ALPHA) png_set_strip_alpha(codec);
  if (depth == 16 && !how->deep_grey) png_set_strip_16(codec);
  int passes = png_set_interlace_handling(codec);
  png_read_update_info(codec, self->info);
  if (png_get_rowbytes(codec, self->info) > (size_t)size.width * 3) png_error(codec, "rows are wider than expected");
  if (how->by_colours) list_colours(self, type & PNG_COLOR_MASK_PALETTE, depth, how->colours);
  return passes;
}

/*
 * Rows arrive with at most three bytes a pixel, so they are read where they will stay. Those of an interlaced picture
 * are complete only after the last pass: it is whole in memory, in `whole` where the target keeps only a few rows.
 */
static void read_rows(reader *self, ic_size size, rows *target) {
  widening how;
  int passes = choose_conversions(self, size, &how);
  size_t row_bytes = (size_t)size.width * 3;
  if (passes > 1 && !target->whole) {
    self->whole = malloc(row_bytes * size.height);
    if (!self->whole) {
      self->status = no_memory(row_bytes * size.height);
      png_error(self->codec, "no memory");
    }
  }
  for (int pass = 1; pass < passes; pass++) {
    for (size_t y = 0; y < size.height; y++)
      png_read_row(self->codec, self->whole ? self->whole + y * row_bytes : rows_room(target, y), NULL);
  }
  for (size_t y = 0; y < size.height; y++) {
    uint8_t *room = rows_room(target, y);
    if (self->whole) memcpy(room, self->whole + y * row_bytes, row_bytes);
    png_read_row(self->codec, room, NULL);
    widen(&how, size.width, room);
    rows_filled(target, y);
  }
}

static void try_decode(reader *self, ic_size size, rows *target) {
  if (setjmp(png_jmpbuf(self->codec))) return;
  read_header(self);
  read_rows(self, size, target);
}

ic_status png_decode(const uint8_t *bytes, size_t count, ic_size size, rows *target) {
  reader self;
  if (prepare(&self, bytes, count)) try_decode(&self, size, target);
  png_destroy_read_struct(&self.codec, &self.info, NULL);
  free(self.whole);
  return self.status;
}
