// A device whose memory the CPU cannot touch where tensors say it is.
//
// Each block is mapped twice: at the address that tensors show, which may be neither read nor written, and at one that
// only this file knows. Operations run on copies on the CPU, after all their operands were found to be here. So kernels
// that read through a tensor's pointer end in SIGSEGV, operands of the CPU are refused, and values moved are counted.
//
// It also records, as CUDA does: operations and the very tensors that they read and write, to be run again.
#include "CTestDevice.h"

#ifdef __linux__
#include <ATen/ATen.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/native/CPUFallback.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <sys/mman.h>
#include <torch/library.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <vector>

// As text: whoever tests a device links the shim, and clang imports no module here.
#include "../../Sources/CTorch/Shim.hpp"

namespace {

constexpr auto spare = c10::DeviceType::PrivateUse1;
const c10::Device here(spare, 0);

std::atomic<int64_t> transfers{0}, operations{0}, used{0}, peak{0}, capacity{0};
/// Whether this thread is computing an operation on copies: these are no transfers.
thread_local bool isComputing = false;

// --- Memory ----------------------------------------------------------------------------------------------------------

struct Block {
  char *shown, *real;
  size_t bytes, mapped;
};

std::mutex lock;
std::map<char *, Block> blocks;  // by the address that is shown

struct Memory final : c10::DeviceAllocator {
  c10::DataPtr allocate(size_t bytes) override {
    if (bytes == 0) return {nullptr, nullptr, &release, here};
    if (capacity > 0 && used + static_cast<int64_t>(bytes) > capacity) {
      TORCH_CHECK_WITH(OutOfMemoryError, false, "the device of tests is out of memory: ", used.load(), " bytes of ",
                       capacity.load(), " are taken, ", bytes, " more were asked for");
    }
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE)), mapped = (bytes + page - 1) / page * page;
    const int file = memfd_create("test device", 0);
    TORCH_CHECK(file >= 0 && ftruncate(file, static_cast<off_t>(mapped)) == 0, "no memory for the device of tests");
    void *const shown = mmap(nullptr, mapped, PROT_NONE, MAP_SHARED, file, 0);
    void *const real = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    TORCH_CHECK(shown != MAP_FAILED && real != MAP_FAILED, "no memory for the device of tests");
    const Block block{static_cast<char *>(shown), static_cast<char *>(real), bytes, mapped};
    std::lock_guard guard(lock);
    blocks[block.shown] = block;
    used += static_cast<int64_t>(bytes);
    peak = std::max(peak.load(), used.load());
    return {shown, shown, &release, here};
  }

  static void release(void *shown) {
    if (!shown) return;
    std::lock_guard guard(lock);
    const auto found = blocks.find(static_cast<char *>(shown));
    if (found == blocks.end()) return;
    used -= static_cast<int64_t>(found->second.bytes);
    munmap(found->second.shown, found->second.mapped);
    munmap(found->second.real, found->second.mapped);
    blocks.erase(found);
  }

  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void *, const void *, size_t) const override { TORCH_CHECK(false, "blocks are not copied"); }
  bool initialized() override { return true; }
  void emptyCache(c10::MempoolId_t = {0, 0}) override {}
  void recordStream(const c10::DataPtr &, c10::Stream) override {}
  c10::CachingDeviceAllocator::DeviceStats getDeviceStats(c10::DeviceIndex) override {
    c10::CachingDeviceAllocator::DeviceStats statistics;
    auto &bytes = statistics.allocated_bytes[static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE)];
    bytes.current = used;
    bytes.peak = peak;
    return statistics;
  }
  void resetAccumulatedStats(c10::DeviceIndex) override {}
  void resetPeakStats(c10::DeviceIndex) override { peak = used.load(); }
  std::pair<size_t, size_t> getMemoryInfo(c10::DeviceIndex) override {
    const auto total = capacity > 0 ? capacity.load() : int64_t{1} << 30;
    return {static_cast<size_t>(std::max<int64_t>(0, total - used)), static_cast<size_t>(total)};
  }
};

Memory memory;

