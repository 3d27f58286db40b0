// The same elements, arranged or chosen differently.
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/split.h>

#include "Shim.hpp"

using namespace shim;

ct_status ct_reshape(ct_tensor a, const int64_t *shape, int64_t rank, ct_tensor *result) {
  return returning(result, [&] { return tensor(a).reshape(list(shape, rank)); });
}

ct_status ct_permute(ct_tensor a, const int64_t *axes, int64_t rank, ct_tensor *result) {
  return returning(result, [&] { return tensor(a).permute(list(axes, rank)); });
}

ct_status ct_expand(ct_tensor a, const int64_t *shape, int64_t rank, ct_tensor *result) {
  return returning(result, [&] { return tensor(a).expand(list(shape, rank)); });
}

ct_status ct_slice(ct_tensor a, int64_t axis, int64_t start, int64_t length, ct_tensor *result) {
  return returning(result, [&] { return tensor(a).narrow(axis, start, length); });
}

ct_status ct_split(ct_tensor handle, int64_t count, ct_tensor *results) {
  return guarded([&] {
    const int64_t width = tensor(handle).size(-1);
    TORCH_CHECK(count > 0 && width > 0 && width % count == 0, "an axis of length ", width, " has no ", count, " equal parts");
    auto parts = at::split(tensor(handle), width / count, -1);
    for (int64_t i = 0; i < count; ++i) results[i].impl = new at::Tensor(parts[i]);
  });
}

ct_status ct_gather(ct_tensor a, int64_t axis, ct_tensor indices, ct_tensor *result) {
  return returning(result, [&] { return tensor(a).index_select(axis, tensor(indices)); });
}

ct_status ct_concatenate(const ct_tensor *tensors, int64_t count, int64_t axis, ct_tensor *result) {
  return returning(result, [&] {
    std::vector<at::Tensor> parts;
    for (int64_t i = 0; i < count; ++i) parts.push_back(tensor(tensors[i]));
    return at::cat(parts, axis);
  });
}

ct_status ct_zero_padded(ct_tensor a, int64_t left, int64_t right, int64_t top, int64_t bottom, ct_tensor *result) {
  return returning(result, [&]() -> at::Tensor {
    const auto &x = tensor(a);
    const auto smallest = std::min({left, right, top, bottom});
    if (x.dim() != 4 || smallest < 0 || x.requires_grad()) {
      return at::constant_pad_nd(x, {left, right, top, bottom}, 0);
    }
    // libtorch fills all of the result before it copies; only the edges need it.
    const auto height = x.size(2), width = x.size(3);
    auto padded = at::empty({x.size(0), x.size(1), top + height + bottom, left + width + right},
                            x.options().memory_format(x.suggest_memory_format()));
    for (const auto &[axis, before, after] : {std::tuple{2, top, bottom}, std::tuple{3, left, right}}) {
      if (before > 0) padded.narrow(axis, 0, before).zero_();
      if (after > 0) padded.narrow(axis, padded.size(axis) - after, after).zero_();
    }
    padded.narrow(2, top, height).narrow(3, left, width).copy_(x);
    return padded;
  });
}
