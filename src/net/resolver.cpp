#include "net/resolver.h"

#include <fmt/format.h>
#include <netdb.h>

#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

namespace osprey::net {
namespace {

constexpr std::chrono::milliseconds kLook{50};  // between two looks at the order to stop

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

Result<std::vector<Address>> look_up(const Endpoint& endpoint, int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;  // one entry an address
  hints.ai_flags = flags;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(endpoint.host.c_str(), endpoint.port.c_str(), &hints, &found);
  if (code == EAI_SYSTEM) return system_failure(endpoint.host);
  if (code != 0) return failure(endpoint.host, ::gai_strerror(code));
  const std::unique_ptr<addrinfo, FreeAddresses> owned(found);
  std::vector<Address> addresses;
  for (const auto* one = found; one; one = one->ai_next) {
    auto& address = addresses.emplace_back();
    address.length = one->ai_addrlen;
    std::memcpy(&address.storage, one->ai_addr, one->ai_addrlen);
  }
  return addresses;
}

}  // namespace

struct Resolver::Lookup {
  Endpoint endpoint;
  std::mutex mutex;
  std::condition_variable done;
  std::optional<Result<std::vector<Address>>> result;
};

std::string Address::text() const {
  char host[NI_MAXHOST] = "";
  char port[NI_MAXSERV] = "";
  if (::getnameinfo(raw(), length, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return "an address that cannot be shown";
  return Endpoint{host, port}.text();
}

std::string Endpoint::text() const {
  return host.contains(':') ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

Result<std::vector<Address>> Resolver::resolve(const Endpoint& endpoint, std::chrono::milliseconds timeout,
                                               const Interrupt& stop) {
  if (auto numeric = look_up(endpoint, AI_NUMERICHOST | AI_NUMERICSERV)) return numeric;
  if (pending_ && pending_->endpoint != endpoint) pending_.reset();
  if (!pending_) {
    auto lookup = std::make_shared<Lookup>();
    lookup->endpoint = endpoint;
    try {
      std::thread([lookup] {
        auto result = look_up(lookup->endpoint, 0);
        const std::lock_guard lock(lookup->mutex);
        lookup->result = std::move(result);
        lookup->done.notify_all();
      }).detach();
    } catch (const std::system_error& error) {
      return system_failure(error.code().value(), endpoint.host);
    }
    pending_ = std::move(lookup);
  }
  const auto deadline = Interrupt::Clock::now() + timeout;
  std::unique_lock lock(pending_->mutex);
  while (!pending_->result) {
    if (stop.requested()) return failure(endpoint.host, "its look-up was interrupted");
    if (Interrupt::Clock::now() >= deadline)
      return failure(endpoint.host, fmt::format("no name server has answered within {} s",
                                                std::chrono::ceil<std::chrono::seconds>(timeout).count()));
    pending_->done.wait_for(lock, kLook);
  }
  auto result = std::move(*pending_->result);
  lock.unlock();
  pending_.reset();
  return result;
}

}  // namespace osprey::net
