// Where tensors are: the CPU, or an accelerator whose library is opened by name.
//
// The shim is linked with libtorch's CPU library alone, so that one binary serves all builds of one version. A CUDA
// build has a further library beside it, whose kernels are there once it is open.
#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/eq.h>
#include <c10/core/Event.h>
#include <dlfcn.h>
#include <unistd.h>
#include <torch/version.h>

#include <memory>
#include <string>

#include "Shim.hpp"

using namespace shim;

namespace {

c10::DeviceType type(ct_device_kind kind) {
  switch (kind) {
    case CT_CPU: return c10::kCPU;
    case CT_CUDA: return c10::kCUDA;
    case CT_MPS: return c10::kMPS;
    case CT_XPU: return c10::kXPU;
    case CT_SPARE: return c10::kPrivateUse1;
  }
  TORCH_CHECK(false, "unknown kind of device ", static_cast<int>(kind));
}

c10::Device deviceOf(ct_device device) {
  return device.kind == CT_CPU ? c10::Device(c10::kCPU)
                               : c10::Device(type(device.kind), static_cast<c10::DeviceIndex>(device.index));
}

using VersionFunction = uint64_t (*)();

VersionFunction loadedVersion() {
  static const auto function = reinterpret_cast<VersionFunction>(dlsym(RTLD_DEFAULT, "aoti_torch_abi_version"));
  return function;
}

/// The folder of the libtorch_cpu that is loaded, with its last slash; empty where the system does not tell.
const std::string &folder() {
  static const std::string folder = [] {
    Dl_info information;
    if (!loadedVersion() || !dladdr(reinterpret_cast<void *>(loadedVersion()), &information)) return std::string();
    const std::string path = information.dli_fname ? information.dli_fname : "";
    return path.substr(0, path.rfind('/') + 1);
  }();
  return folder;
}

struct Opened {
  std::string library;  // the file's name, empty where there is none
  std::string failure;  // the reason why it could not be opened
};

/// Opens the device's library once. libtorch makes its hooks of CUDA once, at the first question about CUDA: asked before
/// the library is open, they stay the empty ones. So this comes before any such question.
const Opened &opened() {
  static const Opened opened = [] {
#ifdef __APPLE__
    const std::string ending = ".dylib";
#else
    const std::string ending = ".so";
#endif
    for (const std::string name : {"libtorch_cuda", "libtorch_hip", "libtorch_xpu"}) {
      const auto path = folder() + name + ending;
      if (folder().empty() || access(path.c_str(), F_OK) != 0) continue;
      setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);  // read before the first product, for equal sums
      if (dlopen(path.c_str(), RTLD_LAZY | RTLD_GLOBAL)) return Opened{name + ending, ""};
      const auto *reason = dlerror();
      return Opened{name + ending, reason ? reason : "no reason given"};
    }
    return Opened{};
  }();
  return opened;
}

/// The driver's own C interface, since libtorch's generic one has no names: null where there is no driver.
void *cudaDriver() {
  static void *const driver = dlopen("libcuda.so.1", RTLD_LAZY);
  return driver;
}

template <typename Function>
Function ofDriver(const char *name) {
  return cudaDriver() ? reinterpret_cast<Function>(dlsym(cudaDriver(), name)) : nullptr;
}

void allowTF32(bool isAllowed) {
  auto &context = at::globalContext();
  context.setAllowTF32CuBLAS(isAllowed);
  context.setAllowTF32CuDNN(isAllowed);
}

}  // namespace

uint64_t ct_loaded_version(void) { return loadedVersion() ? loadedVersion()() : 0; }

uint64_t ct_built_version(void) { return TORCH_ABI_VERSION; }

const char *ct_library_folder(void) { return folder().c_str(); }

ct_accelerator ct_accelerator_of(ct_device_kind kind) {
  ct_accelerator facts{0, 0, 0, "", ""};
  if (kind == CT_CPU) return facts.count = 1, facts;
  if (kind != CT_SPARE) {
    facts.library = opened().library.c_str();
    facts.failure = opened().failure.c_str();
  }
  try {
    const auto accelerator = at::accelerator::getAccelerator(/*checked=*/false);
    if (accelerator && *accelerator == type(kind)) facts.count = at::accelerator::deviceCount();
    if (kind == CT_CUDA && !opened().library.empty()) {
      if (at::globalContext().hasCUDART()) facts.runtime_version = at::globalContext().versionCUDART();
      int version = 0;
      const auto ask = ofDriver<int (*)(int *)>("cuDriverGetVersion");
      if (ask && ask(&version) == 0) facts.driver_version = version;
    }
  } catch (...) {
    facts.count = 0;  // a device that answers with an error is none
  }
  return facts;
}

ct_status ct_use_device(ct_device device) {
  return guarded([&] {
    if (device.kind == CT_CPU) return;
    opened();
    auto &context = at::globalContext();
    context.setDeterministicAlgorithms(true, /*warn_only=*/false);
    context.setDeterministicFillUninitializedMemory(false);
    context.setDeterministicCuDNN(true);
    context.setBenchmarkCuDNN(false);
    // Products of 16 bits are summed in float32 to their end.
    context.setAllowFP16ReductionCuBLAS(false);
    context.setAllowBF16ReductionCuBLAS(false);
  });
}

ct_status ct_use_tf32(bool is_used) {
  return guarded([&] { allowTF32(is_used); });
}

bool ct_uses_tf32(void) {
  try {
    return at::globalContext().allowTF32CuBLAS() || at::globalContext().allowTF32CuDNN();
  } catch (...) {
    return false;
  }
}

