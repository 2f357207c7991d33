#include "server/http/listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <chrono>
#include <memory>

#include <algorithm>
#include <exception>
#include <string>
#include <thread>
#include <utility>

#include "base/unique_fd.h"
#include "server/http/io_thread.h"

namespace osprey::server::http {
namespace {

constexpr std::size_t kOtherDescriptors = 256;  // the database's, the logs'…
constexpr int kBacklog = 4096;

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;

  bool is_loopback() const {
    if (storage.ss_family == AF_INET) {
      return (ntohl(reinterpret_cast<const sockaddr_in&>(storage).sin_addr.s_addr) >> 24) == 127;
    }
    return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr);
  }
  // Where both families have it.
  in_port_t& port() { return reinterpret_cast<sockaddr_in&>(storage).sin_port; }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

Result<Address> resolve(const std::string& name, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(name.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) return failure(name, std::string("no address to listen at: ") + ::gai_strerror(error));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
  Address address;
  std::copy_n(reinterpret_cast<const char*>(found->ai_addr), found->ai_addrlen,
              reinterpret_cast<char*>(&address.storage));
  address.size = found->ai_addrlen;
  return address;
}

Result<UniqueFd> bind(Address& address, bool shared) {
  UniqueFd fd(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return system_failure("socket");
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (shared) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (::bind(fd.get(), address.get(), address.size) != 0) {
    return system_failure("port " + std::to_string(ntohs(address.port())));
  }
  return fd;
}

// One socket a thread on the same port, which the first one chooses where it is 0.
Result<std::vector<UniqueFd>> open_sockets(Address& address, unsigned count) {
  // With SO_REUSEPORT a second server of the same user would silently get a half of the connections.
  if (address.port() != 0) TRY(bind(address, false));
  std::vector<UniqueFd> sockets;
  for (unsigned i = 0; i < count; ++i) {
    sockets.push_back(TRY(bind(address, true)));
    const int fd = sockets.back().get();
    if (::listen(fd, kBacklog) != 0) return system_failure("listen");
    address.size = sizeof address.storage;
    if (::getsockname(fd, address.get(), &address.size) != 0) return system_failure("getsockname");
  }
  return sockets;
}

std::size_t connections_possible() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const std::size_t descriptors = limit.rlim_cur;
  return descriptors > 2 * kOtherDescriptors ? descriptors - kOtherDescriptors : descriptors / 2;
}

class ListenerOfThreads final : public Listener {
 public:
  ListenerOfThreads(const ListenerOptions& options, const Router& router) : shared_(options, router) {}
  ~ListenerOfThreads() override { ListenerOfThreads::stop(std::chrono::milliseconds(0)); }

  Result<void> open() {
    const auto& options = shared_.options;
    auto address = TRY(resolve(options.address, options.port));
    shared_.uses_tls = !options.certificate.empty() || !options.key.empty();
    if (shared_.uses_tls) {
      shared_.tls.share_tickets(options.ticket_seed);
      TRY(shared_.tls.load(options));
    } else if (!address.is_loopback()) {
      return failure(options.address, "without a certificate and a key the server listens at a loopback address only");
    }
    for (const auto& balancer : options.trusted_balancers) TRY(shared_.balancers.add(balancer));
    const unsigned threads = options.threads > 0 ? options.threads : std::max(1U, std::thread::hardware_concurrency());
    auto sockets = TRY(open_sockets(address, threads));
    port_ = ntohs(address.port());
    const auto connections = options.connections > 0 ? options.connections : connections_possible();
    for (auto& socket : sockets) {
      threads_.push_back(std::make_unique<IoThread>(shared_, std::move(socket), connections));
    }
    return {};
  }

  std::uint16_t port() const override { return port_; }
  const ListenerCounts& counts() const override { return shared_.counts; }

  Result<void> reload_certificate() override {
    if (!shared_.uses_tls) return {};
    return shared_.tls.load(shared_.options);
  }

  Result<void> share_tickets(std::string seed) override {
    shared_.tls.share_tickets(std::move(seed));
    return reload_certificate();
  }

  void post(std::function<void()> job) override {
    shared_.workers->post([this, job = std::move(job)] {
      try {
        job();
      } catch (const std::exception& e) {
        if (shared_.options.log) shared_.options.log(std::string("a job threw: ") + e.what());
      }
    });
  }

  void stop(std::chrono::milliseconds patience) override {
    shared_.stopping = true;
    for (const auto& thread : threads_) thread->wind_down();
    const auto until = std::chrono::steady_clock::now() + patience;
    while (shared_.counts.connections > 0 && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    threads_.clear();
    shared_.workers->stop();
  }

 private:
  Shared shared_;
  std::uint16_t port_ = 0;
  std::vector<std::unique_ptr<IoThread>> threads_;
};

}  // namespace

Result<std::unique_ptr<Listener>> listen(const ListenerOptions& options, const Router& router) {
  auto listener = std::make_unique<ListenerOfThreads>(options, router);
  TRY(listener->open());
  return listener;
}

}  // namespace osprey::server::http
