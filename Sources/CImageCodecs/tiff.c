/* The first page of a TIFF by libtiff, in the pixel layouts that Pillow reads and with what its convert("RGB") does. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tiffio.h>

#include "codecs.h"

/* The file in memory, and the first error of the library. */
typedef struct {
  const uint8_t *bytes;
  uint64_t count, place;
  char message[192];
  int lost_colours; /* the colour map lies behind the end; the library then takes its indices for greys */
} source;

static tmsize_t on_read(thandle_t handle, void *target, tmsize_t length) {
  source *self = handle;
  uint64_t left = self->place < self->count ? self->count - self->place : 0;
  uint64_t taken = (uint64_t)length < left ? (uint64_t)length : left;
  memcpy(target, self->bytes + self->place, taken);
  self->place += taken;
  return (tmsize_t)taken;
}

static tmsize_t on_write(thandle_t handle, void *bytes, tmsize_t length) {
  (void)handle, (void)bytes, (void)length;
  return 0;
}

static toff_t on_seek(thandle_t handle, toff_t offset, int from) {
  source *self = handle;
  self->place = from == SEEK_SET ? offset : (from == SEEK_CUR ? self->place : self->count) + offset;
  return self->place;
}

static int on_close(thandle_t handle) {
  (void)handle;
  return 0;
}

static toff_t on_size(thandle_t handle) { return ((source *)handle)->count; }

/* The bytes are used where they are. The library only reads from what it maps. */
static int on_map(thandle_t handle, void **start, toff_t *count) {
  source *self = handle;
  *start = (void *)(uintptr_t)self->bytes;
  *count = self->count;
  return 1;
}

static void on_unmap(thandle_t handle, void *start, toff_t count) { (void)handle, (void)start, (void)count; }

static int on_error(TIFF *file, void *user, const char *module, const char *format, va_list arguments) {
  (void)file, (void)module;
  source *self = user;
  if (!self->message[0]) vsnprintf(self->message, sizeof self->message, format, arguments);
  return 1;
}

static int on_warning(TIFF *file, void *user, const char *module, const char *format, va_list arguments) {
  (void)file, (void)module;
  source *self = user;
  char text[192];
  vsnprintf(text, sizeof text, format, arguments);
  if (strstr(text, "ColorMap")) self->lost_colours = 1;
  return 1;
}

static TIFF *open_file(source *self) {
  TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
  if (!options) return NULL;
  TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, self);
  TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, self);
  /* "C": a page of one endless strip is not cut into small ones. */
  TIFF *file = TIFFClientOpenExt("image", "rC", self, on_read, on_write, on_seek, on_close, on_size, on_map, on_unmap,
                                 options);
  TIFFOpenOptionsFree(options);
  return file;
}

static ic_status failure(const source *self) {
  return ic_failure(IC_DAMAGED, "%s", self->message[0] ? self->message : "libtiff cannot read it");
}

static ic_size size_of(TIFF *file) {
  ic_size size = {0, 0};
  TIFFGetField(file, TIFFTAG_IMAGEWIDTH, &size.width);
  TIFFGetField(file, TIFFTAG_IMAGELENGTH, &size.height);
  return size;
}

ic_status tiff_size(const uint8_t *bytes, size_t count, ic_size *size) {
  source from = {.bytes = bytes, .count = count};
  TIFF *file = open_file(&from);
  if (!file) return failure(&from);
  *size = size_of(file);
  TIFFClose(file);
  return ic_success();
}

int32_t tiff_orientation(const uint8_t *bytes, size_t count) {
  source from = {.bytes = bytes, .count = count};
  TIFF *file = open_file(&from);
  uint16_t orientation = 1;
  if (!file) return 1;
  TIFFGetFieldDefaulted(file, TIFFTAG_ORIENTATION, &orientation);
  TIFFClose(file);
  return orientation;
}

typedef enum { GREY, DEEP_GREY, PALETTE, RGB, INKS } kind;

/* A page, and how its samples become RGB. */
typedef struct {
  TIFF *file;
  ic_size size;
  uint16_t photometric, bits, samples, planar, compression, form;
  kind kind;
  int is_inverted;      /* grey, white being 0 */
  int is_premultiplied; /* the fourth sample is alpha that the others were multiplied with */
  int by_library;       /* brightness and colour differences: libtiff makes RGB of them */
  uint8_t colours[256][3];
} page;

