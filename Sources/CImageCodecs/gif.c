/* GIF by giflib: the first frame on the whole screen, as Pillow's convert("RGB") shows it. */
#include <stdlib.h>
#include <string.h>

#include <gif_lib.h>

#include "codecs.h"

typedef struct {
  const uint8_t *bytes;
  size_t left;
  int is_padded;
} source;

/*
 * The file, with one zero behind its end: the mark that ends a picture's blocks, which some writers forget. Pixels that
 * are missing are still missed.
 */
static int on_read(GifFileType *file, GifByteType *target, int length) {
  source *self = file->UserData;
  if (length == 1 && self->left == 0 && !self->is_padded) {
    self->is_padded = 1;
    target[0] = 0;
    return 1;
  }
  size_t taken = (size_t)length < self->left ? (size_t)length : self->left;
  memcpy(target, self->bytes, taken);
  self->bytes += taken;
  self->left -= taken;
  return (int)taken;
}

static ic_status failure(const GifFileType *file, int error) {
  if (file) error = file->Error;
  if (error == D_GIF_ERR_READ_FAILED || error == D_GIF_ERR_EOF_TOO_SOON)
    return ic_failure(IC_TRUNCATED, "the data end too early");
  if (error == D_GIF_ERR_NOT_ENOUGH_MEM) return ic_failure(IC_NO_MEMORY, "giflib has none");
  const char *text = GifErrorString(error);
  return ic_failure(IC_DAMAGED, "%s", text ? text : "it contradicts the format");
}

/* What surrounds the first frame. */
typedef struct {
  ic_size screen;
  int transparent; /* the colour that fills the screen, or -1 */
} surroundings;

/* Goes to the first frame; `IC_OK` where there is one. */
static ic_status find_frame(GifFileType *file, surroundings *found) {
  found->transparent = -1;
  for (;;) {
    GifRecordType record;
    if (DGifGetRecordType(file, &record) != GIF_OK) return failure(file, 0);
    if (record == TERMINATE_RECORD_TYPE) return ic_failure(IC_DAMAGED, "it has no frame");
    if (record == IMAGE_DESC_RECORD_TYPE) break;
    int code;
    GifByteType *block;
    if (DGifGetExtension(file, &code, &block) != GIF_OK) return failure(file, 0);
    if (code == GRAPHICS_EXT_FUNC_CODE && block && block[0] >= 4 && block[1] & 1) found->transparent = block[4];
    while (block)
      if (DGifGetExtensionNext(file, &block) != GIF_OK) return failure(file, 0);
  }
  if (DGifGetImageDesc(file) != GIF_OK) return failure(file, 0);
  /* A frame that is larger than its screen makes the screen larger. */
  uint32_t right = (uint32_t)(file->Image.Left + file->Image.Width);
  uint32_t bottom = (uint32_t)(file->Image.Top + file->Image.Height);
  found->screen.width = right > (uint32_t)file->SWidth ? right : (uint32_t)file->SWidth;
  found->screen.height = bottom > (uint32_t)file->SHeight ? bottom : (uint32_t)file->SHeight;
  return ic_success();
}

/* Whether colours are the greys of their own numbers: Pillow takes that for no palette at all. */
static int is_ramp(const ColorMapObject *map) {
  for (int value = 0; value < map->ColorCount; value++) {
    GifColorType colour = map->Colors[value];
    if (colour.Red != value || colour.Green != value || colour.Blue != value) return 0;
  }
  return 1;
}

/* The frame's own colours, else the file's, else greys. */
static void list_colours(const GifFileType *file, uint8_t colours[256][3]) {
  const ColorMapObject *map = file->Image.ColorMap;
  if (!map || is_ramp(map)) map = file->SColorMap;
  if (map && is_ramp(map)) map = NULL;
  for (int value = 0; value < 256; value++) {
    memset(colours[value], map ? 0 : value, 3);
    if (!map || value >= map->ColorCount) continue;
    colours[value][0] = map->Colors[value].Red;
    colours[value][1] = map->Colors[value].Green;
    colours[value][2] = map->Colors[value].Blue;
  }
}

/* The frame's values into the screen's, rows in the order of the file. */
static ic_status read_values(GifFileType *file, ic_size screen, uint8_t *values) {
  static const struct {
    size_t first, step;
  } passes[] = {{0, 8}, {4, 8}, {2, 4}, {1, 2}}, whole = {0, 1};
  size_t left = (size_t)file->Image.Left, top = (size_t)file->Image.Top;
  size_t width = (size_t)file->Image.Width, height = (size_t)file->Image.Height;
  for (int pass = 0; pass < (file->Image.Interlace ? 4 : 1); pass++) {
    size_t first = file->Image.Interlace ? passes[pass].first : whole.first;
    size_t step = file->Image.Interlace ? passes[pass].step : whole.step;
    for (size_t y = first; y < height; y += step)
      if (DGifGetLine(file, values + (top + y) * screen.width + left, (int)width) != GIF_OK) return failure(file, 0);
  }
  return ic_success();
}

static ic_status read_frame(GifFileType *file, ic_size size, rows *target) {
  surroundings found;
  ic_status status = find_frame(file, &found);
  if (status.code != IC_OK) return status;
  if (found.screen.width != size.width || found.screen.height != size.height)
    return ic_failure(IC_DAMAGED, "its size changed while it was read");
  size_t count = (size_t)size.width * size.height;
  uint8_t *values = malloc(count);
  if (!values) return no_memory(count);
  memset(values, found.transparent < 0 ? 0 : found.transparent, count);
  if (file->Image.Width > 0 && file->Image.Height > 0) status = read_values(file, size, values);
  uint8_t colours[256][3];
  list_colours(file, colours);
  for (size_t y = 0; y < size.height && status.code == IC_OK; y++) {
    uint8_t *row = rows_room(target, y);
    for (size_t x = 0; x < size.width; x++) memcpy(row + 3 * x, colours[values[y * size.width + x]], 3);
    rows_filled(target, y);
  }
  free(values);
  return status;
}

ic_status gif_size(const uint8_t *bytes, size_t count, ic_size *size) {
  source from = {.bytes = bytes, .left = count};
  int error = 0;
  GifFileType *file = DGifOpen(&from, on_read, &error);
  if (!file) return failure(NULL, error);
  surroundings found = {.transparent = -1};
  ic_status status = find_frame(file, &found);
  *size = found.screen;
  DGifCloseFile(file, &error);
  return status;
}

ic_status gif_decode(const uint8_t *bytes, size_t count, ic_size size, rows *target) {
  source from = {.bytes = bytes, .left = count};
  int error = 0;
  GifFileType *file = DGifOpen(&from, on_read, &error);
  if (!file) return failure(NULL, error);
  ic_status status = read_frame(file, size, target);
  DGifCloseFile(file, &error);
  return status;
}
