// Processes that compute one thing together, over libtorch's c10d with Gloo.
//
// libtorch has Gloo inside, but no headers of it. Declarations/ holds what c10d's header names.
#define USE_C10D_GLOO
#include <ATen/ops/empty.h>
#include <c10/util/Logging.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
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

/// Whether an address means this machine on every machine: 127.0.0.0/8 or ::1.
bool isLoopback(const sockaddr *address) {
  if (address->sa_family == AF_INET6) {
    return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6 *>(address)->sin6_addr);
  }
  return address->sa_family == AF_INET &&
         ntohl(reinterpret_cast<const sockaddr_in *>(address)->sin_addr.s_addr) >> 24 == 127;
}

std::optional<std::string> numeric(const sockaddr *address, socklen_t length) {
  char text[NI_MAXHOST];
  if (getnameinfo(address, length, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0) return std::nullopt;
  return text;
}

/// An address of this machine at which others can reach it, as far as it can know; none without a network.
std::optional<std::string> outwardAddress() {
  ifaddrs *list = nullptr;
  if (getifaddrs(&list) != 0) return std::nullopt;
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, freeifaddrs);
  for (const auto *entry = list; entry; entry = entry->ifa_next) {
    const auto *address = entry->ifa_addr;
    // Addresses of IPv6 that hold for one link alone need its name besides.
    if (!address || address->sa_family != AF_INET || !(entry->ifa_flags & IFF_UP) || isLoopback(address)) continue;
    return numeric(address, sizeof(sockaddr_in));
  }
  return std::nullopt;
}

/// A socket that listens at the address itself and at no other of this machine, or none where the address is not one of
/// this machine's own, or means this machine everywhere and others are on other machines: then the store listens at all
/// of its addresses.
std::optional<int> listening(const char *host, uint16_t port, bool onOneMachine, Deadline deadline) {
  const auto addresses = resolved(host, port, SOCK_STREAM, deadline);
  for (const auto *address = addresses.get(); address; address = address->ai_next) {
    Socket socket(*address);
    const int yes = 1;
    if (socket.descriptor() < 0 || (!onOneMachine && isLoopback(address->ai_addr))) continue;
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

/// This machine's own address on the way to another one. Where that is this machine itself, and others are elsewhere, it
/// is one at which they can reach it.
std::string ownAddress(const char *host, uint16_t port, bool onOneMachine, Deadline deadline) {
  const auto addresses = resolved(host, port, SOCK_DGRAM, deadline);
  for (const auto *address = addresses.get(); address; address = address->ai_next) {
    Socket socket(*address);  // of datagrams: connecting sends nothing, and chooses the way
    sockaddr_storage own{};
    socklen_t length = sizeof own;
    auto *generic = reinterpret_cast<sockaddr *>(&own);
    if (socket.descriptor() < 0 || connect(socket.descriptor(), address->ai_addr, address->ai_addrlen) != 0 ||
        getsockname(socket.descriptor(), generic, &length) != 0) {
      continue;
    }
    if (!onOneMachine && isLoopback(generic)) {
      if (const auto outward = outwardAddress()) return *outward;
    }
    if (const auto text = numeric(generic, length)) return *text;
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

ct_status ct_process_group_join(const char *host, uint16_t port, bool serves, bool on_one_machine, const char *attempt,
                                int32_t rank, int32_t size, int64_t timeout, ct_process_group *result) {
  return guarded([&] {
    keepQuiet();
    const auto deadline = Clock::now() + Milliseconds(timeout);
    const auto address = ownAddress(host, port, on_one_machine, deadline);
    c10d::TCPStoreOptions options;
    options.port = port;
    options.isServer = serves;
    options.timeout = Milliseconds(timeout);
    // The server does not wait for all others: whoever is missing is noticed where the group meets.
    options.waitWorkers = false;
    if (serves) options.masterListenFd = listening(host, port, on_one_machine, deadline);
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

ct_status ct_process_group_gather(ct_process_group handle, const void *bytes, int64_t count, int64_t timeout,
                                  void *results) {
  return guarded([&] {
    const auto size = group(handle).gloo->getSize();
    const auto kind = at::TensorOptions(at::kByte);
    std::vector<at::Tensor> mine{at::empty({count}, kind)};
    std::vector<std::vector<at::Tensor>> all(1);
    for (int i = 0; i < size; ++i) all[0].push_back(at::empty({count}, kind));
    if (count > 0) std::memcpy(mine[0].mutable_data_ptr(), bytes, count);
    c10d::AllgatherOptions options;
    options.timeout = Milliseconds(timeout);
    group(handle).gloo->allgather(all, mine, options)->wait();
    for (int i = 0; i < size && count > 0; ++i)
      std::memcpy(static_cast<char *>(results) + i * count, all[0][i].const_data_ptr(), count);
  });
}

void ct_process_group_free(ct_process_group handle) { delete static_cast<Group *>(handle.impl); }
