// Derivatives with respect to variables.
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/autograd.h>

#include "Shim.hpp"

using namespace shim;

ct_status ct_with_gradient(ct_tensor a, ct_tensor *result) {
  return returning(result, [&] { return tensor(a).detach().requires_grad_(true); });
}

ct_status ct_without_gradient(ct_tensor a, ct_tensor *result) {
  return returning(result, [&] { return tensor(a).detach(); });
}

ct_status ct_gradients(ct_tensor value, ct_tensor cotangent, const ct_tensor *variables, int64_t count,
                       bool keeps_graph, ct_tensor *results) {
  return guarded([&] {
    std::vector<at::Tensor> inputs, cotangents;
    if (cotangent.impl) cotangents.push_back(tensor(cotangent));
    for (int64_t i = 0; i < count; ++i) inputs.push_back(tensor(variables[i]));
    auto gradients = torch::autograd::grad({tensor(value)}, inputs, cotangents, /*retain_graph=*/keeps_graph,
                                           /*create_graph=*/false, /*allow_unused=*/true);
    for (int64_t i = 0; i < count; ++i)
      if (!gradients[i].defined()) gradients[i] = at::zeros_like(inputs[i]);
    for (int64_t i = 0; i < count; ++i) results[i].impl = new at::Tensor(gradients[i]);
  });
}
