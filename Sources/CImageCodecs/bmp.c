/*
 * BMP, with the choices of Pillow's reader: alpha is dropped, and only Pillow's layouts of bit fields are read.
 *
 * The format is small, and Debian has no kept library for it alone that reads what Pillow reads: hence this file.
 */
#include <stdlib.h>
#include <string.h>

#include "codecs.h"

enum { RAW = 0, RLE8 = 1, RLE4 = 2, BITFIELDS = 3 };

typedef struct {
  ic_size size;
  int from_top;
  uint32_t bits;
  uint32_t compression;
  size_t palette;       /* where it begins */
  size_t palette_count; /* its entries */
  size_t palette_entry; /* bytes of one */
  size_t pixels;        /* where they begin */
  uint32_t masks[4];    /* of red, green, blue and alpha, where compression is BITFIELDS */
} header;

static uint32_t u16(const uint8_t *bytes) { return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8; }
static uint32_t u32(const uint8_t *bytes) { return u16(bytes) | u16(bytes + 2) << 16; }

static int is_known(uint32_t length) {
  return length == 12 || length == 40 || length == 52 || length == 56 || length == 64 || length == 108 || length == 124;
}

/* The masks of bit fields: in the longer headers, or behind the one of 40 bytes. */
static ic_status read_masks(header *self, const uint8_t *bytes, size_t count, size_t start, uint32_t length) {
  size_t place = start + 40;
  int masks = length >= 56 ? 4 : 3;
  if (length < 52) self->palette += 12;
  if (count < place + 4 * (size_t)masks) return ic_failure(IC_TRUNCATED, "the data end too early");
  for (int mask = 0; mask < masks; mask++) self->masks[mask] = u32(bytes + place + 4 * (size_t)mask);
  return ic_success();
}

static ic_status read_header(header *self, const uint8_t *bytes, size_t count) {
  *self = (header){.palette_entry = 4};
  /* A bitmap without the file's header is what Windows keeps in its clipboard. */
  size_t start = count >= 2 && bytes[0] == 'B' && bytes[1] == 'M' ? 14 : 0;
  if (count < start + 4) return ic_failure(IC_TRUNCATED, "the data end too early");
  uint32_t length = u32(bytes + start);
  if (!is_known(length)) return ic_failure(IC_UNSUPPORTED, "a header of %u bytes", length);
  if (count < start + length) return ic_failure(IC_TRUNCATED, "the data end too early");
  const uint8_t *fields = bytes + start;
  uint32_t colours = 0;
  if (length == 12) {
    self->size = (ic_size){u16(fields + 4), u16(fields + 6)};
    self->bits = u16(fields + 10);
    self->palette_entry = 3;
  } else {
    /* A negative height means that the first row is the top one. */
    self->from_top = fields[11] == 0xFF;
    uint32_t height = u32(fields + 8);
    self->size = (ic_size){u32(fields + 4), self->from_top ? 0u - height : height};
    self->bits = u16(fields + 14);
    self->compression = u32(fields + 16);
    colours = u32(fields + 32);
  }
  self->palette = start + length;
  if (self->compression == BITFIELDS) {
    ic_status status = read_masks(self, bytes, count, start, length);
    if (status.code != IC_OK) return status;
  }
  if (self->bits <= 8) self->palette_count = colours ? colours : (size_t)1 << self->bits;
  /* The file's header says where the pixels are; some writers forget the palette there. */
  self->pixels = start ? u32(bytes + 10) : 0;
  if (self->pixels == 0) self->pixels = self->palette + self->palette_count * self->palette_entry;
  else if (self->pixels == 14 + length && self->bits <= 8)
    self->pixels += self->palette_count * self->palette_entry;
  return ic_success();
}

ic_status bmp_size(const uint8_t *bytes, size_t count, ic_size *size) {
  header self;
  ic_status status = read_header(&self, bytes, count);
  *size = self.size;
  return status;
}

/* Which byte of a pixel holds red, green and blue; for 16 bits, which kind of word. */
typedef struct {
  size_t red, green, blue;
  int is_565;
} layout;

