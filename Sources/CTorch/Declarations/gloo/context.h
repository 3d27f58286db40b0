// The part of Gloo's context that libtorch's header names; libtorch holds contexts by pointer, and so does it make them.
#pragma once

#include <chrono>

namespace gloo {

class Context {
 public:
  void setTimeout(std::chrono::milliseconds timeout);
};

}  // namespace gloo
