#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <thread>

#include "agent/logging/syslog_target.h"
#include "base/unique_fd.h"
#include "net/stream.h"

namespace osprey::agent {
namespace {

using namespace std::chrono_literals;

constexpr auto kLookUp = 5s;
constexpr auto kRoomToSend = 5s;
// rsyslog's socket buffer holds some 270 small datagrams.
constexpr std::size_t kBurst = 64;
constexpr auto kPause = 1ms;

class Datagrams final : public SyslogTransport {
 public:
  explicit Datagrams(const net::Endpoint& endpoint) : endpoint_(endpoint) {}

  Sent send(std::span<const std::string> messages, const Interrupt& stop) override {
    Sent sent;
    for (const auto& message : messages) {
      if (stop.requested()) break;
      if (auto one = send_one(message, stop); !one) {
        socket_.reset();  // the next time the name is looked up anew
        sent.error = std::move(one).error();
        break;
      }
      ++sent.messages;
      if (sent.messages % kBurst == 0) std::this_thread::sleep_for(kPause);
    }
    return sent;
  }

 private:
  Result<void> open(const Interrupt& stop) {
    auto last = system_failure(EADDRNOTAVAIL, endpoint_.text());
    for (const auto& address : TRY(resolver_.resolve(endpoint_, kLookUp, stop))) {
      UniqueFd socket(::socket(address.storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      if (socket && ::connect(socket.get(), address.raw(), address.length) == 0) {
        socket_ = std::move(socket);
        return {};
      }
      last = system_failure(endpoint_.text());
    }
    return last;
  }

  Result<void> send_one(const std::string& message, const Interrupt& stop) {
    if (!socket_) TRY(open(stop));
    while (::send(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL) < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) return system_failure(endpoint_.text());
      if (!TRY(net::wait_for(socket_.get(), POLLOUT, kRoomToSend, stop)))
        return failure(endpoint_.text(), "the network takes nothing");
    }
    // On this host the word that nobody listens (ICMP) is there already; from elsewhere it comes with a later message.
    int code = 0;
    socklen_t size = sizeof code;
    if (::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &code, &size) == 0 && code != 0)
      return system_failure(code, endpoint_.text());
    return {};
  }

  net::Endpoint endpoint_;
  net::Resolver resolver_;
  UniqueFd socket_;
};

}  // namespace

std::unique_ptr<SyslogTransport> syslog_datagrams(const net::Endpoint& endpoint) {
  return std::make_unique<Datagrams>(endpoint);
}

}  // namespace osprey::agent