/* The layouts of bit fields that Pillow reads, by their masks. */
static const struct {
  uint32_t bits;
  uint32_t masks[4];
  layout found;
} layouts[] = {
    {32, {0xFF0000, 0xFF00, 0xFF, 0}, {2, 1, 0, 0}},
    {32, {0xFF0000, 0xFF00, 0xFF, 0xFF000000}, {2, 1, 0, 0}},
    {32, {0, 0, 0, 0}, {2, 1, 0, 0}},
    {32, {0xFF000000, 0xFF0000, 0xFF00, 0}, {3, 2, 1, 0}},
    {32, {0xFF000000, 0xFF0000, 0xFF00, 0xFF}, {3, 2, 1, 0}},
    {32, {0xFF000000, 0xFF00, 0xFF, 0}, {3, 1, 0, 0}},
    {32, {0xFF000000, 0xFF00, 0xFF, 0xFF0000}, {3, 1, 0, 0}},
    {32, {0xFF, 0xFF00, 0xFF0000, 0xFF000000}, {0, 1, 2, 0}},
    {24, {0xFF0000, 0xFF00, 0xFF, 0}, {2, 1, 0, 0}},
    {16, {0xF800, 0x7E0, 0x1F, 0}, {0, 0, 0, 1}},
    {16, {0x7C00, 0x3E0, 0x1F, 0}, {0, 0, 0, 0}},
};

static ic_status find_layout(const header *self, layout *found) {
  *found = (layout){2, 1, 0, 0};
  if (self->compression != BITFIELDS) return ic_success();
  for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
    int compared = self->bits == 32 ? 4 : 3; /* an alpha mask of narrower pixels is passed over */
    if (layouts[i].bits != self->bits || memcmp(layouts[i].masks, self->masks, (size_t)compared * 4)) continue;
    *found = layouts[i].found;
    return ic_success();
  }
  return ic_failure(IC_UNSUPPORTED, "bit fields %08X %08X %08X %08X", self->masks[0], self->masks[1], self->masks[2],
                    self->masks[3]);
}

static ic_status check(const header *self) {
  uint32_t bits = self->bits;
  int has_palette = bits == 1 || bits == 4 || bits == 8;
  if (!has_palette && bits != 16 && bits != 24 && bits != 32)
    return ic_failure(IC_UNSUPPORTED, "%u bits a pixel; 1, 4, 8, 16, 24 and 32 are read", bits);
  if (self->compression > BITFIELDS)
    return ic_failure(IC_UNSUPPORTED, "its compression is number %u; run lengths and bit fields are read",
                      self->compression);
  if (self->compression == BITFIELDS && has_palette)
    return ic_failure(IC_UNSUPPORTED, "bit fields of a palette");
  if ((self->compression == RLE8 || self->compression == RLE4) && !has_palette)
    return ic_failure(IC_UNSUPPORTED, "run lengths of %u bits a pixel", bits);
  if (has_palette && (self->palette_count == 0 || self->palette_count > 256))
    return ic_failure(IC_UNSUPPORTED, "a palette of %zu colours; 1 to 256 are read", self->palette_count);
  return ic_success();
}

/* 256 colours; those that the palette lacks are black. */
static void read_palette(const header *self, const uint8_t *bytes, size_t count, uint8_t palette[256][3]) {
  memset(palette, 0, 256 * 3);
  for (size_t i = 0; i < self->palette_count; i++) {
    size_t place = self->palette + i * self->palette_entry;
    if (place + 3 > count) return;
    palette[i][0] = bytes[place + 2];
    palette[i][1] = bytes[place + 1];
    palette[i][2] = bytes[place];
  }
}

static void unpack(const header *self, layout how, uint8_t palette[256][3], const uint8_t *line, uint8_t *row) {
  size_t width = self->size.width;
  for (size_t x = 0; x < width; x++, row += 3) {
    switch (self->bits) {
    case 1: memcpy(row, palette[line[x / 8] >> (7 - x % 8) & 1], 3); break;
    case 4: memcpy(row, palette[x % 2 ? line[x / 2] & 15 : line[x / 2] >> 4], 3); break;
    case 8: memcpy(row, palette[line[x]], 3); break;
    case 16: {
      uint32_t word = u16(line + 2 * x);
      row[2] = (uint8_t)((word & 31) * 255 / 31);
      row[1] = (uint8_t)(how.is_565 ? (word >> 5 & 63) * 255 / 63 : (word >> 5 & 31) * 255 / 31);
      row[0] = (uint8_t)((word >> (how.is_565 ? 11 : 10) & 31) * 255 / 31);
      break;
    }
    default: {
      const uint8_t *pixel = line + x * self->bits / 8;
      row[0] = pixel[how.red];
      row[1] = pixel[how.green];
      row[2] = pixel[how.blue];
    }
    }
  }
}

