// Work divided among the threads that libtorch computes with.
#pragma once

#include <ATen/Parallel.h>
#include <dlfcn.h>

#include <algorithm>
#include <cstdint>

namespace shim {

/// Calls `body(begin, end)` on parts of 0 ..< count, on the threads of the OpenMP runtime that libtorch has loaded.
///
/// `at::parallel_for` is a template, which runs on one thread unless the file that uses it is compiled for OpenMP, and
/// then against the compiler's own runtime, a second pool of threads beside libtorch's. So libtorch's runtime is asked
/// by name. Where it has no such entry, the work is done here. `body` must not throw.
template <typename Body>
void inParallel(int64_t count, const Body &body) {
  using Launch = void (*)(void (*)(void *), void *, unsigned, unsigned);
  using Query = int (*)();
  static const auto launch = reinterpret_cast<Launch>(dlsym(RTLD_DEFAULT, "GOMP_parallel"));
  static const auto threadIndex = reinterpret_cast<Query>(dlsym(RTLD_DEFAULT, "omp_get_thread_num"));
  static const auto threadCount = reinterpret_cast<Query>(dlsym(RTLD_DEFAULT, "omp_get_num_threads"));
  const auto threads = std::min<int64_t>(count, at::get_num_threads());
  if (threads < 2 || at::in_parallel_region() || !launch || !threadIndex || !threadCount) return body(0, count);

  struct Task {
    int64_t count;
    const Body &body;
  } task{count, body};
  launch(
      [](void *pointer) {
        const auto &task = *static_cast<Task *>(pointer);
        const int64_t index = threadIndex(), threads = threadCount();
        const int64_t begin = task.count * index / threads, end = task.count * (index + 1) / threads;
        if (begin < end) task.body(begin, end);
      },
      &task, static_cast<unsigned>(threads), 0);
}

}  // namespace shim
