/*
 * The arithmetic is exact: a sum of weights is at most about 1.3 in absolute value, so 255 * 2^22 * 1.3 stays below
 * 2^31 and no step rounds but the last. Parts of sums may wrap around: modulo 2^32 the whole is right all the same.
 *
 * It is here and not in Swift because it runs over every byte of a photo, also in debug builds, where a Swift loop over
 * bytes is some fifty times slower.
 */
#include "resampling.h"

#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first byte of a word is its lowest");

#define INLINE static inline __attribute__((always_inline))

/* The words of a tile of columns: so many that they stay in the second cache, beside the rows that they come from. */
enum { TILE = 512 };

typedef uint32_t sums __attribute__((vector_size(4 * LANES)));
typedef int32_t signed_sums __attribute__((vector_size(4 * LANES)));
typedef uint8_t sum_bytes __attribute__((vector_size(LANES)));
typedef uint8_t sixteen_bytes __attribute__((vector_size(16)));
typedef uint32_t four_words __attribute__((vector_size(16)));
typedef uint8_t eight_bytes __attribute__((vector_size(8)));
typedef uint16_t eight_pairs __attribute__((vector_size(16)));

/* Half a unit, so that cutting rounds. */
INLINE void fill(sums *sums) { *sums = (typeof(*sums)){0} + (1u << (IC_WEIGHT_BITS - 1)); }

INLINE void finish(const sums *whole, uint8_t *result) {
  signed_sums values = (signed_sums)*whole >> IC_WEIGHT_BITS;
  values = __builtin_elementwise_min(__builtin_elementwise_max(values, (signed_sums){0}), (signed_sums){0} + 255);
  sum_bytes bytes = __builtin_convertvector(values, sum_bytes);
  memcpy(result, &bytes, sizeof bytes);
}

/* Four pixels to a word of each channel. */
INLINE four_words apart(const uint8_t *pixels) {
  sixteen_bytes bytes;
  memcpy(&bytes, pixels, sizeof bytes);
  return (four_words)__builtin_shufflevector(bytes, bytes, 0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, 2, 5, 8, 11);
}

/* Any processor: the weights as they are. */
static void portable_form_weights(const int32_t weights[TAPS], word_weights *result) {
  memcpy(result->parts, weights, sizeof result->parts);
}

INLINE void portable_add_words(const uint8_t *words, size_t stride, const word_weights *weights, size_t count,
                               sums *result) {
  sums total = *result;
  for (size_t i = 0; i < count; i++, words += stride) {
    sums word;
    memcpy(&word, words, sizeof word);
    const uint32_t *parts = weights[i].parts;
    total += (word & 255) * parts[0] + (word >> 8 & 255) * parts[1];
    total += (word >> 16 & 255) * parts[2] + (word >> 24) * parts[3];
  }
  *result = total;
}

#define NAME(function) portable_##function
#define TARGET
#define ADD_WORDS portable_add_words
#include "resampling_loops.h"

#if defined(__x86_64__)

/*
 * Products of 16 bits, two of them summed at once: the weights' upper 8 and lower 15 bits apart, first those of bytes 0
 * and 2, then those of 1 and 3.
 */
static void sse4_form_weights(const int32_t weights[TAPS], word_weights *result) {
  uint32_t upper[TAPS], lower[TAPS];
  for (int tap = 0; tap < TAPS; tap++) {
    upper[tap] = (uint32_t)(weights[tap] >> 15) & 0xFFFF;
    lower[tap] = (uint32_t)weights[tap] & 0x7FFF;
  }
  *result = (word_weights){{upper[0] | upper[2] << 16, upper[1] | upper[3] << 16, lower[0] | lower[2] << 16,
                            lower[1] | lower[3] << 16}};
}

#define SSE4 __attribute__((target("sse4.1")))
#define AVX2 __attribute__((target("avx2")))
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni"), min_vector_width(512)))

INLINE SSE4 void sse4_add_words(const uint8_t *words, size_t stride, const word_weights *weights, size_t count,
                                sums *result) {
  enum { vectors = 4 };
  __m128i upper[vectors] = {}, lower[vectors] = {}, total[vectors];
  for (size_t i = 0; i < count; i++, words += stride) {
    const int *parts = (const int *)weights[i].parts;
    for (int v = 0; v < vectors; v++) {
      __m128i word = _mm_loadu_si128((const __m128i *)words + v);
      __m128i even = _mm_and_si128(word, _mm_set1_epi16(255)), odd = _mm_srli_epi16(word, 8);
      upper[v] = _mm_add_epi32(upper[v], _mm_madd_epi16(even, _mm_set1_epi32(parts[0])));
      upper[v] = _mm_add_epi32(upper[v], _mm_madd_epi16(odd, _mm_set1_epi32(parts[1])));
      lower[v] = _mm_add_epi32(lower[v], _mm_madd_epi16(even, _mm_set1_epi32(parts[2])));
      lower[v] = _mm_add_epi32(lower[v], _mm_madd_epi16(odd, _mm_set1_epi32(parts[3])));
    }
  }
  for (int v = 0; v < vectors; v++) total[v] = _mm_add_epi32(_mm_slli_epi32(upper[v], 15), lower[v]);
  sums all;
  memcpy(&all, total, sizeof all);
  *result += all;
}

#define NAME(function) sse4_##function
#define TARGET SSE4
#define ADD_WORDS sse4_add_words
#include "resampling_loops.h"

