#ifndef ROWS_H
#define ROWS_H

#include "CImageCodecs.h"

/*
 * Where the rows of a picture go, one after the other from the top: each is written into its room, and then handed
 * over. Two kinds: the whole picture, or the few rows that a resizing still needs.
 */
typedef struct {
  ic_size size;
  uint8_t *whole;              /* all rows, or NULL where they pass through `resizing` */
  const ic_resizing *resizing; /* or NULL */
  uint8_t *pixels;             /* what the resizing makes */
  uint8_t *line;               /* one row of the picture */
  uint8_t *band;               /* rows from `first` on, of `row_bytes` each: what the second pass still needs */
  size_t row_bytes;
  size_t capacity;             /* of the band, in rows */
  size_t first;
  size_t next;                 /* the output row that is made next */
} rows;

/* Rows into `pixels`; 0 where memory for the band could not be had. End with `rows_end` either way. */
int rows_begin(rows *self, ic_size size, const ic_resizing *resizing, uint8_t *pixels);
void rows_end(rows *self);

/* Where row `y` is to be written, width x 3 bytes. */
uint8_t *rows_room(rows *self, size_t y);

/* Row `y` is in its room. */
void rows_filled(rows *self, size_t y);

#endif
