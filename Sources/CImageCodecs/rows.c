/* Rows as they arrive from a decoder, kept whole or resampled in a band of as many rows as the filter reaches over. */
#include "rows.h"

#include <stdlib.h>
#include <string.h>

/* A length that vectors of `LANES` bytes fill. */
static size_t whole_lanes(size_t bytes) { return (bytes + LANES - 1) / LANES * LANES; }
static size_t lesser(size_t a, size_t b) { return a < b ? a : b; }

/* The columns that any output needs, in bytes: those of whole words. */
static size_t left(const rows *self) { return self->across.starts[0] * TAPS * 3; }
static size_t width(const rows *self) {
  size_t end = self->across.ends[self->across.outputs - 1] * TAPS;
  return lesser(end, self->size.width) * 3 - left(self);
}

int rows_begin(rows *self, ic_size size, const ic_resizing *resizing, uint8_t *pixels) {
  *self = (rows){.size = size, .whole = resizing ? NULL : pixels, .pixels = pixels};
  if (!resizing) return 1;
  self->how = resampler_with(resizing->instructions);
  self->down_first = resizing->down_first;
  if (!word_filter_begin(&self->across, resizing->across, self->how)) return 0;
  if (!word_filter_begin(&self->down, resizing->down, self->how)) return 0;
  if (!column_room_begin(&self->room, &self->across)) return 0;
  const word_filter *down = &self->down;
  size_t reach = 0, last = down->outputs - 1;
  for (size_t y = 0; y < down->outputs; y++)
    if (down->ends[y] - down->starts[y] > reach) reach = down->ends[y] - down->starts[y];
  self->first = down->starts[0] * TAPS;
  self->end = (size_t)resizing->down.starts[last] + (size_t)resizing->down.counts[last];
  size_t sums = self->across.outputs * 3;
  /* The words of a pass, and those of the output that waits for them; a pass's words lie together in the ring. */
  self->lines_at_once = lesser(self->down_first ? TAPS : LANES, self->end - self->first);
  self->band_words = self->down_first ? reach + 1 : (reach + LANES / TAPS + 3) / 4 * 4;
  self->band_bytes = whole_lanes(self->down_first ? width(self) : sums) * TAPS;
  self->line_bytes = whole_lanes((size_t)size.width * 3) + LANES;
  self->lines = calloc(self->lines_at_once + 1, self->line_bytes);
  self->band = malloc(self->band_words * self->band_bytes);
  self->sums = malloc(sums * LANES);
  if (self->down_first) self->made = calloc(lesser(LANES, down->outputs), self->line_bytes);
  return self->lines && self->band && self->sums && (self->made || !self->down_first);
}

void rows_end(rows *self) {
  word_filter_end(&self->across);
  word_filter_end(&self->down);
  column_room_end(&self->room);
  free(self->lines);
  free(self->band);
  free(self->made);
  free(self->sums);
}

void rows_part(const rows *self, size_t *start, size_t *count) {
  *start = left(self);
  *count = width(self);
}

size_t rows_memory(const rows *self) {
  return self->band_words * self->band_bytes + (self->lines_at_once + 1) * self->line_bytes;
}

static int is_needed(const rows *self, size_t y) { return y >= self->first && y < self->end; }

uint8_t *rows_room(rows *self, size_t y) {
  if (self->whole) return self->whole + y * self->size.width * 3;
  size_t line = is_needed(self, y) ? (y - self->first) % self->lines_at_once : self->lines_at_once;
  return self->lines + line * self->line_bytes;
}

/* Where a word of rows lies in the ring, of which the first that is needed is the first. */
static size_t place(const rows *self, size_t word) { return (word - self->first / TAPS) % self->band_words; }

/* The pass over rows, to the output row `next`. */
static void sum_next(rows *self, uint8_t *result) {
  const word_filter *down = &self->down;
  size_t start = down->starts[self->next], count = down->ends[self->next] - start;
  size_t first = place(self, start), before_wrap = lesser(self->band_words - first, count);
  word_rows parts[2] = {{self->band + first * self->band_bytes, before_wrap}, {self->band, count - before_wrap}};
  size_t bytes = self->down_first ? width(self) : self->across.outputs * 3;
  self->how->sum_rows(parts, self->band_bytes, down->weights + down->places[self->next], bytes, result);
  self->next++;
}

/* Whether all rows of the next output are there, `end` being the first that isn't. */
static int is_next_whole(const rows *self, size_t end) {
  return self->next < self->down.outputs &&
         (self->down.ends[self->next] * TAPS <= end || end >= self->end);
}

/* Columns first: the rows from `top` on become words of the band, and the output rows that those complete. */
static void pass_across(rows *self, size_t top, size_t count) {
  const word_filter *across = &self->across;
  self->how->sum_columns(self->lines, self->line_bytes, count, across, self->room, self->sums);
  uint8_t *band = self->band + place(self, top / TAPS) * self->band_bytes;
  for (size_t word = 0; word * TAPS < count; word++, band += self->band_bytes) {
    for (size_t i = 0; i < across->outputs * 3; i++)
      memcpy(band + i * TAPS, self->sums + i * LANES + word * TAPS, TAPS);
  }
  while (is_next_whole(self, top + count)) sum_next(self, self->pixels + self->next * across->outputs * 3);
}

/* Rows first: the rows from `top` on become a word of the band, and the output rows that it completes go across. */
static void pass_down(rows *self, size_t top, size_t count) {
  const word_filter *across = &self->across;
  uint8_t *band = self->band + place(self, top / TAPS) * self->band_bytes;
  self->how->pack_rows(self->lines + left(self), self->line_bytes, count, width(self), band);
  while (is_next_whole(self, top + count)) {
    size_t line = self->next % LANES;
    sum_next(self, self->made + line * self->line_bytes + left(self));
    if (line + 1 < LANES && self->next < self->down.outputs) continue;
    self->how->sum_columns(self->made, self->line_bytes, line + 1, across, self->room, self->sums);
    uint8_t *result = self->pixels + (self->next - line - 1) * across->outputs * 3;
    for (size_t y = 0; y <= line; y++)
      for (size_t i = 0; i < across->outputs * 3; i++) *result++ = self->sums[i * LANES + y];
  }
}

void rows_filled(rows *self, size_t y) {
  if (self->whole || !is_needed(self, y)) return;
  size_t count = (y - self->first) % self->lines_at_once + 1;
  if (count < self->lines_at_once && y + 1 < self->end) return;
  if (self->down_first) pass_down(self, y + 1 - count, count);
  else pass_across(self, y + 1 - count, count);
}
