// The operations that layers are made of.
#include <ATen/TensorOperators.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/silu.h>

#include "Shim.hpp"

using namespace shim;

at::Tensor shim::activated(const at::Tensor &x, ct_activation activation) {
  constexpr double slope = 1.702;  // of OpenAI's CLIP
  switch (activation) {
    case CT_IDENTITY: return x;
    case CT_RELU: return at::relu(x);
    case CT_RELU6: return at::clamp(x, 0, 6);
    case CT_GELU: return at::gelu(x);
    case CT_QUICK_GELU: return at::silu(x * slope) / slope;
    case CT_SILU: return at::silu(x);
  }
  TORCH_CHECK(false, "unknown activation ", static_cast<int>(activation));
}

ct_status ct_activate(ct_tensor a, ct_activation activation, ct_tensor *result) {
  return returning(result, [&] { return activated(tensor(a), activation); });
}

ct_status ct_linear(ct_tensor x, ct_tensor weight, ct_tensor bias, ct_tensor *result) {
  return returning(result, [&] { return at::linear(tensor(x), tensor(weight), optional(bias)); });
}

ct_status ct_layer_norm(ct_tensor x, ct_tensor weight, ct_tensor bias, double epsilon, ct_tensor *result) {
  return returning(result, [&] {
    return at::layer_norm(tensor(x), {tensor(x).size(-1)}, tensor(weight), tensor(bias), epsilon);
  });
}

ct_status ct_convolution(ct_tensor x, ct_tensor weight, ct_tensor bias, int64_t stride, int64_t padding, int64_t groups,
                         ct_tensor *result) {
  return returning(result, [&] {
    return at::conv2d(tensor(x), tensor(weight), optional(bias), stride, padding, /*dilation=*/1, groups);
  });
}

ct_status ct_average_pool(ct_tensor x, int64_t size, ct_tensor *result) {
  return returning(result, [&] { return at::avg_pool2d(tensor(x), {size, size}); });
}
