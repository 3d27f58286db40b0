// The operations that layers are made of.
#include "Shim.hpp"

using namespace shim;

namespace {

// x · σ(1.702 x), the activation of OpenAI's CLIP. Written as silu(1.702 x) / 1.702, which libtorch
// vectorises in both directions and which needs no second tensor kept for the gradient.
struct QuickGELU : torch::autograd::Function<QuickGELU> {
  static constexpr double slope = 1.702;

  static at::Tensor forward(torch::autograd::AutogradContext *context, const at::Tensor &x) {
    context->save_for_backward({x});
    auto scaled = at::mul(x, slope);
    return at::silu_(scaled).mul_(1 / slope);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext *context,
                                                 torch::autograd::variable_list gradients) {
    auto x = context->get_saved_variables()[0];
    return {at::silu_backward(gradients[0], at::mul(x, slope))};
  }
};

}  // namespace

ct_status ct_activate(ct_tensor a, ct_activation activation, ct_tensor *result) {
  return returning(result, [&]() -> at::Tensor {
    switch (activation) {
      case CT_RELU: return at::relu(tensor(a));
      case CT_RELU6: return at::clamp(tensor(a), 0, 6);
      case CT_GELU: return at::gelu(tensor(a));
      case CT_QUICK_GELU: return QuickGELU::apply(tensor(a));
    }
    TORCH_CHECK(false, "unknown activation ", static_cast<int>(activation));
  });
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