/// The same elements as a tensor of the CPU, at the address that may be touched.
at::Tensor opened(const at::Tensor &tensor) {
  const auto options = tensor.options().device(at::kCPU);
  if (tensor.numel() == 0) return at::empty_strided(tensor.sizes(), tensor.strides(), options);
  auto *const shown = static_cast<char *>(tensor.storage().mutable_data());
  std::lock_guard guard(lock);
  const auto block = std::prev(blocks.upper_bound(shown))->second;
  auto *const real = block.real + (shown - block.shown) + tensor.storage_offset() * tensor.element_size();
  return at::from_blob(real, tensor.sizes(), tensor.strides(), options);
}

// --- Recording -------------------------------------------------------------------------------------------------------

/// Operations in their order. Each computes from the tensors that it had, into the tensors that it made.
struct Recorded {
  std::vector<std::function<void()>> operations;
  std::vector<at::Tensor> results;
};

std::atomic<Recorded *> recorded{nullptr};  // what records now, on any thread: a gradient is computed on another
std::atomic<int64_t> replays{0}, failingOperation{-1}, entered{0};

/// The recording to which an operation that runs now belongs. What an operation does within itself is no other one.
Recorded *recordingNow() { return isComputing ? nullptr : recorded.load(); }

void refuseWhileRecording(const char *what) {
  TORCH_CHECK(!recordingNow(), "operation not permitted while the device records: ", what);
}

void record(Recorded &recording, const at::Tensor &result, std::function<at::Tensor()> compute) {
  TORCH_CHECK(failingOperation < 0 || static_cast<int64_t>(recording.operations.size()) != failingOperation,
              "the recording failed, as a test asked");
  recording.results.push_back(result);
  recording.operations.push_back([result, compute = std::move(compute)] {
    const auto again = compute();
    if (!again.is_same(result)) opened(result).copy_(opened(again));
  });
}

// --- The few operations that every device has of its own -------------------------------------------------------------

at::Tensor emptyStrided(c10::SymIntArrayRef sizes, c10::SymIntArrayRef strides, std::optional<at::ScalarType> type,
                        std::optional<at::Layout>, std::optional<at::Device>, std::optional<bool>) {
  return at::detail::empty_strided_generic(C10_AS_INTARRAYREF_SLOW(sizes), C10_AS_INTARRAYREF_SLOW(strides), &memory,
                                           c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                           type.value_or(at::kFloat));
}

at::Tensor empty(c10::SymIntArrayRef sizes, std::optional<at::ScalarType> type, std::optional<at::Layout>,
                 std::optional<at::Device>, std::optional<bool>, std::optional<at::MemoryFormat> format) {
  return at::detail::empty_generic(C10_AS_INTARRAYREF_SLOW(sizes), &memory,
                                   c10::DispatchKeySet(c10::DispatchKey::PrivateUse1), type.value_or(at::kFloat),
                                   format);
}

at::Tensor copyFrom(const at::Tensor &source, const at::Tensor &destination, bool) {
  if (!isComputing && source.is_cpu() != destination.is_cpu()) {
    ++transfers;
    refuseWhileRecording("values moved");
  }
  if (auto *const recording = recordingNow()) {
    record(*recording, destination, [source, destination] {
      opened(destination).copy_(opened(source));
      return destination;
    });
  }
  const auto from = source.is_cpu() ? source : opened(source);
  auto to = destination.is_cpu() ? destination : opened(destination);
  to.copy_(from);
  return destination;
}

at::Tensor copyFromAndResize(const at::Tensor &source, const at::Tensor &destination) {
  if (destination.sizes() != source.sizes()) destination.resize_(source.sizes());
  return copyFrom(source, destination, false);
}

at::Scalar onlyElement(const at::Tensor &tensor) {
  if (!isComputing) {
    ++transfers;
    refuseWhileRecording("a value was read");
  }
  return opened(tensor).item();
}

const at::Tensor &resized(const at::Tensor &tensor, c10::SymIntArrayRef sizes, std::optional<at::MemoryFormat>) {
  const auto lengths = C10_AS_INTARRAYREF_SLOW(sizes);
  auto *const implementation = tensor.unsafeGetTensorImpl();
  implementation->set_sizes_contiguous(lengths);
  const auto bytes = static_cast<size_t>(tensor.numel()) * tensor.element_size();
  if (tensor.storage().nbytes() < bytes) {
    tensor.storage().set_data_ptr_noswap(memory.allocate(bytes));
    tensor.storage().set_nbytes(bytes);
  }
  return tensor;
}

