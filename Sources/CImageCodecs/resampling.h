#ifndef RESAMPLING_H
#define RESAMPLING_H

#include "CImageCodecs.h"

/*
 * The two passes of a separable filter on bytes, sixteen sums at a time.
 *
 * Bytes that are summed lie in words of four: neighbours along the axis that is resampled, the first at a position that
 * four divides. Sixteen words that want the same weights stand side by side: those of sixteen rows for the pass over
 * columns, those of sixteen columns for the pass over rows. So both passes are one loop over words.
 */
enum { LANES = 16, TAPS = 4 };

/* The weights of one word, in the form that the instructions want. */
typedef struct {
  uint32_t parts[4];
} word_weights;

/* A filter whose inputs are taken as words; what an output doesn't need of a word has weight 0. */
typedef struct {
  size_t outputs;
  size_t *starts; /* the first word of each output */
  size_t *ends;   /* and the one after its last */
  size_t *places; /* of the first word's weights among `weights` */
  word_weights *weights;
} word_filter;

/* Some of the words that an output row needs, each `LANES` times four bytes after the one before in a row of words. */
typedef struct {
  const uint8_t *words;
  size_t count;
} word_rows;

/* What the pass over columns needs room for. */
typedef struct {
  uint8_t *words; /* a tile of columns of `LANES` rows */
  uint32_t *sums; /* of the outputs whose inputs reach beyond a tile */
} column_room;

/* One way to compute, by the instructions that it needs. All give the same bits. */
typedef struct {
  void (*form_weights)(const int32_t weights[TAPS], word_weights *result);
  /*
   * `LANES` rows of RGB pixels, `stride` bytes apart, of which `filled` are there, to their sums: `result` holds
   * `LANES` bytes for each of filter->outputs x 3. Up to 15 bytes after a row are read.
   */
  void (*sum_columns)(const uint8_t *rows, size_t stride, size_t filled, const word_filter *filter, column_room room,
                      uint8_t *result);
  /* Four rows, of which `filled` are there, to words: for all bytes until `LANES` divides their number. */
  void (*pack_rows)(const uint8_t *rows, size_t stride, size_t filled, size_t bytes, uint8_t *words);
  /* One output row from the words that it needs: `parts` of rows of words that are `stride` bytes apart. */
  void (*sum_rows)(const word_rows parts[2], size_t stride, const word_weights *weights, size_t bytes,
                   uint8_t *result);
} resampler;

const resampler *resampler_with(ic_instructions instructions);

/* Both return 0 where memory could not be had. End with the other either way. */
int word_filter_begin(word_filter *self, ic_filter filter, const resampler *how);
void word_filter_end(word_filter *self);
int column_room_begin(column_room *self, const word_filter *filter);
void column_room_end(column_room *self);

#endif