#define avx2_form_weights sse4_form_weights
INLINE AVX2 void avx2_add_words(const uint8_t *words, size_t stride, const word_weights *weights, size_t count,
                                sums *result) {
  enum { vectors = 2 };
  __m256i upper[vectors] = {}, lower[vectors] = {}, total[vectors];
  for (size_t i = 0; i < count; i++, words += stride) {
    const int *parts = (const int *)weights[i].parts;
    for (int v = 0; v < vectors; v++) {
      __m256i word = _mm256_loadu_si256((const __m256i *)words + v);
      __m256i even = _mm256_and_si256(word, _mm256_set1_epi16(255)), odd = _mm256_srli_epi16(word, 8);
      upper[v] = _mm256_add_epi32(upper[v], _mm256_madd_epi16(even, _mm256_set1_epi32(parts[0])));
      upper[v] = _mm256_add_epi32(upper[v], _mm256_madd_epi16(odd, _mm256_set1_epi32(parts[1])));
      lower[v] = _mm256_add_epi32(lower[v], _mm256_madd_epi16(even, _mm256_set1_epi32(parts[2])));
      lower[v] = _mm256_add_epi32(lower[v], _mm256_madd_epi16(odd, _mm256_set1_epi32(parts[3])));
    }
  }
  for (int v = 0; v < vectors; v++) total[v] = _mm256_add_epi32(_mm256_slli_epi32(upper[v], 15), lower[v]);
  sums all;
  memcpy(&all, total, sizeof all);
  *result += all;
}

#define NAME(function) avx2_##function
#define TARGET AVX2
#define ADD_WORDS avx2_add_words
#include "resampling_loops.h"

/* Products of 8 bits, four of them summed at once: the weights as three signed digits of 8 bits. */
static void avx512_form_weights(const int32_t weights[TAPS], word_weights *result) {
  *result = (word_weights){};
  for (int tap = 0; tap < TAPS; tap++) {
    int32_t rest = weights[tap];
    for (int digit = 0; digit < 3; digit++) {
      int32_t value = (int8_t)(rest & 255);
      result->parts[digit] |= ((uint32_t)value & 255) << (8 * tap);
      rest = (rest - value) >> 8;
    }
  }
}

INLINE AVX512 void avx512_add_words(const uint8_t *words, size_t stride, const word_weights *weights, size_t count,
                                    sums *result) {
  __m512i digits[3] = {};
  for (size_t i = 0; i < count; i++, words += stride) {
    __m512i word = _mm512_loadu_si512(words);
    for (int digit = 0; digit < 3; digit++)
      digits[digit] = _mm512_dpbusd_epi32(digits[digit], word, _mm512_set1_epi32((int)weights[i].parts[digit]));
  }
  __m512i upper = _mm512_add_epi32(_mm512_slli_epi32(digits[2], 16), _mm512_slli_epi32(digits[1], 8));
  *result += (sums)_mm512_add_epi32(upper, digits[0]);
}

#define NAME(function) avx512_##function
#define TARGET AVX512
#define ADD_WORDS avx512_add_words
#include "resampling_loops.h"

#endif

ic_instructions ic_best_instructions(void) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
    return IC_AVX512;
  if (__builtin_cpu_supports("avx2")) return IC_AVX2;
  if (__builtin_cpu_supports("sse4.1")) return IC_SSE4;
#endif
  return IC_PORTABLE;
}

const resampler *resampler_with(ic_instructions instructions) {
#if defined(__x86_64__)
  ic_instructions best = ic_best_instructions();
  if (instructions == IC_BEST || instructions > best) instructions = best;
  if (instructions == IC_AVX512) return &avx512_resampler;
  if (instructions == IC_AVX2) return &avx2_resampler;
  if (instructions == IC_SSE4) return &sse4_resampler;
#endif
  return &portable_resampler;
}

int word_filter_begin(word_filter *self, ic_filter filter, const resampler *how) {
  size_t outputs = filter.outputs, words = 0;
  *self = (word_filter){.outputs = outputs, .starts = malloc(3 * outputs * sizeof(size_t))};
  if (!self->starts) return 0;
  self->ends = self->starts + outputs;
  self->places = self->ends + outputs;
  for (size_t x = 0; x < outputs; x++) {
    self->starts[x] = (size_t)filter.starts[x] / TAPS;
    self->ends[x] = ((size_t)filter.starts[x] + (size_t)filter.counts[x] + TAPS - 1) / TAPS;
    self->places[x] = words;
    words += self->ends[x] - self->starts[x];
  }
  self->weights = malloc(words * sizeof(word_weights));
  if (!self->weights) return 0;
  for (size_t x = 0; x < outputs; x++) {
    size_t skipped = (size_t)filter.starts[x] % TAPS, count = (size_t)filter.counts[x];
    word_weights *result = self->weights + self->places[x];
    for (size_t first = 0; first < skipped + count; first += TAPS) {
      int32_t weights[TAPS];
      for (size_t tap = 0; tap < TAPS; tap++) {
        size_t i = first + tap;
        weights[tap] = i >= skipped && i < skipped + count ? filter.weights[x * filter.stride + i - skipped] : 0;
      }
      how->form_weights(weights, result++);
    }
  }
  return 1;
}

void word_filter_end(word_filter *self) {
  free(self->starts);
  free(self->weights);
}

int column_room_begin(column_room *self, const word_filter *filter) {
  self->words = malloc(TILE * 3 * TAPS * LANES);
  self->sums = malloc(filter->outputs * 3 * LANES * sizeof(uint32_t));
  return self->words && self->sums;
}

void column_room_end(column_room *self) {
  free(self->words);
  free(self->sums);
}