static ic_status unsupported(const page *self) {
  return ic_failure(IC_UNSUPPORTED, "%u samples of %u bits, sample format %u, colour space %u", self->samples,
                    self->bits, self->form, self->photometric);
}

static ic_status read_colours(page *self) {
  uint16_t *red, *green, *blue;
  if (!TIFFGetField(self->file, TIFFTAG_COLORMAP, &red, &green, &blue))
    return ic_failure(IC_DAMAGED, "it has no colour map");
  for (int value = 0; value < 1 << self->bits; value++) {
    self->colours[value][0] = (uint8_t)(red[value] >> 8);
    self->colours[value][1] = (uint8_t)(green[value] >> 8);
    self->colours[value][2] = (uint8_t)(blue[value] >> 8);
  }
  return ic_success();
}

static ic_status choose_grey(page *self, int extra) {
  int is_big = TIFFIsBigEndian(self->file), zero_is_white = self->photometric == PHOTOMETRIC_MINISWHITE;
  uint16_t bits = self->bits, form = self->form;
  self->is_inverted = zero_is_white && bits <= 8;
  self->kind = bits <= 8 ? GREY : DEEP_GREY;
  if (extra == 1 && !zero_is_white && bits == 8 && form == 1) return ic_success();
  if (extra != 0) return unsupported(self);
  if (form == 1 && (bits == 1 || bits == 2 || bits == 4 || bits == 8)) return ic_success();
  if (form == 2 && !zero_is_white && (bits == 8 || bits == 16 || bits == 32)) return ic_success();
  if (form == 3 && bits == 32) return ic_success();
  /* Pillow's table knows these for one order of bytes, and never inverts more than 8 bits. */
  if (form == 1 && bits == 12 && !zero_is_white && !is_big) return ic_success();
  if (form == 1 && bits == 16 && !(zero_is_white && is_big)) return ic_success();
  if (form == 1 && bits == 32 && !zero_is_white && !is_big) return ic_success();
  return unsupported(self);
}

static ic_status choose_brightness(page *self) {
  if (self->bits != 8 || self->form != 1) return unsupported(self);
  self->kind = self->samples == 1 ? GREY : RGB;
  if (self->samples == 1) return ic_success();
  if (self->samples != 3) return unsupported(self);
  if (self->compression == COMPRESSION_NONE)
    return ic_failure(IC_UNSUPPORTED, "uncompressed brightness and colour differences (YCbCr)");
  if (self->compression == COMPRESSION_JPEG && self->planar == PLANARCONFIG_CONTIG) {
    TIFFSetField(self->file, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    return ic_success();
  }
  self->by_library = 1;
  return ic_success();
}

/* Fills in what is left of `self`, or says which variant it is that is not read. */
static ic_status choose(page *self) {
  uint16_t extra = 0, *extras = NULL;
  TIFFGetFieldDefaulted(self->file, TIFFTAG_BITSPERSAMPLE, &self->bits);
  TIFFGetFieldDefaulted(self->file, TIFFTAG_SAMPLESPERPIXEL, &self->samples);
  TIFFGetFieldDefaulted(self->file, TIFFTAG_SAMPLEFORMAT, &self->form);
  TIFFGetFieldDefaulted(self->file, TIFFTAG_PLANARCONFIG, &self->planar);
  TIFFGetFieldDefaulted(self->file, TIFFTAG_COMPRESSION, &self->compression);
  TIFFGetFieldDefaulted(self->file, TIFFTAG_EXTRASAMPLES, &extra, &extras);
  if (!TIFFGetField(self->file, TIFFTAG_PHOTOMETRIC, &self->photometric)) self->photometric = PHOTOMETRIC_MINISWHITE;
  if (!TIFFIsCODECConfigured(self->compression))
    return ic_failure(IC_UNSUPPORTED, "compression %u, which this libtiff does not have", self->compression);
  if (self->planar == PLANARCONFIG_SEPARATE && self->samples > 1 && self->bits != 8 && self->bits != 16)
    return unsupported(self);
  int is_known_extra = extra == 0 || (extras && extras[0] <= EXTRASAMPLE_UNASSALPHA && extra <= 3);
  switch (self->photometric) {
  case PHOTOMETRIC_MINISWHITE:
  case PHOTOMETRIC_MINISBLACK:
    if (self->samples != 1 + extra || !is_known_extra) return unsupported(self);
    if (extra == 1 && extras[0] == EXTRASAMPLE_ASSOCALPHA) return unsupported(self);
    return choose_grey(self, extra);
  case PHOTOMETRIC_PALETTE: {
    uint16_t bits = self->bits;
    int is_deep = bits == 8 || (extra == 0 && (bits == 1 || bits == 2 || bits == 4));
    if (self->form != 1 || !is_deep || self->samples != 1 + extra || extra > 1) return unsupported(self);
    self->kind = PALETTE;
    return read_colours(self);
  }
  case PHOTOMETRIC_RGB:
    if (self->form != 1 || (self->bits != 8 && self->bits != 16) || self->samples < 3 || !is_known_extra ||
        self->samples != 3 + extra || extra > (self->bits == 8 ? 3 : 1))
      return unsupported(self);
    self->kind = RGB;
    self->is_premultiplied = extra > 0 && extras[0] == EXTRASAMPLE_ASSOCALPHA;
    return ic_success();
  case PHOTOMETRIC_SEPARATED:
    if (self->form != 1 || (self->bits != 8 && self->bits != 16) || self->samples != 4 + extra ||
        extra > (self->bits == 8 ? 2 : 0))
      return unsupported(self);
    self->kind = INKS;
    return ic_success();
  case PHOTOMETRIC_YCBCR: return choose_brightness(self);
  default: return unsupported(self);
  }
}

/* One sample of a row of fewer than 8 bits, the first pixel in the highest bits. */
static unsigned packed(const uint8_t *line, size_t x, unsigned bits) {
  size_t place = x * bits;
  return line[place / 8] >> (8 - bits - place % 8) & ((1u << bits) - 1);
}

static uint8_t clipped(int64_t value) { return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value); }

