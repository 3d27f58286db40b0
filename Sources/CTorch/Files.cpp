// Tensors straight from a file.
#include <ATen/ops/empty.h>

#include "Shim.hpp"

#include <unistd.h>

using namespace shim;

static at::ScalarType scalarType(ct_stored_kind kind) {
  switch (kind) {
    case CT_STORED_FLOAT32: return at::kFloat;
    case CT_STORED_FLOAT16: return at::kHalf;
    case CT_STORED_BFLOAT16: return at::kBFloat16;
    case CT_STORED_INT64: return at::kLong;
    case CT_STORED_FLOAT64: return at::kDouble;
    case CT_STORED_INT32: return at::kInt;
    case CT_STORED_INT16: return at::kShort;
    case CT_STORED_INT8: return at::kChar;
    case CT_STORED_UINT8: return at::kByte;
    case CT_STORED_BOOL: return at::kByte;  // a byte that is neither 0 nor 1 would be no bool at all
  }
  TORCH_CHECK(false, "unknown element kind ", static_cast<int>(kind));
}

static void fill(const at::Tensor &tensor, int descriptor, int64_t position) {
  auto *destination = static_cast<char *>(tensor.mutable_data_ptr());
  size_t rest = tensor.nbytes();
  while (rest > 0) {
    // One call of Linux reads at most 2 GB.
    auto count = pread(descriptor, destination, std::min(rest, size_t{1} << 30), position);
    if (count < 0 && errno == EINTR) continue;
    TORCH_CHECK(count > 0, count < 0 ? std::strerror(errno) : "the file has become shorter");
    destination += count;
    position += count;
    rest -= static_cast<size_t>(count);
  }
}

static at::Tensor converted(const at::Tensor &tensor, ct_stored_kind kind) {
  if (kind == CT_STORED_BOOL) return tensor.ne(0).to(at::kLong);
  if (kind != CT_STORED_FLOAT64) return tensor.is_floating_point() ? tensor : tensor.to(at::kLong);
  auto narrow = tensor.to(at::kFloat);
  TORCH_CHECK(narrow.isfinite().eq(tensor.isfinite()).all().item<bool>(), "a number is too large for 32-bit floats");
  return narrow;
}

ct_status ct_from_file(int32_t descriptor, int64_t position, ct_stored_kind kind, const int64_t *shape,
                       const int64_t *strides, int64_t rank, ct_tensor *result) {
  return returning(result, [&] {
    int64_t span = 1;
    for (int64_t axis = 0; axis < rank; axis++) {
      if (shape[axis] == 0) span = 0;
    }
    for (int64_t axis = 0; axis < rank && span > 0; axis++) span += (shape[axis] - 1) * strides[axis];
    auto elements = at::empty({span}, at::TensorOptions(scalarType(kind)));
    fill(elements, descriptor, position);
    if (span == 0) return converted(elements, kind).reshape(list(shape, rank));
    // Where nothing has to move, the view is all there is; its storage is exactly its elements.
    return converted(elements.as_strided(list(shape, rank), list(strides, rank)).contiguous(), kind);
  });
}
