// Records work on an NVIDIA GPU as a CUDA graph: libctorch_cuda.so, which CTorch opens by name where it is.
//
// A library of its own, since a graph needs CUDA's headers, which most machines lack. Scripts/cuda-recorder compiles it
// against a libtorch with CUDA; SwiftPM knows nothing of it. Without it, operations are begun one by one.
#include <ATen/DeviceAccelerator.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/Event.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/version.h>

#include <memory>
#include <optional>

#include "../CTorch/Shim.hpp"

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

struct Recorder {
  const c10::DeviceIndex index;
  /// CUDA does not record its default stream, and products keep a workspace for each stream.
  const c10::cuda::CUDAStream stream;
  std::optional<c10::cuda::CUDAStream> before;  // the stream of the thread that has entered
  std::unique_ptr<at::cuda::CUDAGraph> graph;
  at::cuda::MempoolId_t pool{0, 0};

  explicit Recorder(int32_t index)
      : index(static_cast<c10::DeviceIndex>(index)),
        stream(c10::cuda::getStreamFromPool(/*isHighPriority=*/false, this->index)) {}

  c10::Device device() const { return {c10::kCUDA, index}; }
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
  return guarded([&] {
    auto &recorder = recorderAt(own);
    const c10::DeviceGuard guard(recorder.device());
    recorder.graph = std::make_unique<at::cuda::CUDAGraph>();
    recorder.pool = at::cuda::graph_pool_handle();
    // Other threads decode photos meanwhile, and may ask for pinned memory: that is none of the recording's business.
    recorder.graph->capture_begin(recorder.pool, cudaStreamCaptureModeThreadLocal);
  });
}

ct_status end(void *own) {
  auto &recorder = recorderAt(own);
  const auto ended = guarded([&] {
    const c10::DeviceGuard guard(recorder.device());
    recorder.graph->capture_end();
  });
  if (ended.code == 0) return ended;
  // CUDA has ended the recording; libtorch's allocator has not been told, and would keep the memory.
  tried([&] { allocator::endAllocateToPool(recorder.index, recorder.pool); });
  tried([&] { allocator::releasePool(recorder.index, recorder.pool); });
  tried([&] { recorder.graph.reset(); });
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