/* A grey of more than 8 bits: cut off at 255 and not scaled, as Pillow does with its integer and float images. */
static uint8_t deep_grey(const page *self, const uint8_t *line, size_t x) {
  if (self->bits == 12) {
    const uint8_t *pair = line + x / 2 * 3;
    return clipped(x % 2 ? (pair[1] & 15) << 8 | pair[2] : pair[0] << 4 | pair[1] >> 4);
  }
  if (self->bits == 16) {
    uint16_t value;
    memcpy(&value, line + 2 * x, sizeof value);
    return clipped(self->form == 2 ? (int64_t)(int16_t)value : (int64_t)value);
  }
  if (self->form == 3) {
    float value;
    memcpy(&value, line + 4 * x, sizeof value);
    return value >= 255 ? 255 : value > 0 ? (uint8_t)value : 0;
  }
  int32_t value;
  memcpy(&value, line + 4 * x, sizeof value);
  return clipped(value);
}

static void divide_by_alpha(uint8_t pixel[4]) {
  for (int channel = 0; channel < 3; channel++)
    pixel[channel] = pixel[3] ? clipped(pixel[channel] * 255 / pixel[3]) : 0;
}

/* A row of interleaved samples, in this machine's order of bytes, to RGB. */
static void convert(const page *self, const uint8_t *line, uint8_t *row) {
  unsigned bits = self->bits, top = bits < 8 ? (1u << bits) - 1 : 255;
  size_t samples = self->samples;
  for (size_t x = 0; x < self->size.width; x++, row += 3) {
    if (self->kind == DEEP_GREY) {
      row[0] = row[1] = row[2] = deep_grey(self, line, x);
    } else if (self->kind == GREY || self->kind == PALETTE) {
      unsigned value = bits < 8 ? packed(line, x, bits) : line[x * samples];
      if (self->kind == PALETTE) {
        memcpy(row, self->colours[value], 3);
      } else {
        uint8_t grey = (uint8_t)(value * 255 / top);
        row[0] = row[1] = row[2] = self->is_inverted ? (uint8_t)(255 - grey) : grey;
      }
    } else {
      uint8_t pixel[4] = {0, 0, 0, 255};
      for (size_t sample = 0; sample < samples && sample < 4; sample++) {
        uint16_t deep;
        memcpy(&deep, line + (x * samples + sample) * 2 * (bits == 16), sizeof deep);
        pixel[sample] = bits == 16 ? (uint8_t)(deep >> 8) : line[x * samples + sample];
      }
      if (self->kind == INKS) {
        ink_to_rgb(pixel, row);
      } else {
        if (self->is_premultiplied) divide_by_alpha(pixel);
        memcpy(row, pixel, 3);
      }
    }
  }
}

