// Work of a device that is recorded, and then begun as a whole: one call in place of one for each operation.
//
// A recording computes on its own copies of the inputs. So it is a function of values as everything here is: inputs are
// copied in, outputs are copied out, and no caller sees a tensor change.
#include <ATen/DeviceAccelerator.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/copy.h>
#include <dlfcn.h>

#include <atomic>
#include <string>
#include <vector>

#include "Shim.hpp"

using namespace shim;

namespace {

std::atomic<const ct_recorder *> spareRecorder{nullptr};

struct Opened {
  const ct_recorder *recorder = nullptr;
  std::string failure;  // why the library that is there cannot be used
};

/// The library is found as the program's own are: by run path, or by LD_LIBRARY_PATH.
const Opened &cudaRecorder() {
  static const Opened opened = [] {
    const auto *const choice = getenv("COCOOP_RECORDED_STEPS");
    if (choice && std::string(choice) == "off") return Opened{};
    const char *const name = "libctorch_cuda.so";
    void *const library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
      const std::string reason = dlerror();
      // What is not there at all is no failure: then steps are not recorded.
      const bool isAbsent = reason.rfind(std::string(name) + ": cannot open shared object file", 0) == 0;
      return Opened{nullptr, isAbsent ? "" : reason};
    }
    using Function = const ct_recorder *(*)();
    const auto function = reinterpret_cast<Function>(dlsym(library, "ct_cuda_recorder"));
    if (!function) return Opened{nullptr, std::string(name) + " has no ct_cuda_recorder"};
    // Structures of libtorch differ between minor versions.
    const auto *const recorder = function();
    if (recorder->built_version >> 48 != ct_built_version() >> 48)
      return Opened{nullptr, std::string(name) + " was built for another version of libtorch"};
    return Opened{recorder, ""};
  }();
  return opened;
}

const ct_recorder *recorderOf(ct_device_kind kind) {
  switch (kind) {
    case CT_CUDA: return cudaRecorder().recorder;
    case CT_SPARE: return spareRecorder;
    default: return nullptr;
  }
}

struct Recording {
  const ct_recorder *recorder;
  void *own;
  std::vector<at::Tensor> inputs, outputs;
  bool isRecording = false, isRecorded = false;

  /// Before the tensors: their memory may not be free while the recording can still use it.
  ~Recording() { recorder->free(own); }
};

Recording &recordingOf(ct_recording handle) { return *static_cast<Recording *>(handle.impl); }

}  // namespace

bool ct_can_record(ct_device_kind kind) { return recorderOf(kind); }

const char *ct_recorder_failure(ct_device_kind kind) { return kind == CT_CUDA ? cudaRecorder().failure.c_str() : ""; }

void ct_set_spare_recorder(const ct_recorder *recorder) { spareRecorder = recorder; }

ct_status ct_recording_make(ct_device device, ct_recording *result) {
  const auto *const recorder = recorderOf(device.kind);
  if (!recorder) return failure("nothing can be recorded on this device");
  void *own = nullptr;
  const auto status = recorder->make(device.index, &own);
  if (status.code == 0) result->impl = new Recording{recorder, own, {}, {}};
  return status;
}

void ct_recording_free(ct_recording recording) { delete static_cast<Recording *>(recording.impl); }

ct_status ct_recording_enter(ct_recording handle) {
  auto &recording = recordingOf(handle);
  return recording.recorder->enter(recording.own);
}

ct_status ct_recording_leave(ct_recording handle) {
  auto &recording = recordingOf(handle);
  return recording.recorder->leave(recording.own);
}

ct_status ct_recording_begin(ct_recording handle, const ct_tensor *inputs, int64_t count, ct_tensor *results) {
  auto &recording = recordingOf(handle);
  const auto copied = guarded([&] {
    const at::NoGradGuard guard;
    recording.inputs.clear();
    for (int64_t i = 0; i < count; ++i) recording.inputs.push_back(tensor(inputs[i]).clone());
    // A recording has memory of its own: what earlier calls have freed would lie idle beside it.
    at::accelerator::emptyCache();
  });
  if (copied.code != 0) return copied;
  const auto begun = recording.recorder->begin(recording.own);
  if (begun.code != 0) return begun;
  recording.isRecording = true;
  for (int64_t i = 0; i < count; ++i) results[i].impl = new at::Tensor(recording.inputs[i]);
  return begun;
}

ct_status ct_recording_end(ct_recording handle, const ct_tensor *outputs, int64_t count) {
  auto &recording = recordingOf(handle);
  if (!recording.isRecording) return failure("nothing is being recorded");
  recording.isRecording = false;
  const auto ended = recording.recorder->end(recording.own);
  if (ended.code != 0) return ended;
  recording.outputs.clear();
  for (int64_t i = 0; i < count; ++i) recording.outputs.push_back(tensor(outputs[i]));
  recording.isRecorded = count > 0;
  return ended;
}

ct_status ct_recording_replay(ct_recording handle, const ct_tensor *inputs, int64_t count, ct_tensor *results) {
  auto &recording = recordingOf(handle);
  const auto copied = guarded([&] {
    const at::NoGradGuard guard;
    TORCH_CHECK(recording.isRecorded, "nothing was recorded");
    TORCH_CHECK(count == static_cast<int64_t>(recording.inputs.size()), "expected ", recording.inputs.size(),
                " inputs as recorded, found ", count);
    for (int64_t i = 0; i < count; ++i) {
      auto &own = recording.inputs[i];
      const auto &given = tensor(inputs[i]);
      TORCH_CHECK(given.sizes() == own.sizes() && given.scalar_type() == own.scalar_type() &&
                      given.device() == own.device(),
                  "input ", i, " is not as recorded: expected ", own.toString(), own.sizes(), ", found ",
                  given.toString(), given.sizes());
      own.copy_(given);
    }
  });
  if (copied.code != 0) return copied;
  const auto begun = recording.recorder->replay(recording.own);
  if (begun.code != 0) return begun;
  return guarded([&] {
    const at::NoGradGuard guard;
    std::vector<at::Tensor> outputs;
    for (const auto &output : recording.outputs) outputs.push_back(output.clone());
    for (size_t i = 0; i < outputs.size(); ++i) results[i].impl = new at::Tensor(outputs[i]);
  });
}
