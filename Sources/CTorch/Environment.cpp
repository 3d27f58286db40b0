// What this process computes with.
#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <torch/version.h>

#include <atomic>

#include "Parallel.hpp"
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

namespace {

/// Keeps the products of the calling thread on that thread, as long as it lives: MKL would divide them among a second
/// team, inside the threads that are at work already, and each would wait for it at every product.
class ProductsOnOneThread {
 public:
  ProductsOnOneThread() : before_(setThreads() ? setThreads()(1) : 0) {}
  ~ProductsOnOneThread() {
    if (setThreads()) setThreads()(before_);
  }
  ProductsOnOneThread(const ProductsOnOneThread &) = delete;
  ProductsOnOneThread &operator=(const ProductsOnOneThread &) = delete;

 private:
  using Setter = int (*)(int);
  /// MKL's own, of the libtorch that is loaded; null where that has no MKL.
  static Setter setThreads() {
    static const auto setter = reinterpret_cast<Setter>(dlsym(RTLD_DEFAULT, "MKL_Set_Num_Threads_Local"));
    return setter;
  }

  const int before_;
};

}  // namespace

void ct_for_each(int64_t count, void (*body)(void *context, int64_t index), void *context) {
  static const auto setThreads = reinterpret_cast<void (*)(int)>(dlsym(RTLD_DEFAULT, "omp_set_num_threads"));
  std::atomic<int64_t> next{0};
  shim::inParallel(std::min<int64_t>(count, at::get_num_threads()), [&](int64_t, int64_t) {
    const auto before = at::get_num_threads();  // a thread's first question sets it up, MKL's number included
    const ProductsOnOneThread products;
    if (setThreads) setThreads(1);  // oneDNN chooses its kernels by this number
    for (int64_t index = next++; index < count; index = next++) body(context, index);
    if (setThreads) setThreads(before);
  });
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
