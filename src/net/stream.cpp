#include "net/stream.h"

#include <fmt/format.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace osprey::net {
namespace {

constexpr std::chrono::milliseconds kLook{50};  // between two looks at the order to stop

bool would_block(int code) { return code == EAGAIN || code == EWOULDBLOCK || code == EINTR; }

class PlainStream final : public Stream {
 public:
  PlainStream(UniqueFd socket, std::string peer) : socket_(std::move(socket)), peer_(std::move(peer)) {}

  Result<Moved> handshake() override { return Moved{}; }

  Result<Moved> send(std::string_view bytes) override {
    const auto sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && would_block(errno)) return Moved{.wait = POLLOUT};
    if (sent < 0) return system_failure(peer_);
    written_ += static_cast<std::uint64_t>(sent);
    return Moved{.bytes = static_cast<std::size_t>(sent)};
  }

  Result<Moved> receive(std::span<char> into) override {
    const auto got = ::recv(socket_.get(), into.data(), into.size(), MSG_DONTWAIT);
    if (got < 0 && would_block(errno)) return Moved{.wait = POLLIN};
    if (got < 0) return system_failure(peer_);
    return Moved{.bytes = static_cast<std::size_t>(got), .ended = got == 0};
  }

  void finish() override { ::shutdown(socket_.get(), SHUT_WR); }
  int fd() const override { return socket_.get(); }
  std::uint64_t written() const override { return written_; }

 private:
  UniqueFd socket_;
  std::string peer_;
  std::uint64_t written_ = 0;
};

void set_option(int fd, int level, int name, int value) { ::setsockopt(fd, level, name, &value, sizeof value); }

Result<UniqueFd> connect_one(const Address& address, std::chrono::milliseconds timeout, const Interrupt& stop) {
  UniqueFd socket(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return system_failure(address.text());
  set_option(socket.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(socket.get(), SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(socket.get(), IPPROTO_TCP, TCP_KEEPIDLE, 30);   // seconds
  set_option(socket.get(), IPPROTO_TCP, TCP_KEEPINTVL, 10);  // seconds
  set_option(socket.get(), IPPROTO_TCP, TCP_KEEPCNT, 3);
  set_option(socket.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, 30'000);  // milliseconds
  if (::connect(socket.get(), address.raw(), address.length) == 0) return socket;
  if (errno != EINPROGRESS) return system_failure(address.text());
  if (!TRY(wait_for(socket.get(), POLLOUT, timeout, stop)))
    return failure(address.text(), stop.requested() ? "connecting was interrupted" : "does not answer");
  int code = 0;
  socklen_t size = sizeof code;
  ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &code, &size);
  if (code != 0) return system_failure(code, address.text());
  return socket;
}

}  // namespace

Result<std::uint64_t> Stream::unacknowledged() const {
  int bytes = 0;
  if (::ioctl(fd(), SIOCOUTQ, &bytes) != 0) return system_failure("SIOCOUTQ");
  return static_cast<std::uint64_t>(bytes);
}

std::unique_ptr<Stream> plain_stream(UniqueFd socket, std::string peer) {
  return std::make_unique<PlainStream>(std::move(socket), std::move(peer));
}

Result<UniqueFd> connect(const std::vector<Address>& addresses, std::chrono::milliseconds timeout,
                         const Interrupt& stop) {
  Result<UniqueFd> last = failure("connect", "there is no address");
  for (const auto& address : addresses) {
    last = connect_one(address, timeout, stop);
    if (last || stop.requested()) break;
  }
  return last;
}

Result<bool> wait_for(int fd, short events, std::chrono::milliseconds timeout, const Interrupt& stop) {
  const auto deadline = Interrupt::Clock::now() + timeout;
  while (!stop.requested()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Interrupt::Clock::now());
    if (left.count() <= 0) return false;
    ::pollfd one{.fd = fd, .events = events, .revents = 0};
    const int ready = ::poll(&one, 1, static_cast<int>(std::min(left, kLook).count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return system_failure("poll");
  }
  return false;
}

}  // namespace osprey::net