static ic_status read_raw(const header *self, layout how, const uint8_t *bytes, size_t count, uint8_t palette[256][3],
                          rows *target) {
  size_t height = self->size.height, used = ((size_t)self->size.width * self->bits + 7) / 8;
  size_t stride = ((size_t)self->size.width * self->bits + 31) / 32 * 4;
  /* The last row may lack the bytes that only fill it up. */
  if (self->pixels > count || count - self->pixels < used || (count - self->pixels - used) / stride < height - 1)
    return ic_failure(IC_TRUNCATED, "the data end too early");
  for (size_t y = 0; y < height; y++) {
    size_t stored = self->from_top ? y : height - 1 - y;
    unpack(self, how, palette, bytes + self->pixels + stored * stride, rows_room(target, y));
    rows_filled(target, y);
  }
  return ic_success();
}

typedef struct {
  uint8_t *values; /* one a pixel, in the order of the file */
  size_t count, room;
} runs;

static void append(runs *self, uint8_t value, size_t times) {
  if (times > self->room - self->count) times = self->room - self->count;
  memset(self->values + self->count, value, times);
  self->count += times;
}

/* A run of pixels as they are, `length` of them, at `source`. */
static void append_literal(runs *self, const uint8_t *source, size_t length, int is_rle4) {
  for (size_t i = 0; i < length; i++)
    append(self, is_rle4 ? (i % 2 ? source[i / 2] & 15 : source[i / 2] >> 4) : source[i], 1);
}

/* Expands run lengths until the picture is full, the file says so, or it ends. */
static void expand(const header *self, const uint8_t *bytes, size_t count, runs *target) {
  int is_rle4 = self->compression == RLE4;
  size_t place = self->pixels, width = self->size.width, x = 0;
  while (target->count < target->room && place < count && count - place >= 2) {
    size_t length = bytes[place];
    uint8_t value = bytes[place + 1];
    place += 2;
    if (length > 0) {  /* a run, which does not leave its row */
      if (x + length > width) length = width > x ? width - x : 0;
      for (size_t i = 0; i < length; i++)
        append(target, is_rle4 ? (i % 2 ? value & 15 : value >> 4) : value, 1);
      x += length;
    } else if (value == 0) {  /* the end of a row */
      if (target->count % width) append(target, 0, width - target->count % width);
      x = 0;
    } else if (value == 1) {  /* the end of the picture */
      return;
    } else if (value == 2) {  /* pixels that are left out */
      if (count - place < 2) return;
      append(target, 0, bytes[place] + bytes[place + 1] * width);
      x = target->count % width;
      place += 2;
    } else {
      size_t taken = target->room - target->count < value ? target->room - target->count : value;
      size_t stored = is_rle4 ? (taken + 1) / 2 : taken;
      if (count - place < stored) return;
      append_literal(target, bytes + place, taken, is_rle4);
      x += value;
      place += stored;
      place += place % 2;
    }
  }
}

static ic_status read_runs(const header *self, const uint8_t *bytes, size_t count, uint8_t palette[256][3],
                           rows *target) {
  size_t width = self->size.width, height = self->size.height;
  runs found = {.values = malloc(width * height), .room = width * height};
  if (!found.values) return no_memory(width * height);
  expand(self, bytes, count, &found);
  ic_status status = ic_success();
  if (found.count < found.room) status = ic_failure(IC_TRUNCATED, "the data end too early");
  for (size_t y = 0; y < height && status.code == IC_OK; y++) {
    const uint8_t *line = found.values + (self->from_top ? y : height - 1 - y) * width;
    uint8_t *row = rows_room(target, y);
    for (size_t x = 0; x < width; x++) memcpy(row + 3 * x, palette[line[x]], 3);
    rows_filled(target, y);
  }
  free(found.values);
  return status;
}

ic_status bmp_decode(const uint8_t *bytes, size_t count, ic_size size, rows *target) {
  header self;
  layout how;
  ic_status status = read_header(&self, bytes, count);
  if (status.code == IC_OK) status = check(&self);
  if (status.code == IC_OK) status = find_layout(&self, &how);
  if (status.code != IC_OK) return status;
  if (self.size.width != size.width || self.size.height != size.height)
    return ic_failure(IC_DAMAGED, "its size changed while it was read");
  uint8_t palette[256][3];
  read_palette(&self, bytes, count, palette);
  return self.compression == RLE8 || self.compression == RLE4 ? read_runs(&self, bytes, count, palette, target)
                                                              : read_raw(&self, how, bytes, count, palette, target);
}