int32_t ct_compute_capability(ct_device device) {
  if (device.kind != CT_CUDA) return 0;
  int handle = 0, major = 0, minor = 0;
  const auto init = ofDriver<int (*)(unsigned)>("cuInit");
  const auto get = ofDriver<int (*)(int *, int)>("cuDeviceGet");
  const auto ask = ofDriver<int (*)(int *, int, int)>("cuDeviceGetAttribute");
  if (!init || !get || !ask || init(0) != 0 || get(&handle, device.index) != 0) return 0;
  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR
  return ask(&major, 75, handle) == 0 && ask(&minor, 76, handle) == 0 ? 10 * major + minor : 0;
}

ct_status ct_device_name(ct_device device, char *name, int64_t capacity) {
  return guarded([&] {
    TORCH_CHECK(capacity > 0, "no room for a name");
    name[0] = 0;
    if (device.kind != CT_CUDA) return;
    int handle = 0;
    const auto init = ofDriver<int (*)(unsigned)>("cuInit");
    const auto get = ofDriver<int (*)(int *, int)>("cuDeviceGet");
    const auto ask = ofDriver<int (*)(char *, int, int)>("cuDeviceGetName");
    if (!init || !get || !ask || init(0) != 0 || get(&handle, device.index) != 0) return;
    if (ask(name, static_cast<int>(capacity), handle) != 0) name[0] = 0;
  });
}

ct_status ct_device_memory(ct_device device, int64_t *free, int64_t *total) {
  return guarded([&] {
    TORCH_CHECK(device.kind != CT_CPU, "the CPU's memory is the system's to tell");
    const auto [available, all] = at::accelerator::getMemoryInfo(static_cast<c10::DeviceIndex>(device.index));
    *free = static_cast<int64_t>(available);
    *total = static_cast<int64_t>(all);
  });
}

ct_status ct_device_memory_use(ct_device device, int64_t *now, int64_t *peak) {
  return guarded([&] {
    TORCH_CHECK(device.kind != CT_CPU, "the CPU's memory is the system's to tell");
    const auto statistics = at::accelerator::getDeviceStats(static_cast<c10::DeviceIndex>(device.index));
    const auto &bytes = statistics.allocated_bytes[static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE)];
    *now = bytes.current;
    *peak = bytes.peak;
  });
}

ct_status ct_reset_device_peak(ct_device device) {
  return guarded([&] {
    if (device.kind != CT_CPU) at::accelerator::resetPeakStats(static_cast<c10::DeviceIndex>(device.index));
  });
}

ct_status ct_release_device_memory(ct_device device) {
  return guarded([&] {
    if (device.kind != CT_CPU) at::accelerator::emptyCache();
  });
}

ct_status ct_wait(ct_device device) {
  return guarded([&] {
    if (device.kind != CT_CPU) at::accelerator::synchronizeDevice(static_cast<c10::DeviceIndex>(device.index));
  });
}

ct_device ct_device_of(ct_tensor handle) {
  const auto device = tensor(handle).device();
  const auto index = device.has_index() ? static_cast<int32_t>(device.index()) : 0;
  switch (device.type()) {
    case c10::kCUDA: return {CT_CUDA, index};
    case c10::kMPS: return {CT_MPS, index};
    case c10::kXPU: return {CT_XPU, index};
    case c10::kPrivateUse1: return {CT_SPARE, index};
    default: return {CT_CPU, 0};
  }
}

ct_status ct_to_device(ct_tensor handle, ct_device device, ct_tensor *result) {
  return returning(result, [&] {
    if (device.kind != CT_CPU) opened();
    const auto &source = tensor(handle);
    // From pinned memory CUDA copies when it comes to it, while the CPU goes on. For labels and features of a batch:
    // pinned memory is not had for nothing, and weights move once.
    if (device.kind == CT_CUDA && source.is_cpu() && source.nbytes() <= 1 << 20)
      return source.pin_memory().to(deviceOf(device), source.scalar_type(), /*non_blocking=*/true);
    return source.to(deviceOf(device));
  });
}

namespace {

/// A tensor's values on their way to the CPU.
struct Reading {
  at::Tensor values;
  c10::Event arrived;
};

}  // namespace

ct_status ct_reading_begin(ct_tensor handle, ct_reading *result) {
  return guarded([&] {
    const auto &source = tensor(handle);
    const auto type = source.device().type();
    // Without pinned memory a copy that is waited for later could not be told from one that has arrived.
    const bool isLater = type == c10::kCUDA || type == c10::kPrivateUse1;
    const auto options = source.options().device(c10::kCPU).pinned_memory(type == c10::kCUDA);
    auto reading = std::make_unique<Reading>(
        Reading{isLater ? at::empty(source.sizes(), options) : source.to(c10::kCPU), c10::Event(type)});
    if (isLater) {
      reading->values.copy_(source, /*non_blocking=*/true);
      reading->arrived.record(at::accelerator::getCurrentStream(source.device().index()));
    }
    result->impl = reading.release();
  });
}

ct_status ct_reading_end(ct_reading reading, ct_tensor *result) {
  return returning(result, [&] {
    const std::unique_ptr<Reading> owned(static_cast<Reading *>(reading.impl));
    owned->arrived.synchronize();
    // Out of pinned memory, of which the next reading makes use.
    return owned->values.is_pinned() ? owned->values.clone() : owned->values;
  });
}

ct_status ct_right_answers(ct_tensor logits, ct_tensor labels, ct_tensor *result) {
  return returning(result, [&] {
    return at::eq(at::argmax(tensor(logits), -1), tensor(labels)).sum().to(at::kFloat);
  });
}
