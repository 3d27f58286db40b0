/*
 * The two passes of a separable filter on bytes, in fixed point.
 *
 * They are here and not in Swift because they are called for every training image, also by debug builds, where a Swift
 * loop over bytes is some fifty times slower. The arithmetic is exact: a sum of weights is at most about 1.3 in
 * absolute value, so 255 * 2^22 * 1.3 stays below 2^31 and no step rounds but the last.
 */
#include "resampling.h"

static const int32_t half = 1 << (IC_WEIGHT_BITS - 1);

static uint8_t rounded(int32_t sum) {
  int32_t value = sum >> IC_WEIGHT_BITS;
  return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

void resample_row(const uint8_t *source, ic_filter filter, uint8_t *result) {
  for (size_t x = 0; x < filter.outputs; x++, result += 3) {
    const uint8_t *pixel = source + (size_t)filter.starts[x] * 3;
    const int32_t *weights = filter.weights + x * filter.stride;
    int32_t red = half, green = half, blue = half;
    for (int32_t tap = 0; tap < filter.counts[x]; tap++, pixel += 3) {
      red += pixel[0] * weights[tap];
      green += pixel[1] * weights[tap];
      blue += pixel[2] * weights[tap];
    }
    result[0] = rounded(red);
    result[1] = rounded(green);
    result[2] = rounded(blue);
  }
}

void resample_column_sums(const uint8_t *source, size_t stride, size_t bytes, ic_filter filter, size_t output,
                          uint8_t *result) {
  enum { block = 64 }; /* so many sums stay in registers or in the first cache while the taps run over the rows */
  const int32_t *weights = filter.weights + output * filter.stride;
  for (size_t x = 0; x < bytes; x += block) {
    size_t width = bytes - x < block ? bytes - x : block;
    int32_t sums[block];
    for (size_t i = 0; i < width; i++) sums[i] = half;
    const uint8_t *row = source + x;
    for (int32_t tap = 0; tap < filter.counts[output]; tap++, row += stride) {
      int32_t weight = weights[tap];
      for (size_t i = 0; i < width; i++) sums[i] += row[i] * weight;
    }
    for (size_t i = 0; i < width; i++) result[x + i] = rounded(sums[i]);
  }
}