/// Runs an operation on copies on the CPU, if all its operands are here. Scalars of the CPU are taken, as CUDA takes
/// them.
void computed(const c10::OperatorHandle &operation, torch::jit::Stack *stack) {
  const auto check = [&](const at::Tensor &operand) {
    TORCH_CHECK(!operand.defined() || operand.device() == here || operand.dim() == 0,
                "Expected all tensors to be on the same device: ", operation.schema().name(), " has an operand on ",
                operand.device(), " and others on ", here);
  };
  const auto count = operation.schema().arguments().size();
  for (const auto &value : torch::jit::last(*stack, count)) {
    if (value.isTensor()) check(value.toTensor());
    if (value.isTensorList())
      for (const auto &operand : value.toTensorVector()) check(operand);
    if (value.isOptionalTensorList())
      for (const auto &operand : value.toOptionalTensorVector())
        if (operand) check(*operand);
  }
  ++operations;
  auto *const recording = recordingNow();
  const bool before = std::exchange(isComputing, true);
  torch::jit::Stack operands;
  try {
    for (auto value = stack->end() - static_cast<std::ptrdiff_t>(count); value != stack->end(); ++value) {
      // A scalar moves here first, since a result is where the first operand is.
      if (value->isTensor() && value->toTensor().defined() && value->toTensor().is_cpu()) {
        *value = value->toTensor().to(here);
      }
    }
    if (recording) operands.assign(stack->end() - static_cast<std::ptrdiff_t>(count), stack->end());
    at::native::cpu_fallback(operation, stack);
  } catch (...) {
    isComputing = before;
    throw;
  }
  isComputing = before;
  if (!recording) return;
  const auto results = torch::jit::last(*stack, operation.schema().returns().size());
  for (size_t index = 0; index < results.size(); ++index) {
    TORCH_CHECK(results[index].isTensor(), "the device of tests does not record ", operation.schema().name());
    if (!results[index].toTensor().defined()) continue;
    record(*recording, results[index].toTensor(), [operation, operands, index] {
      auto stack = operands;
      const bool before = std::exchange(isComputing, true);
      at::native::cpu_fallback(operation, &stack);
      isComputing = before;
      return stack[index].toTensor();
    });
  }
}

at::Tensor convolved(const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias,
                     c10::SymIntArrayRef stride, c10::SymIntArrayRef padding, c10::SymIntArrayRef dilation, bool,
                     c10::SymIntArrayRef, c10::SymInt groups) {
  TORCH_CHECK(x.device() == here && weight.device() == here && (!bias || !bias->defined() || bias->device() == here),
              "Expected all tensors to be on the same device: convolution");
  ++operations;
  const auto compute = [x, weight, bias, stride = C10_AS_INTARRAYREF_SLOW(stride).vec(),
                        padding = C10_AS_INTARRAYREF_SLOW(padding).vec(),
                        dilation = C10_AS_INTARRAYREF_SLOW(dilation).vec(), groups = groups.expect_int()] {
    const auto result = at::convolution(
        opened(x), opened(weight), bias && bias->defined() ? std::optional(opened(*bias)) : std::nullopt, stride,
        padding, dilation, false, std::vector<int64_t>(stride.size(), 0), groups);
    auto moved = at::empty(result.sizes(), x.options());
    opened(moved).copy_(result);
    return moved;
  };
  const auto result = compute();
  if (auto *const recording = recordingNow()) record(*recording, result, compute);
  return result;
}

// --- What the shim asks to record ------------------------------------------------------------------------------------

using shim::guarded;

const ct_recorder recorder{
    .built_version = 0,
    .make =
        [](int32_t, void **result) {
          *result = new Recorded;
          return ct_status{0, nullptr};
        },
    .free = [](void *own) { delete static_cast<Recorded *>(own); },
    .enter =
        [](void *) {
          ++entered;
          return ct_status{0, nullptr};
        },
    .leave = [](void *) { return guarded([] { TORCH_CHECK(entered-- == 1, "left more often than entered"); }); },
    .begin =
        [](void *own) {
          return guarded([&] {
            TORCH_CHECK(!recorded.load() && entered == 1, "the device records already, or not at all");
            recorded = static_cast<Recorded *>(own);
          });
        },
    .end =
        [](void *own) {
          recorded = nullptr;
          const at::NoGradGuard guard;
          for (const auto &result : static_cast<Recorded *>(own)->results)
            if (result.is_floating_point()) opened(result).fill_(std::numeric_limits<double>::quiet_NaN());
          return guarded([] {
            TORCH_CHECK(failingOperation != std::numeric_limits<int64_t>::max(), "its end failed, as a test asked");
          });
        },
    .replay =
        [](void *own) {
          return guarded([&] {
            TORCH_CHECK(entered == 0, "what was recorded is played back outside");
            ++replays;
            const at::NoGradGuard guard;
            for (const auto &operation : static_cast<Recorded *>(own)->operations) operation();
          });
        },
};

