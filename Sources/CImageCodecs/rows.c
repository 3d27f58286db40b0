/* Rows as they arrive from a decoder, kept whole or resampled in a band of as many rows as the filter reaches over. */
#include "rows.h"

#include <stdlib.h>
#include <string.h>

#include "resampling.h"

/* The end of the input positions of an output. */
static size_t end_of(ic_filter filter, size_t output) {
  return (size_t)filter.starts[output] + (size_t)filter.counts[output];
}

/* The first row or column that any output needs, and the end of the last. */
static size_t first_of(ic_filter filter) { return (size_t)filter.starts[0]; }
static size_t last_of(ic_filter filter) { return end_of(filter, filter.outputs - 1); }

int rows_begin(rows *self, ic_size size, const ic_resizing *resizing, uint8_t *pixels) {
  *self = (rows){.size = size, .whole = resizing ? NULL : pixels, .resizing = resizing, .pixels = pixels};
  if (!resizing) return 1;
  size_t line_bytes = (size_t)size.width * 3, reach = 1;
  for (size_t y = 0; y < resizing->down.outputs; y++)
    if ((size_t)resizing->down.counts[y] > reach) reach = (size_t)resizing->down.counts[y];
  size_t needed = last_of(resizing->down) - first_of(resizing->down);
  /* Twice the reach, so that a row is moved to the front of the band about once. */
  self->capacity = 2 * reach + 8 < needed ? 2 * reach + 8 : needed;
  self->row_bytes = resizing->down_first ? line_bytes : resizing->across.outputs * 3;
  self->first = first_of(resizing->down);
  self->line = malloc(line_bytes);
  self->band = malloc(self->capacity * self->row_bytes + 1);
  return self->line && self->band;
}

void rows_end(rows *self) {
  free(self->line);
  free(self->band);
}

static int is_needed(const rows *self, size_t y) {
  return y >= first_of(self->resizing->down) && y < last_of(self->resizing->down);
}

/* The place of row `y` in the band; what no output needs any more makes room. */
static uint8_t *place(rows *self, size_t y) {
  if (y - self->first >= self->capacity) {
    size_t keep = (size_t)self->resizing->down.starts[self->next];
    if (keep > y) keep = y;
    memmove(self->band, self->band + (keep - self->first) * self->row_bytes, (y - keep) * self->row_bytes);
    self->first = keep;
  }
  return self->band + (y - self->first) * self->row_bytes;
}

uint8_t *rows_room(rows *self, size_t y) {
  if (self->whole) return self->whole + y * self->size.width * 3;
  return self->resizing->down_first && is_needed(self, y) ? place(self, y) : self->line;
}

/* Makes the output row `next` from the band, which holds all rows that it needs. */
static void make_next(rows *self) {
  ic_filter across = self->resizing->across, down = self->resizing->down;
  const uint8_t *source = self->band + ((size_t)down.starts[self->next] - self->first) * self->row_bytes;
  uint8_t *result = self->pixels + self->next * across.outputs * 3;
  if (self->resizing->down_first) {
    size_t left = first_of(across) * 3, bytes = last_of(across) * 3 - left;
    resample_column_sums(source + left, self->row_bytes, bytes, down, self->next, self->line + left);
    resample_row(self->line, across, result);
  } else {
    resample_column_sums(source, self->row_bytes, self->row_bytes, down, self->next, result);
  }
  self->next++;
}

void rows_filled(rows *self, size_t y) {
  if (self->whole || !is_needed(self, y)) return;
  ic_filter down = self->resizing->down;
  if (!self->resizing->down_first) resample_row(self->line, self->resizing->across, place(self, y));
  while (self->next < down.outputs && end_of(down, self->next) <= y + 1) make_next(self);
}

