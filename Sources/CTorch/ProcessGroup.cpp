// Processes that compute one thing together, over libtorch's c10d with Gloo.
//
// libtorch has Gloo inside, but no headers of it. Declarations/ holds what c10d's header names.
#define USE_C10D_GLOO
#include <ATen/ops/empty.h>
#include <c10/util/Logging.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "Shim.hpp"

using namespace shim;

namespace {

using Milliseconds = std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;
using Deadline = Clock::time_point;
using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

/// The addresses of a host. A machine that is starting may be unknown for a moment, so it is asked for until `deadline`.
Addresses resolved(const char *host, uint16_t port, int kind, Deadline deadline) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = kind;
  int code;
  while ((code = getaddrinfo(host, std::to_string(port).c_str(), &hints, &found)) != 0 && Clock::now() < deadline) {
    std::this_thread::sleep_for(Milliseconds(200));
  }
  TORCH_CHECK(code == 0, "no such host (", gai_strerror(code), ")");
  return {found, freeaddrinfo};
}

/// An open socket, closed when it goes out of scope unless it is released.
class Socket {
 public:
  explicit Socket(const addrinfo &address) : descriptor_(socket(address.ai_family, address.ai_socktype, 0)) {}
  ~Socket() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  Socket(const Socket &) = delete;
  Socket &operator=(const Socket &) = delete;
  int descriptor() const { return descriptor_; }
  int release() { return std::exchange(descriptor_, -1); }

 private:
  int descriptor_;
};

/// A socket that listens at the address itself and at no other of this machine, or none where the address is not one of
/// this machine's own: then the store listens at all of them.
std::optional<int> listening(const char *host, uint16_t port, Deadline deadline) {
  const auto addresses = resolved(host, port, SOCK_STREAM, deadline);
  for (const auto *address = addresses.get(); address; address = address->ai_next) {
    Socket socket(*address);
    const int yes = 1;
    if (socket.descriptor() < 0) continue;
    setsockopt(socket.descriptor(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(socket.descriptor(), address->ai_addr, address->ai_addrlen) != 0) {
      TORCH_CHECK(errno != EADDRINUSE, "port ", port, " of ", host, " is in use");
      continue;
    }
    TORCH_CHECK(listen(socket.descriptor(), 1024) == 0, "cannot listen at ", host, ": ", std::strerror(errno));
    return socket.release();
  }
  return std::nullopt;
}

/// This machine's own address on the way to another one.
std::string ownAddress(const char *host, uint16_t port, Deadline deadline) {
  const auto addresses = resolved(host, port, SOCK_DGRAM, deadline);
  for (const auto *address = addresses.get(); address; address = address->ai_next) {
    Socket socket(*address);  // of datagrams: connecting sends nothing, and chooses the way
    sockaddr_storage own{};
    socklen_t length = sizeof own;
    char text[NI_MAXHOST];
    if (socket.descriptor() >= 0 && connect(socket.descriptor(), address->ai_addr, address->ai_addrlen) == 0 &&
        getsockname(socket.descriptor(), reinterpret_cast<sockaddr *>(&own), &length) == 0 &&
        getnameinfo(reinterpret_cast<sockaddr *>(&own), length, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0) {
      return text;
    }
  }
  TORCH_CHECK(false, "no way leads to ", host);
}

/// libtorch writes the stack of every lost connection to standard error, unless it is told before its first line.
void keepQuiet() {
  static std::once_flag once;
  std::call_once(once, [] {
    setenv("TORCH_CPP_LOG_LEVEL", "FATAL", /*overwrite=*/0);
    c10::initLogging();
  });
}

struct Group {
  c10::intrusive_ptr<c10d::Store> store;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo;
};

const Group &group(ct_process_group handle) { return *static_cast<const Group *>(handle.impl); }

}  // namespace

ct_status ct_process_group_join(const char *host, uint16_t port, bool serves, const char *attempt, int32_t rank,
                                int32_t size, int64_t timeout, ct_process_group *result) {
  return guarded([&] {
    keepQuiet();
    const auto deadline = Clock::now() + Milliseconds(timeout);
    const auto address = ownAddress(host, port, deadline);
    c10d::TCPStoreOptions options;
    options.port = port;
    options.isServer = serves;
    options.timeout = Milliseconds(timeout);
    // The server does not wait for all others: whoever is missing is noticed where the group meets.
    options.waitWorkers = false;
    if (serves) options.masterListenFd = listening(host, port, deadline);
    auto store = c10::make_intrusive<c10d::TCPStore>(host, options);
    // Two processes with one number would answer for each other.
    const auto meeting = std::string("cocoop/") + attempt;
    TORCH_CHECK(store->add(meeting + "/process " + std::to_string(rank), 1) == 1, "another process has this number too");
    auto gloo = c10d::ProcessGroupGloo::Options::create(Milliseconds(timeout));
    const auto *interface = std::getenv("GLOO_SOCKET_IFNAME");
    gloo->devices.push_back(interface && *interface
                                ? c10d::ProcessGroupGloo::createDeviceForInterface(interface)
                                : c10d::ProcessGroupGloo::createDeviceForHostname(address));
    result->impl = new Group{store, c10::make_intrusive<c10d::ProcessGroupGloo>(
                                        c10::make_intrusive<c10d::PrefixStore>(meeting + "/gloo", store), rank, size, gloo)};
  });
}

ct_status ct_process_group_gather(ct_process_group handle, const void *bytes, int64_t count, void *results) {
  return guarded([&] {
    const auto size = group(handle).gloo->getSize();
    const auto kind = at::TensorOptions(at::kByte);
    std::vector<at::Tensor> mine{at::empty({count}, kind)};
    std::vector<std::vector<at::Tensor>> all(1);
    for (int i = 0; i < size; ++i) all[0].push_back(at::empty({count}, kind));
    if (count > 0) std::memcpy(mine[0].mutable_data_ptr(), bytes, count);
    group(handle).gloo->allgather(all, mine)->wait();
    for (int i = 0; i < size && count > 0; ++i)
      std::memcpy(static_cast<char *>(results) + i * count, all[0][i].const_data_ptr(), count);
  });
}

void ct_process_group_free(ct_process_group handle) { delete static_cast<Group *>(handle.impl); }
