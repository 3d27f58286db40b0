/*
 * Where a file says which way up its picture is: EXIF, and where that has no orientation, XMP, looked for as Pillow's
 * `Image.getexif` does. What is damaged is passed over.
 */
#include <string.h>

#include "codecs.h"

typedef struct {
  const uint8_t *bytes;
  size_t count;
} part;

/* What the file holds; a part without bytes is not there. */
typedef struct {
  part exif, xmp;
} metadata;

static part cut(part whole, size_t start, size_t length) {
  if (start > whole.count) return (part){whole.bytes, 0};
  size_t left = whole.count - start;
  return (part){whole.bytes + start, length < left ? length : left};
}

static int begins(part whole, const void *opening, size_t length) {
  return whole.count >= length && memcmp(whole.bytes, opening, length) == 0;
}

static uint32_t number(const uint8_t *bytes, int length, int is_big) {
  uint32_t value = 0;
  for (int i = 0; i < length; i++) value = value << 8 | bytes[is_big ? i : length - 1 - i];
  return value;
}

enum { NONE = -1 };

/* The orientation in a TIFF directory, which is what EXIF is; `NONE` where it has none that is a whole number. */
static int64_t in_exif(part exif) {
  for (int i = 0; i < 2 && begins(exif, "Exif\0\0", 6); i++) exif = cut(exif, 6, SIZE_MAX);
  if (exif.count < 8) return NONE;
  int is_big = exif.bytes[0] == 'M';
  if (!begins(exif, "MM\0\x2A", 4) && !begins(exif, "II\x2A\0", 4) && !begins(exif, "MM\x2A\0", 4) &&
      !begins(exif, "II\0\x2A", 4))
    return NONE;
  part entries = cut(exif, number(exif.bytes + 4, 4, is_big), SIZE_MAX);
  if (entries.count < 2) return NONE;
  int64_t orientation = NONE;
  uint32_t left = number(entries.bytes, 2, is_big);
  entries = cut(entries, 2, SIZE_MAX);
  for (; left > 0 && entries.count >= 12; left--, entries = cut(entries, 12, SIZE_MAX)) {
    if (number(entries.bytes, 2, is_big) != 0x0112) continue;
    uint32_t type = number(entries.bytes + 2, 2, is_big), values = number(entries.bytes + 4, 4, is_big);
    int width = type == 3 || type == 8 ? 2 : type == 4 || type == 9 || type == 13 ? 4 : type == 6 ? 1 : 0;
    if (width == 0 || values == 0) continue;
    part value = {entries.bytes + 8, 4};
    uint64_t needed = (uint64_t)values * (uint64_t)width;
    if (needed > 4) value = cut(exif, number(entries.bytes + 8, 4, is_big), (size_t)needed);
    if (value.count >= needed || needed <= 4) orientation = number(value.bytes, width, is_big);
  }
  return orientation;
}

/* The digit behind the first `tiff:Orientation="` or `tiff:Orientation>`; `NONE` where there is none. */
static int64_t in_xmp(part xmp) {
  static const char name[] = "tiff:Orientation";
  size_t length = sizeof name - 1;
  for (size_t i = 0; i + length + 2 <= xmp.count; i++) {
    if (xmp.bytes[i] != 't' || memcmp(xmp.bytes + i, name, length)) continue;
    const uint8_t *rest = xmp.bytes + i + length;
    size_t left = xmp.count - i - length;
    size_t skipped = rest[0] == '>' ? 1 : left >= 3 && rest[0] == '=' && rest[1] == '"' ? 2 : 0;
    if (skipped && rest[skipped] >= '0' && rest[skipped] <= '9') return rest[skipped] - '0';
  }
  return NONE;
}

