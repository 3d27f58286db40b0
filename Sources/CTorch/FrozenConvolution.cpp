// Convolutions whose weight never changes, with the batch normalisation and the activation after them.
//
// A normalisation with fixed statistics is a factor and a summand for each channel, so it becomes part of the weight.
// oneDNN then does all three in one pass over memory, with the channels of a position side by side. Where libtorch has
// no oneDNN, the operations are libtorch's.
#include <ATen/TensorOperators.h>
#include <ATen/ops/conv2d.h>

#include "OneDNN.hpp"
#include "Shim.hpp"

using namespace shim;

namespace {

struct FrozenConvolution {
  at::Tensor weight;  // [out, in / groups, h, w]
  std::optional<at::Tensor> bias;
  std::vector<int64_t> padding, stride;
  int64_t groups, channels;  // channels: in
  bool isActive;             // min(max(y, 0), ceiling)
  double ceiling;
};

const std::vector<int64_t> dilation = {1, 1};

/// The weight in oneDNN's layout.
at::Tensor packed(const at::Tensor &weight, const FrozenConvolution &layer) {
  using Signature = at::Tensor(const at::Tensor &, at::IntArrayRef, at::IntArrayRef, at::IntArrayRef, int64_t,
                               at::OptionalIntArrayRef);
  static const auto reorder = oneDNN<Signature>("mkldnn::_reorder_convolution_weight");
  if (weight.is_cuda()) return weight.contiguous(at::MemoryFormat::ChannelsLast);
  if (!reorder || !weight.is_cpu()) return weight;
  return reorder->call(weight.contiguous(at::MemoryFormat::ChannelsLast), layer.padding, layer.stride, dilation,
                       layer.groups, std::nullopt);
}

at::Tensor apply(const FrozenConvolution &layer, const at::Tensor &x) {
  using Signature = at::Tensor(const at::Tensor &, const at::Tensor &, const std::optional<at::Tensor> &,
                               at::IntArrayRef, at::IntArrayRef, at::IntArrayRef, int64_t, std::string_view,
                               c10::List<std::optional<at::Scalar>>, std::optional<std::string_view>);
  static const auto convolution = oneDNN<Signature>("mkldnn::_convolution_pointwise");
  if (!convolution || !layer.weight.is_mkldnn()) {
    const auto input = x.is_cuda() ? x.contiguous(at::MemoryFormat::ChannelsLast) : x;
    auto y = at::conv2d(input, layer.weight, layer.bias, layer.stride, layer.padding, dilation, layer.groups);
    return layer.isActive ? y.clamp_(0, layer.ceiling) : y;
  }
  c10::List<std::optional<at::Scalar>> bounds;
  if (layer.isActive) bounds.push_back(at::Scalar(0.0)), bounds.push_back(at::Scalar(layer.ceiling));
  return convolution->call(x.contiguous(at::MemoryFormat::ChannelsLast), layer.weight, layer.bias, layer.padding,
                           layer.stride, dilation, layer.groups, layer.isActive ? "hardtanh" : "none", bounds, "");
}

}  // namespace

ct_status ct_frozen_convolution_make(ct_tensor weight, ct_batch_norm_values norm, int64_t stride, int64_t padding,
                                     int64_t groups, bool is_active, double ceiling, ct_frozen_convolution *result) {
  return guarded([&] {
    at::NoGradGuard guard;
    TORCH_CHECK(tensor(weight).dim() == 4 && stride > 0 && padding >= 0 && groups > 0, "no such convolution");
    // In double precision: each weight is then rounded once. And on the CPU: not every device has that precision.
    const auto device = tensor(weight).device();
    const auto wide = [](ct_tensor handle) { return tensor(handle).to(at::kCPU).to(at::kDouble); };
    auto factor = wide(norm.weight) / (wide(norm.variance) + norm.epsilon).sqrt();
    auto bias = (wide(norm.bias) - wide(norm.mean) * factor).to(at::kFloat).to(device);
    auto folded = (wide(weight) * factor.view({-1, 1, 1, 1})).to(at::kFloat).to(device);
    FrozenConvolution layer{at::Tensor(),     bias,                {padding, padding},
                            {stride, stride}, groups,              tensor(weight).size(1) * groups,
                            is_active,        ceiling};
    layer.weight = packed(folded, layer);
    result->impl = new FrozenConvolution(std::move(layer));
  });
}

void ct_frozen_convolution_free(ct_frozen_convolution layer) { delete static_cast<FrozenConvolution *>(layer.impl); }

ct_status ct_frozen_convolution_apply(ct_frozen_convolution layer, ct_tensor x, ct_tensor *result) {
  return returning(result, [&] {
    at::NoGradGuard guard;
    const auto &frozen = *static_cast<const FrozenConvolution *>(layer.impl);
    TORCH_CHECK(tensor(x).dim() == 4 && tensor(x).size(1) == frozen.channels, "the layer takes [B, ", frozen.channels,
                ", H, W]");
    return apply(frozen, tensor(x));
  });
}
