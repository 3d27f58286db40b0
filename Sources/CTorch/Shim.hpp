// What every file of the shim shares: handles to tensors and back, and the wall that no exception passes.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdlib>
#include <cstring>
#include <exception>

#include "include/CTorch.h"

namespace shim {

inline const at::Tensor &tensor(ct_tensor handle) { return *static_cast<const at::Tensor *>(handle.impl); }

inline c10::optional<at::Tensor> optional(ct_tensor handle) {
  return handle.impl ? c10::make_optional(tensor(handle)) : c10::nullopt;
}

/// Values.cpp: libtorch's name of an element type.
at::ScalarType scalarType(ct_kind kind);

/// Layers.cpp: a pointwise function, with its gradient.
at::Tensor activated(const at::Tensor &x, ct_activation activation);

inline at::IntArrayRef list(const int64_t *values, int64_t count) { return {values, static_cast<size_t>(count)}; }

inline ct_status failure(const char *reason, int32_t code = 1) { return {code, strdup(reason)}; }

/// Runs `body` and turns whatever it throws into a status.
template <typename Body>
ct_status guarded(Body body) noexcept {
  try {
    body();
    return {0, nullptr};
  } catch (const c10::OutOfMemoryError &error) {
    return failure(error.what_without_backtrace(), CT_OUT_OF_MEMORY);
  } catch (const c10::Error &error) {
    return failure(error.what_without_backtrace());
  } catch (const std::exception &error) {
    return failure(error.what());
  } catch (...) {
    return failure("unknown failure inside libtorch");
  }
}

/// Runs `body` and stores the tensor it returns behind a new handle.
template <typename Body>
ct_status returning(ct_tensor *result, Body body) noexcept {
  return guarded([&] { result->impl = new at::Tensor(body()); });
}

/// While one exists, large blocks come from the system and not from freed memory: for what stays, so that it does not lie
/// scattered over memory that the next layer could use. Changes nothing unless freed memory is kept.
struct Apart {
  Apart();
  ~Apart();
};

}  // namespace shim
