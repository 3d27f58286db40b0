// The operations of oneDNN that libtorch keeps for its own compilers, asked for by name.
#pragma once

#include <ATen/Context.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <optional>

namespace shim {

/// The operation of this name, or none where libtorch was built without it.
template <typename Signature>
std::optional<c10::TypedOperatorHandle<Signature>> oneDNN(const char *name) {
  auto schema = c10::Dispatcher::singleton().findSchema({name, ""});
  if (!at::globalContext().hasMKLDNN() || !schema) return std::nullopt;
  return schema->typed<Signature>();
}

}  // namespace shim
