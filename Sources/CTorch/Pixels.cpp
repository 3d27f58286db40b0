// The input of an image tower, from the bytes of photos.
//
// Bytes are moved, a quarter of the floats, and each is looked up where the tower computes. The values are the CPU's to
// the bit, whatever a device would make of a division.
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>

#include "Shim.hpp"

using namespace shim;

ct_status ct_pixels(int64_t count, int64_t size, void (*copy)(void *context, int64_t index, uint8_t *destination),
                    void *context, ct_tensor table, ct_tensor *result) {
  return returning(result, [&] {
    const auto &values = tensor(table);
    TORCH_CHECK(values.dim() == 2 && values.size(0) == 3 && values.size(1) == 256, "the table is [3, 256]");
    const auto device = values.device();
    // From pinned memory CUDA copies while the CPU goes on, and keeps the block until that is done.
    const auto bytes = at::empty({count, size, size, 3}, at::TensorOptions(at::kByte).pinned_memory(device.is_cuda()));
    auto *destination = bytes.mutable_data_ptr<uint8_t>();
    for (int64_t i = 0; i < count; ++i) copy(context, i, destination + i * size * size * 3);
    const auto moved = bytes.to(at::TensorOptions().device(device), /*non_blocking=*/device.is_cuda());
    std::vector<at::Tensor> channels;
    for (int64_t channel = 0; channel < 3; ++channel) {
      const auto indices = moved.select(3, channel).reshape({-1}).to(at::kInt);
      channels.push_back(values.select(0, channel).index_select(0, indices).view({count, 1, size, size}));
    }
    return at::cat(channels, 1);
  });
}