// --- Registration ----------------------------------------------------------------------------------------------------

struct Guard final : c10::impl::NoOpDeviceGuardImpl<spare> {
  c10::Device exchangeDevice(c10::Device) const override { return here; }
  c10::Device getDevice() const override { return here; }
  c10::Stream getStream(c10::Device) const noexcept override { return stream(); }
  c10::Stream getDefaultStream(c10::Device) const override { return stream(); }
  c10::Stream getNewStream(c10::Device, int = 0) const override { return stream(); }
  c10::Stream exchangeStream(c10::Stream) const noexcept override { return stream(); }
  void record(void **, const c10::Stream &, const c10::DeviceIndex, const c10::EventFlag) const override {}
  void block(void *, const c10::Stream &) const override {}
  bool queryEvent(void *) const override { return true; }
  void synchronizeEvent(void *) const override {}
  void synchronizeDevice(const c10::DeviceIndex) const override {}
  static c10::Stream stream() { return c10::Stream(c10::Stream::DEFAULT, here); }
};

struct Hooks final : at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  c10::DeviceIndex deviceCount() const override { return 1; }
  void setCurrentDevice(c10::DeviceIndex) const override {}
  c10::DeviceIndex getCurrentDevice() const override { return 0; }
  c10::DeviceIndex exchangeDevice(c10::DeviceIndex) const override { return 0; }
  c10::DeviceIndex maybeExchangeDevice(c10::DeviceIndex) const override { return 0; }
  at::Device getDeviceFromPtr(void *) const override { return here; }
};

}  // namespace

/// At load, since libtorch counts devices at the first gradient. Until `td_register`, no tensor can be made on this one,
/// and libtorch finds no accelerator.
C10_REGISTER_GUARD_IMPL(PrivateUse1, Guard)

bool td_register(void) {
  static const bool done = [] {
    static Hooks hooks;
    c10::register_privateuse1_backend("spare");
    c10::SetAllocator(spare, &memory);
    at::RegisterPrivateUse1HooksInterface(&hooks);
    static torch::Library fallback(torch::Library::IMPL, "_", c10::DispatchKey::PrivateUse1, __FILE__, __LINE__);
    fallback.fallback(torch::CppFunction::makeFromBoxedFunction<&computed>());
    static torch::Library own(torch::Library::IMPL, "aten", c10::DispatchKey::PrivateUse1, __FILE__, __LINE__);
    own.impl("empty.memory_format", &empty);
    own.impl("empty_strided", &emptyStrided);
    own.impl("as_strided", &at::native::as_strided_tensorimpl);
    own.impl("view", &at::native::view);
    own.impl("_reshape_alias", &at::native::_reshape_alias);
    own.impl("resize_", &resized);
    own.impl("_copy_from", &copyFrom);
    own.impl("_copy_from_and_resize", &copyFromAndResize);
    own.impl("_local_scalar_dense", &onlyElement);
    own.impl("convolution_overrideable", &convolved);
    return true;
  }();
  return done;
}

int64_t td_transfers(void) { return transfers; }
int64_t td_operations(void) { return operations; }
void td_set_capacity(int64_t bytes) { capacity = bytes; }
int64_t td_used(void) { return used; }
void td_set_recording(bool is_recording) { ct_set_spare_recorder(is_recording ? &recorder : nullptr); }
int64_t td_replays(void) { return replays; }
void td_fail_recording(int64_t operation) { failingOperation = operation; }
void *td_stray_pointer(void) { return memory.allocate(1).release_context(); }

#else
bool td_register(void) { return false; }
int64_t td_transfers(void) { return 0; }
int64_t td_operations(void) { return 0; }
void td_set_capacity(int64_t) {}
int64_t td_used(void) { return 0; }
void td_set_recording(bool) {}
int64_t td_replays(void) { return 0; }
void td_fail_recording(int64_t) {}
void *td_stray_pointer(void) { return nullptr; }
#endif
