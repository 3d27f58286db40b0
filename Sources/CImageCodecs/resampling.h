#ifndef RESAMPLING_H
#define RESAMPLING_H

#include "CImageCodecs.h"

/* Resamples one row of RGB pixels: `result` is filter.outputs x 3. */
void resample_row(const uint8_t *source, ic_filter filter, uint8_t *result);

/*
 * One output row from the rows that it needs: `source` is the first of them, each `stride` bytes after the one before;
 * `result` is `bytes` long.
 */
void resample_column_sums(const uint8_t *source, size_t stride, size_t bytes, ic_filter filter, size_t output,
                          uint8_t *result);

#endif
