// Tensors from memory and back.
#include <ATen/ops/empty.h>

#include "Shim.hpp"

using namespace shim;

at::ScalarType shim::scalarType(ct_kind kind) {
  switch (kind) {
    case CT_FLOAT32: return at::kFloat;
    case CT_FLOAT16: return at::kHalf;
    case CT_BFLOAT16: return at::kBFloat16;
    case CT_INT64: return at::kLong;
    case CT_FLOAT64: return at::kDouble;
  }
  TORCH_CHECK(false, "unknown element kind ", static_cast<int>(kind));
}

ct_status ct_from_memory(const void *elements, ct_kind kind, const int64_t *shape, int64_t rank, ct_tensor *result) {
  return returning(result, [&] {
    auto tensor = at::empty(list(shape, rank), at::TensorOptions(scalarType(kind)));
    if (tensor.nbytes() > 0) std::memcpy(tensor.mutable_data_ptr(), elements, tensor.nbytes());
    return tensor;
  });
}

ct_status ct_to_memory(ct_tensor handle, void *destination, size_t bytes) {
  return guarded([&] {
    auto dense = tensor(handle).detach().to(at::kCPU).contiguous();
    TORCH_CHECK(dense.nbytes() == bytes, "the tensor has ", dense.nbytes(), " bytes, the destination ", bytes);
    if (bytes > 0) std::memcpy(destination, dense.const_data_ptr(), bytes);
  });
}

ct_status ct_converted(ct_tensor handle, ct_kind kind, ct_tensor *result) {
  return returning(result, [&] { return tensor(handle).to(scalarType(kind)); });
}

int64_t ct_rank(ct_tensor handle) { return tensor(handle).dim(); }

void ct_shape(ct_tensor handle, int64_t *shape) {
  auto sizes = tensor(handle).sizes();
  std::copy(sizes.begin(), sizes.end(), shape);
}

int32_t ct_kind_of(ct_tensor handle) {
  switch (tensor(handle).scalar_type()) {
    case at::kFloat: return CT_FLOAT32;
    case at::kHalf: return CT_FLOAT16;
    case at::kBFloat16: return CT_BFLOAT16;
    case at::kLong: return CT_INT64;
    case at::kDouble: return CT_FLOAT64;
    default: return -1;
  }
}

void ct_free(ct_tensor handle) { delete static_cast<at::Tensor *>(handle.impl); }

void ct_message_free(char *message) { std::free(message); }
