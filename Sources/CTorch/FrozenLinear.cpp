// Linear layers whose weight never changes, with the activation after them.
//
// oneDNN multiplies faster when a matrix lies in its blocked layout, and faster than MKL on processors that are not
// Intel's. A frozen weight is brought into that layout once. Where libtorch has no oneDNN, the layers are libtorch's.
#include <ATen/ops/linear.h>
#include <torch/csrc/autograd/custom_function.h>

#include <mutex>

#include "OneDNN.hpp"
#include "Shim.hpp"

using namespace shim;

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// The weight in oneDNN's layout, for inputs of any number of rows.
at::Tensor packed(const at::Tensor &weight) {
  static const auto reorder = oneDNN<at::Tensor(const at::Tensor &, std::optional<int64_t>)>(
      "mkldnn::_reorder_linear_weight");
  if (!reorder || !weight.is_cpu()) return weight;
  const auto dense = weight.contiguous();
  const Apart apart;
  return reorder->call(dense, std::nullopt);
}

/// What oneDNN calls an activation that it applies to a product before it leaves the cache.
struct Fused {
  std::string_view name = "none";
  std::optional<std::string_view> algorithm = "";
};

std::optional<Fused> fused(ct_activation activation) {
  switch (activation) {
    case CT_IDENTITY: return Fused{};
    case CT_RELU: return Fused{"relu"};
    case CT_GELU: return Fused{"gelu", "none"};
    case CT_SILU: return Fused{"swish"};
    default: return std::nullopt;
  }
}

/// activation(x @ weightᵀ + bias), without a gradient.
at::Tensor product(const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias,
                   ct_activation activation = CT_IDENTITY) {
  using Signature = at::Tensor(const at::Tensor &, const at::Tensor &, const std::optional<at::Tensor> &,
                               std::string_view, c10::List<std::optional<at::Scalar>>, std::optional<std::string_view>);
  static const auto linear = oneDNN<Signature>("mkldnn::_linear_pointwise");
  if (!linear || !weight.is_mkldnn()) {
    if (weight.scalar_type() == x.scalar_type()) return activated(at::linear(x, weight, bias), activation);
    const auto y = at::linear(x.to(weight.scalar_type()), weight).to(x.scalar_type());
    return activated(bias ? y.add(*bias) : y, activation);
  }
  if (x.numel() == 0) {
    auto shape = x.sizes().vec();
    shape.back() = weight.size(0);
    return x.new_zeros(shape);
  }
  const c10::List<std::optional<at::Scalar>> none;
  if (weight.scalar_type() == at::kFloat) {
    const auto last = fused(activation);
    if (last) return linear->call(x, weight, bias, last->name, none, last->algorithm);
    return activated(linear->call(x, weight, bias, "none", none, ""), activation);
  }
  // Products of 16 bits are summed in float32; the bias is added to the sum as it is.
  auto y = linear->call(x.to(weight.scalar_type()), weight, std::nullopt, "none", none, "").to(at::kFloat);
  return activated(bias ? y.add_(*bias) : y, activation);
}

bool hasProducts(at::ScalarType type) {
  static const auto bfloat16 = oneDNN<bool()>("mkldnn::_is_mkldnn_bf16_supported");
  static const auto half = oneDNN<bool()>("mkldnn::_is_mkldnn_fp16_supported");
  if (type == at::kBFloat16) return bfloat16 && bfloat16->call();
  if (type == at::kHalf) return half && half->call();
  return type == at::kFloat;
}

struct FrozenLinear : torch::CustomClassHolder {
  FrozenLinear(const at::Tensor &weight, std::optional<at::Tensor> bias, ct_activation activation, at::ScalarType type)
      : weight(packed(weight.to(type))), bias(std::move(bias)), activation(activation), inputs(weight.size(1)) {}

  const at::Tensor weight;  // [out, in]
  const std::optional<at::Tensor> bias;
  const ct_activation activation;
  const int64_t inputs;

  /// [in, out], made when a gradient first passes through the layer: most layers never see one.
  const at::Tensor &transposed() {
    std::call_once(once_, [&] {
      // Without oneDNN a transposed view is enough: the product's own library reads either way.
      transposed_ = weight.is_mkldnn() ? packed(weight.to_dense().t().contiguous())
                    : weight.is_cpu()  ? packed(weight.t().contiguous())
                                       : weight.t();
    });
    return transposed_;
  }

 private:
  std::once_flag once_;
  at::Tensor transposed_;
};

using Layer = c10::intrusive_ptr<FrozenLinear>;

/// The gradient goes to the input alone, so nothing is saved.
struct FrozenProduct : torch::autograd::Function<FrozenProduct> {
  static at::Tensor forward(AutogradContext *context, const at::Tensor &x, const Layer &layer) {
    context->saved_data["layer"] = c10::IValue::make_capsule(layer);
    return product(x, layer->weight, layer->bias);
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    auto layer = c10::static_intrusive_pointer_cast<FrozenLinear>(context->saved_data["layer"].toCapsule());
    return {product(gradients[0], layer->transposed(), std::nullopt), at::Tensor()};
  }
};

const Layer &layer(ct_frozen_linear handle) { return *static_cast<const Layer *>(handle.impl); }

}  // namespace

bool ct_has_products(ct_kind kind) {
  try {
    return hasProducts(scalarType(kind));
  } catch (...) {
    return false;
  }
}

ct_status ct_frozen_linear_make(ct_tensor weight, ct_tensor bias, ct_activation activation, ct_kind kind,
                                ct_frozen_linear *result) {
  return guarded([&] {
    const auto type = scalarType(kind);
    TORCH_CHECK(type == at::kFloat || type == at::kBFloat16 || type == at::kHalf, "no layer multiplies in ", type);
    TORCH_CHECK(!tensor(weight).is_cpu() || hasProducts(type), "this processor has no products of ", type);
    TORCH_CHECK(tensor(weight).dim() == 2 && tensor(weight).scalar_type() == at::kFloat, "the weight is a float matrix");
    result->impl = new Layer(c10::make_intrusive<FrozenLinear>(
        tensor(weight).detach(), optional(bias), activation, type));
  });
}

void ct_frozen_linear_free(ct_frozen_linear handle) { delete static_cast<Layer *>(handle.impl); }

ct_status ct_frozen_linear_apply(ct_frozen_linear handle, ct_tensor x, ct_tensor *result) {
  return returning(result, [&] {
    const auto &input = tensor(x);
    TORCH_CHECK(input.size(-1) == layer(handle)->inputs, "the layer takes ", layer(handle)->inputs, " columns");
    const auto &frozen = *layer(handle);
    if (input.requires_grad() && at::GradMode::is_enabled()) {
      return activated(FrozenProduct::apply(input, layer(handle)), frozen.activation);
    }
    return product(input, frozen.weight, frozen.bias, frozen.activation);
  });
}
