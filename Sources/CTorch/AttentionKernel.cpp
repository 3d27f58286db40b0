// The kernel of sparse attention, compiled once for each generation of vector units and chosen at load time.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "Attention.hpp"

#if defined(__x86_64__) && defined(__linux__)
#define CT_VECTORISED __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CT_VECTORISED
#endif
#define CT_INLINE static inline __attribute__((always_inline))

namespace attention {
namespace {

CT_INLINE float dot(const float *a, const float *b, int64_t n) {
#pragma clang fp reassociate(on) contract(fast)
  float sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

CT_INLINE void addScaled(float *target, float scale, const float *source, int64_t n) {
#pragma clang fp contract(fast)
  for (int64_t i = 0; i < n; ++i) target[i] += scale * source[i];
}

/// The attention weights of one query over its keys.
CT_INLINE void weigh(const float *query, Rows k, const int64_t *keys, int64_t count, int64_t width, float *weights) {
  const float scale = 1 / std::sqrt(static_cast<float>(width));
  float largest = -std::numeric_limits<float>::infinity();
  for (int64_t j = 0; j < count; ++j) {
    weights[j] = dot(query, k[keys[j]], width) * scale;
    largest = std::max(largest, weights[j]);
  }
  float sum = 0;
  for (int64_t j = 0; j < count; ++j) sum += weights[j] = std::exp(weights[j] - largest);
  for (int64_t j = 0; j < count; ++j) weights[j] /= sum;
}

int64_t mostKeys(const Pattern &pattern) {
  int64_t most = 0;
  for (int64_t i = 0; i < pattern.queries; ++i) most = std::max(most, pattern.offsets[i + 1] - pattern.offsets[i]);
  return most;
}

}  // namespace

CT_VECTORISED
static void forwardWith(Rows q, Rows k, Rows v, Rows result, const Pattern &pattern, float *weights) {
  for (int64_t i = 0; i < pattern.queries; ++i) {
    const int64_t *keys = pattern.keys + pattern.offsets[i];
    const int64_t count = pattern.offsets[i + 1] - pattern.offsets[i];
    weigh(q[i], k, keys, count, pattern.width, weights);
    float *target = result[i];
    for (int64_t c = 0; c < pattern.width; ++c) target[c] = 0;
    for (int64_t j = 0; j < count; ++j) addScaled(target, weights[j], v[keys[j]], pattern.width);
  }
}

CT_VECTORISED
static void backwardWith(Rows q, Rows k, Rows v, Rows gradient, Rows dq, Rows dk, Rows dv, const Pattern &pattern,
                         float *weights, float *slopes) {
  const int64_t width = pattern.width;
  const float scale = 1 / std::sqrt(static_cast<float>(width));
  for (int64_t i = 0; i < pattern.queries; ++i) {
    const int64_t *keys = pattern.keys + pattern.offsets[i];
    const int64_t count = pattern.offsets[i + 1] - pattern.offsets[i];
    weigh(q[i], k, keys, count, width, weights);
    float mean = 0;
    for (int64_t j = 0; j < count; ++j) {
      slopes[j] = dot(gradient[i], v[keys[j]], width);
      mean += weights[j] * slopes[j];
    }
    float *target = dq[i];
    for (int64_t c = 0; c < width; ++c) target[c] = 0;
    for (int64_t j = 0; j < count; ++j) {
      const float slope = weights[j] * (slopes[j] - mean) * scale;
      addScaled(target, slope, k[keys[j]], width);
      addScaled(dk[keys[j]], slope, q[i], width);
      addScaled(dv[keys[j]], weights[j], gradient[i], width);
    }
  }
}

void forward(Rows q, Rows k, Rows v, Rows result, const Pattern &pattern) {
  std::vector<float> weights(mostKeys(pattern));
  forwardWith(q, k, v, result, pattern, weights.data());
}

void backward(Rows q, Rows k, Rows v, Rows gradient, Rows dq, Rows dk, Rows dv, const Pattern &pattern) {
  std::vector<float> weights(mostKeys(pattern)), slopes(weights.size());
  backwardWith(q, k, v, gradient, dq, dk, dv, pattern, weights.data(), slopes.data());
}

}  // namespace attention
