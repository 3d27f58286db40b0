// What this process computes with.
#include <ATen/Parallel.h>
#include <torch/version.h>

#include "Shim.hpp"

const char *ct_version(void) {
#define CT_TEXT_OF(x) #x
#define CT_TEXT(x) CT_TEXT_OF(x)
  return CT_TEXT(TORCH_VERSION_MAJOR) "." CT_TEXT(TORCH_VERSION_MINOR) "." CT_TEXT(TORCH_VERSION_PATCH);
#undef CT_TEXT
#undef CT_TEXT_OF
}

int32_t ct_thread_count(void) { return at::get_num_threads(); }

ct_status ct_set_thread_count(int32_t count) {
  return shim::guarded([&] { at::set_num_threads(count); });
}

bool ct_cuda_available(void) { return at::hasCUDA(); }