/* The bytes of a row of interleaved samples, with a few to spare for `convert`. */
static size_t line_bytes(const page *self, size_t width) {
  return (width * self->samples * self->bits + 7) / 8 + 8;
}

/* Rows of interleaved samples in strips: one at a time. */
static ic_status read_strips(page *self, const source *from, rows *target) {
  size_t length = line_bytes(self, self->size.width);
  tmsize_t scanline = TIFFScanlineSize(self->file);
  if (scanline <= 0) return failure(from);
  if ((size_t)scanline > length) length = (size_t)scanline;
  uint8_t *line = calloc(1, length);
  if (!line) return no_memory(length);
  ic_status status = ic_success();
  for (uint32_t y = 0; y < self->size.height && status.code == IC_OK; y++) {
    if (TIFFReadScanline(self->file, line, y, 0) < 0) {
      status = failure(from);
    } else {
      convert(self, line, rows_room(target, y));
      rows_filled(target, y);
    }
  }
  free(line);
  return status;
}

/* A few rows of the page, interleaved, of `stride` bytes each. */
typedef struct {
  uint8_t *lines;
  size_t stride;
  uint8_t *block; /* one strip or tile, as the library gives it */
  size_t block_bytes;
} band;

/* Puts a row of a block into the band: of all samples, or of sample `plane` alone. */
static void interleave(const page *self, const uint8_t *block, size_t pixels, size_t x, int plane, uint8_t *line) {
  if (self->planar == PLANARCONFIG_CONTIG || self->samples == 1) {
    size_t bits = (size_t)self->samples * self->bits;
    memcpy(line + x * bits / 8, block, (pixels * bits + 7) / 8);
    return;
  }
  size_t bytes = self->bits / 8;
  for (size_t i = 0; i < pixels; i++)
    memcpy(line + ((x + i) * self->samples + (size_t)plane) * bytes, block + i * bytes, bytes);
}

/* Reads the blocks of rows `y` to `y + height`; tiles where `width` is less than the page's or the page has them. */
static ic_status read_blocks(page *self, const source *from, uint32_t y, uint32_t width, uint32_t height, band *into) {
  int planes = self->planar == PLANARCONFIG_SEPARATE ? self->samples : 1, is_tiled = TIFFIsTiled(self->file);
  uint32_t used = height < self->size.height - y ? height : self->size.height - y;
  tmsize_t row = is_tiled ? TIFFTileRowSize(self->file) : TIFFScanlineSize(self->file);
  for (int plane = 0; plane < planes; plane++) {
    for (uint32_t x = 0; x < self->size.width; x += width) {
      uint32_t number = is_tiled ? TIFFComputeTile(self->file, x, y, 0, (uint16_t)plane)
                                 : TIFFComputeStrip(self->file, y, (uint16_t)plane);
      tmsize_t found = is_tiled
                           ? TIFFReadEncodedTile(self->file, number, into->block, (tmsize_t)into->block_bytes)
                           : TIFFReadEncodedStrip(self->file, number, into->block, (tmsize_t)into->block_bytes);
      if (found < 0 || (size_t)found < (size_t)row * used) return failure(from);
      uint32_t pixels = width < self->size.width - x ? width : self->size.width - x;
      for (uint32_t i = 0; i < used; i++)
        interleave(self, into->block + (size_t)i * (size_t)row, pixels, x, plane, into->lines + i * into->stride);
      if (width > self->size.width - x) break; /* so that x does not overflow */
    }
  }
  return ic_success();
}