/* The segments before the first scan. */
static metadata of_jpeg(part file) {
  static const char xmp[] = "http://ns.adobe.com/xap/1.0/";
  metadata found = {{NULL, 0}, {NULL, 0}};
  file = cut(file, 2, SIZE_MAX);
  while (file.count >= 4 && file.bytes[0] == 0xFF) {
    uint8_t marker = file.bytes[1];
    if (marker == 0xFF) {  /* filling */
      file = cut(file, 1, SIZE_MAX);
      continue;
    }
    if (marker == 0xDA || marker == 0xD9) break;
    if (marker == 0x01 || (marker >= 0xD0 && marker <= 0xD8)) {
      file = cut(file, 2, SIZE_MAX);
      continue;
    }
    size_t length = number(file.bytes + 2, 2, 1);
    if (length < 2) break;
    part segment = cut(file, 4, length - 2);
    if (marker == 0xE1 && begins(segment, "Exif\0\0", 6) && !found.exif.bytes) found.exif = segment;
    if (marker == 0xE1 && begins(segment, xmp, sizeof xmp)) found.xmp = cut(segment, sizeof xmp, SIZE_MAX);
    file = cut(file, 2 + length, SIZE_MAX);
  }
  return found;
}

/* The text of an uncompressed iTXt chunk that holds XMP. */
static part xmp_text(part chunk) {
  static const char keyword[] = "XML:com.adobe.xmp";
  part none = {NULL, 0};
  if (!begins(chunk, keyword, sizeof keyword)) return none;
  part rest = cut(chunk, sizeof keyword, SIZE_MAX);
  if (rest.count < 2 || rest.bytes[0] != 0) return none;
  rest = cut(rest, 2, SIZE_MAX);
  for (int text = 0; text < 2; text++) {  /* the language, and the keyword in it */
    const uint8_t *end = rest.count ? memchr(rest.bytes, 0, rest.count) : NULL;
    if (!end) return none;
    rest = cut(rest, (size_t)(end - rest.bytes) + 1, SIZE_MAX);
  }
  return rest;
}

static metadata of_png(part file) {
  metadata found = {{NULL, 0}, {NULL, 0}};
  for (file = cut(file, 8, SIZE_MAX); file.count >= 12;) {
    size_t length = number(file.bytes, 4, 1);
    part chunk = cut(file, 8, length);
    if (chunk.count < length) break;
    if (memcmp(file.bytes + 4, "eXIf", 4) == 0) found.exif = chunk;
    if (memcmp(file.bytes + 4, "iTXt", 4) == 0 && xmp_text(chunk).bytes) found.xmp = xmp_text(chunk);
    file = cut(file, 12 + length, SIZE_MAX);
  }
  return found;
}

static metadata of_webp(part file) {
  metadata found = {{NULL, 0}, {NULL, 0}};
  if (file.count < 30 || memcmp(file.bytes + 12, "VP8X", 4)) return found;
  uint8_t flags = file.bytes[20];
  for (file = cut(file, 12, SIZE_MAX); file.count >= 8;) {
    size_t length = number(file.bytes + 4, 4, 0);
    part chunk = cut(file, 8, length);
    if (chunk.count < length) break;
    if (flags & 8 && !found.exif.bytes && memcmp(file.bytes, "EXIF", 4) == 0) found.exif = chunk;
    if (flags & 4 && !found.xmp.bytes && memcmp(file.bytes, "XMP ", 4) == 0) found.xmp = chunk;
    file = cut(file, 8 + length + length % 2, SIZE_MAX);
  }
  return found;
}

int32_t ic_orientation(ic_format format, const uint8_t *bytes, size_t count) {
  part file = {bytes, count};
  metadata found = {{NULL, 0}, {NULL, 0}};
  switch (format) {
  case IC_JPEG: found = of_jpeg(file); break;
  case IC_PNG: found = of_png(file); break;
  case IC_WEBP: found = of_webp(file); break;
  case IC_TIFF: {
    int32_t orientation = tiff_orientation(bytes, count);
    return orientation >= 1 && orientation <= 8 ? orientation : 1;
  }
  case IC_BMP:
  case IC_GIF:
  case IC_HEIF: return 1;
  }
  int64_t orientation = in_exif(found.exif);
  if (orientation == NONE) orientation = in_xmp(found.xmp);
  return orientation >= 1 && orientation <= 8 ? (int32_t)orientation : 1;
}
