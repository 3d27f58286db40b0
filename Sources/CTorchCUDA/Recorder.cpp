// Records work on an NVIDIA GPU as a CUDA graph: libctorch_cuda.so, which CTorch opens by name where it is.
//
// A library of its own, since a graph needs CUDA's headers, which most machines lack. Scripts/cuda-recorder compiles it
// against a libtorch with CUDA; SwiftPM knows nothing of it. Without it, operations are begun one by one.
#include <ATen/DeviceAccelerator.h>
#include <ATen/core/CachingHostAllocator.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/Event.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/version.h>

#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "../CTorch/Shim.hpp"

// at::cuda::CUDAGraph has members more from here on, and libtorch's wheels are built with later ones.
static_assert(CUDA_VERSION >= 12040, "these headers are older than CUDA 12.4");

using namespace shim;

namespace {

namespace allocator = c10::cuda::CUDACachingAllocator;

/// What is asked of `later` from now on begins when all that was asked of `earlier` is done.
void order(const c10::Stream &earlier, const c10::Stream &later) {
  c10::Event event(c10::kCUDA);
  event.record(earlier);
  event.block(later);
}

/// What an end tries, whatever fails: nobody can do more.
template <typename Body>
void tried(Body body) noexcept {
  try {
    body();
  } catch (...) {
  }
}

/// The stream on which all is recorded. CUDA does not record its default one, and products keep a workspace for each
/// stream, and keep it for ever: so a device has one.
c10::cuda::CUDAStream streamOf(c10::DeviceIndex index) {
  static std::mutex lock;
  static std::map<c10::DeviceIndex, c10::cuda::CUDAStream> streams;
  const std::lock_guard guard(lock);
  const auto known = streams.find(index);
  if (known != streams.end()) return known->second;
  return streams.emplace(index, c10::cuda::getStreamFromPool(/*isHighPriority=*/false, index)).first->second;
}

struct Recorder {
  const c10::DeviceIndex index;
  const c10::cuda::CUDAStream stream;
  std::optional<c10::cuda::CUDAStream> before;  // the stream of the thread that has entered
  std::unique_ptr<at::cuda::CUDAGraph> graph;
  at::cuda::MempoolId_t pool{0, 0};

  explicit Recorder(int32_t index)
      : index(static_cast<c10::DeviceIndex>(index)), stream(streamOf(this->index)) {}

  c10::Device device() const { return {c10::kCUDA, index}; }

  /// Gives up a recording that CUDA has ended, or never begun. libtorch's allocators have not been told of that, and
  /// would keep its memory.
  void abandon() {
    bool isTold = true;
    try {
      graph->pool();
    } catch (...) {
      isTold = false;
    }
    if (!isTold) {
      auto *const host = at::getHostAllocator(at::kCUDA);
      tried([&] { allocator::endAllocateToPool(index, pool); });
      tried([&] { allocator::releasePool(index, pool); });
      tried([&] { host->end_allocate_to_pool(pool); });
      tried([&] { host->release_pool(pool); });
    }
    tried([&] { graph.reset(); });
  }
};

Recorder &recorderAt(void *recorder) { return *static_cast<Recorder *>(recorder); }

ct_status make(int32_t index, void **result) {
  return guarded([&] { *result = new Recorder(index); });
}

void release(void *own) {
  auto *const recorder = static_cast<Recorder *>(own);
  // Its memory may still be in use by what was begun last.
  tried([&] { at::accelerator::synchronizeDevice(recorder->index); });
  tried([&] { recorder->graph.reset(); });
  delete recorder;
}

ct_status enter(void *own) {
  return guarded([&] {
    auto &recorder = recorderAt(own);
    const auto before = c10::cuda::getCurrentCUDAStream(recorder.index);
    order(before.unwrap(), recorder.stream.unwrap());
    c10::cuda::setCurrentCUDAStream(recorder.stream);
    recorder.before = before;
  });
}

ct_status leave(void *own) {
  return guarded([&] {
    auto &recorder = recorderAt(own);
    if (!recorder.before) return;
    const auto before = *std::exchange(recorder.before, std::nullopt);
    c10::cuda::setCurrentCUDAStream(before);
    order(recorder.stream.unwrap(), before.unwrap());
  });
}

ct_status begin(void *own) {
  auto &recorder = recorderAt(own);
  const auto begun = guarded([&] {
    const c10::DeviceGuard guard(recorder.device());
    recorder.graph = std::make_unique<at::cuda::CUDAGraph>();
    recorder.pool = at::cuda::graph_pool_handle();
    // Other threads decode photos meanwhile, and may ask for pinned memory: that is none of the recording's business.
    recorder.graph->capture_begin(recorder.pool, cudaStreamCaptureModeThreadLocal);
  });
  if (begun.code != 0 && recorder.graph) recorder.abandon();
  return begun;
}

ct_status end(void *own) {
  auto &recorder = recorderAt(own);
  const auto ended = guarded([&] {
    const c10::DeviceGuard guard(recorder.device());
    recorder.graph->capture_end();
  });
  if (ended.code != 0) recorder.abandon();
  return ended;
}

ct_status replay(void *own) {
  return guarded([&] {
    auto &recorder = recorderAt(own);
    const c10::DeviceGuard guard(recorder.device());
    recorder.graph->replay();
  });
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const ct_recorder *ct_cuda_recorder(void) {
  static const ct_recorder recorder{TORCH_ABI_VERSION, make, release, enter, leave, begin, end, replay};
  return &recorder;
}
