// What this process computes with.
#include <ATen/Parallel.h>
#include <torch/version.h>

#include <atomic>

#include "Shim.hpp"

#ifdef __GLIBC__
#include <malloc.h>
#endif

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

#ifdef __GLIBC__
static std::atomic<bool> keepsFreedMemory{false};

static void placeBlocksApart(int bytes) { mallopt(M_MMAP_THRESHOLD, bytes); }

void ct_keep_freed_memory(void) {
  placeBlocksApart(32 << 20);  // the largest that glibc accepts
  mallopt(M_TRIM_THRESHOLD, 512 << 20);
  keepsFreedMemory = true;
}

shim::Apart::Apart() {
  if (keepsFreedMemory) placeBlocksApart(1 << 20);
}

shim::Apart::~Apart() {
  if (keepsFreedMemory) placeBlocksApart(32 << 20);
}
#else
void ct_keep_freed_memory(void) {}
shim::Apart::Apart() {}
shim::Apart::~Apart() {}
#endif
