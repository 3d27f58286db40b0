// Elementwise arithmetic with broadcasting, and reductions.
#include <ATen/ops/abs.h>
#include <ATen/ops/add.h>
#include <ATen/ops/all.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/div.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/norm.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/stack.h>

#include "Shim.hpp"

using namespace shim;

ct_status ct_add(ct_tensor a, ct_tensor b, double scale, ct_tensor *result) {
  return returning(result, [&] { return at::add(tensor(a), tensor(b), scale); });
}

ct_status ct_multiply(ct_tensor a, ct_tensor b, ct_tensor *result) {
  return returning(result, [&] { return at::mul(tensor(a), tensor(b)); });
}

ct_status ct_divide(ct_tensor a, ct_tensor b, ct_tensor *result) {
  return returning(result, [&] { return at::div(tensor(a), tensor(b)); });
}

ct_status ct_affine(ct_tensor a, double scale, double shift, ct_tensor *result) {
  return returning(result, [&] {
    auto scaled = at::mul(tensor(a), scale);
    return shift == 0 ? scaled : at::add(scaled, shift);
  });
}

ct_status ct_matmul(ct_tensor a, ct_tensor b, ct_tensor *result) {
  return returning(result, [&] { return at::matmul(tensor(a), tensor(b)); });
}

ct_status ct_mean(ct_tensor a, const int64_t *axes, int64_t count, ct_tensor *result) {
  return returning(result, [&] { return at::mean(tensor(a), list(axes, count), /*keepdim=*/false); });
}

ct_status ct_unit_rows(ct_tensor a, ct_tensor *result) {
  return returning(result, [&] {
    return at::div(tensor(a), at::norm(tensor(a), /*p=*/2, /*dim=*/at::IntArrayRef{-1}, /*keepdim=*/true));
  });
}

ct_status ct_softmax(ct_tensor a, ct_tensor *result) {
  return returning(result, [&] { return at::softmax(tensor(a), -1); });
}

ct_status ct_exp(ct_tensor a, ct_tensor *result) {
  return returning(result, [&] { return at::exp(tensor(a)); });
}

ct_status ct_abs(ct_tensor a, ct_tensor *result) {
  return returning(result, [&] { return at::abs(tensor(a)); });
}

ct_status ct_square_root(ct_tensor a, ct_tensor *result) {
  return returning(result, [&] { return at::sqrt(tensor(a)); });
}

ct_status ct_cross_entropy(ct_tensor logits, ct_tensor labels, ct_tensor *result) {
  return returning(result, [&] { return at::cross_entropy_loss(tensor(logits), tensor(labels)); });
}

ct_status ct_all_finite(const ct_tensor *tensors, int64_t count, ct_tensor *result) {
  return returning(result, [&] {
    std::vector<at::Tensor> each;
    for (int64_t i = 0; i < count; ++i) each.push_back(at::isfinite(tensor(tensors[i])).all());
    return at::stack(each).all().to(at::kFloat);
  });
}