/* Tiles, and samples that lie in planes of their own: as many rows at a time as a block has. */
static ic_status read_bands(page *self, const source *from, rows *target) {
  int is_tiled = TIFFIsTiled(self->file);
  uint32_t width = self->size.width, height = 0;
  if (is_tiled) {
    TIFFGetField(self->file, TIFFTAG_TILEWIDTH, &width);
    TIFFGetField(self->file, TIFFTAG_TILELENGTH, &height);
  } else {
    TIFFGetFieldDefaulted(self->file, TIFFTAG_ROWSPERSTRIP, &height);
  }
  if (width == 0 || height == 0) return ic_failure(IC_DAMAGED, "its tiles have no size");
  if (is_tiled && width % 8 && self->bits < 8) return ic_failure(IC_DAMAGED, "its tiles break within a byte");
  tmsize_t block = is_tiled ? TIFFTileSize(self->file) : TIFFStripSize(self->file);
  uint32_t used = height < self->size.height ? height : self->size.height;
  /* A small file may claim tiles that are much larger than its picture. */
  if (block <= 0 || (is_tiled && (uint64_t)width * height > (1u << 20) &&
                     (uint64_t)width * height / 4 > (uint64_t)self->size.width * self->size.height))
    return block <= 0 ? failure(from) : ic_failure(IC_DAMAGED, "its tiles are larger than the picture");
  band into = {.stride = line_bytes(self, self->size.width), .block_bytes = (size_t)block};
  into.lines = calloc(used, into.stride);
  into.block = calloc(1, into.block_bytes);
  ic_status status = ic_success();
  if (!into.lines || !into.block) status = no_memory(into.stride * used + into.block_bytes);
  for (uint32_t y = 0; y < self->size.height && status.code == IC_OK; y += used) {
    if (used > self->size.height - y) used = self->size.height - y;
    status = read_blocks(self, from, y, width, height, &into);
    for (uint32_t i = 0; i < used && status.code == IC_OK; i++) {
      convert(self, into.lines + i * into.stride, rows_room(target, y + i));
      rows_filled(target, y + i);
    }
  }
  free(into.lines);
  free(into.block);
  return status;
}

/* As many rows as a block has, through the library's own conversion to RGBA. */
static ic_status read_by_library(page *self, rows *target) {
  char reason[1024] = "";
  TIFFRGBAImage image;
  uint32_t height = 0;
  TIFFGetFieldDefaulted(self->file, TIFFIsTiled(self->file) ? TIFFTAG_TILELENGTH : TIFFTAG_ROWSPERSTRIP, &height);
  if (height == 0 || height > self->size.height) height = self->size.height;
  if (!TIFFRGBAImageOK(self->file, reason) || !TIFFRGBAImageBegin(&image, self->file, 1, reason))
    return ic_failure(IC_UNSUPPORTED, "%s", reason);
  image.orientation = image.req_orientation = ORIENTATION_TOPLEFT;
  size_t width = self->size.width;
  uint32_t *raster = calloc(height, width * 4);
  ic_status status = ic_success();
  if (!raster) status = no_memory(width * height * 4);
  for (uint32_t y = 0; y < self->size.height && status.code == IC_OK; y += height) {
    uint32_t used = height < self->size.height - y ? height : self->size.height - y;
    image.row_offset = (int)y;
    image.col_offset = 0;
    if (!TIFFRGBAImageGet(&image, raster, (uint32_t)width, used)) {
      status = ic_failure(IC_DAMAGED, "libtiff cannot decode its rows from %u on", y);
      break;
    }
    for (uint32_t i = 0; i < used; i++) {
      uint8_t *row = rows_room(target, y + i);
      for (size_t x = 0; x < width; x++, row += 3) {
        uint32_t pixel = raster[i * width + x];
        row[0] = (uint8_t)TIFFGetR(pixel);
        row[1] = (uint8_t)TIFFGetG(pixel);
        row[2] = (uint8_t)TIFFGetB(pixel);
      }
      rows_filled(target, y + i);
    }
  }
  free(raster);
  TIFFRGBAImageEnd(&image);
  return status;
}

ic_status tiff_decode(const uint8_t *bytes, size_t count, ic_size size, rows *target) {
  source from = {.bytes = bytes, .count = count};
  page self = {.file = open_file(&from)};
  if (!self.file) return failure(&from);
  self.size = size_of(self.file);
  ic_status status = choose(&self);
  if (from.lost_colours) status = ic_failure(IC_TRUNCATED, "the data end too early");
  if (self.size.width != size.width || self.size.height != size.height)
    status = ic_failure(IC_DAMAGED, "its size changed while it was read");
  if (status.code == IC_OK) {
    int is_plain = self.planar == PLANARCONFIG_CONTIG || self.samples == 1;
    status = self.by_library                               ? read_by_library(&self, target)
             : is_plain && !TIFFIsTiled(self.file) ? read_strips(&self, &from, target)
                                                           : read_bands(&self, &from, target);
  }
  TIFFClose(self.file);
  return status;
}
