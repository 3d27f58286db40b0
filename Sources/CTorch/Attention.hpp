// The kernel of sparse attention: one image, one head, float32.
#pragma once

#include <cstdint>

namespace attention {

/// Row i starts at `data + i * stride`.
struct Rows {
  float *data;
  int64_t stride;
  float *operator[](int64_t row) const { return data + row * stride; }
};

/// Query i of `queries` attends to keys[offsets[i] ..< offsets[i + 1]]; each row has `width` columns.
struct Pattern {
  int64_t queries, width;
  const int64_t *offsets;
  const int64_t *keys;
};

/// result[i] = Σⱼ softmaxⱼ(q[i] · k[j] / √width) v[j]
void forward(Rows q, Rows k, Rows v, Rows result, const Pattern &pattern);

/// Writes dq, adds to dk and dv, for the gradient of `forward`'s result.
void backward(Rows q, Rows k, Rows v, Rows gradient, Rows dq, Rows dk, Rows dv, const Pattern &pattern);

}  // namespace attention
