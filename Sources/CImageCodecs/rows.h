#ifndef ROWS_H
#define ROWS_H

#include "resampling.h"

/*
 * Where the rows of a picture go, one after the other from the top: each is written into its room, and then handed
 * over. Two kinds: the whole picture, or the few rows that a resizing still needs.
 */
typedef struct {
  ic_size size;
  uint8_t *whole; /* all rows, or NULL where they pass through a resizing */
  uint8_t *pixels;  /* what the resizing makes */
  const resampler *how;
  int down_first;
  word_filter across, down;
  column_room room;
  size_t first, end;  /* the rows that any output needs; `first` is that of a word */
  uint8_t *lines;     /* the rows that arrived since the last pass, and one that nobody needs */
  size_t line_bytes, lines_at_once;
  uint8_t *band;      /* rows of words, a ring of `band_words`: what the pass over rows still needs */
  size_t band_words, band_bytes;
  uint8_t *made;      /* rows that the pass over rows has made for the one over columns, `LANES` of them */
  uint8_t *sums;      /* what the pass over columns makes of `LANES` rows */
  size_t next;        /* the output row that is made next */
} rows;

/* Rows into `pixels`; 0 where memory could not be had. End with `rows_end` either way. */
int rows_begin(rows *self, ic_size size, const ic_resizing *resizing, uint8_t *pixels);
void rows_end(rows *self);

/* The bytes of what is kept meanwhile. */
size_t rows_memory(const rows *self);

/* The bytes of each row that any output needs. */
void rows_part(const rows *self, size_t *start, size_t *count);

/* Where row `y` is to be written, width x 3 bytes. */
uint8_t *rows_room(rows *self, size_t y);

/* Row `y` is in its room. */
void rows_filled(rows *self, size_t y);

#endif
