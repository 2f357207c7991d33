#include "linux/netlink/dump_socket.h"

#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <memory>

#include "linux/netlink/message.h"

namespace osprey::linux {
namespace {

constexpr int kAttempts = 5;
constexpr std::size_t kReceiveSize = 64 << 10;  // twice what the kernel puts into one answer
constexpr std::size_t kDumpCap = 512 << 20;     // R2; a full routing table of the Internet is a fifth of it
constexpr std::chrono::milliseconds kPollSlice{100};
constexpr std::chrono::seconds kPatience{5};  // between two answers; the kernel normally has the next one ready

template <class T>
void append_bytes(std::string& to, const T& value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// Waits until the socket can be read.
Result<void> wait(int socket, const Interrupt& interrupt) {
  const auto deadline = Interrupt::Clock::now() + kPatience;
  for (;;) {
    if (interrupt.requested()) return system_failure(EINTR, "netlink");
    if (Interrupt::Clock::now() >= deadline) return system_failure(ETIMEDOUT, "netlink");
    pollfd one{.fd = socket, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&one, 1, static_cast<int>(kPollSlice.count()));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return system_failure("netlink");
  }
}

}  // namespace

struct DumpSocket::Attempt {
  std::string messages;
  bool torn = false;  // messages were lost, or the table changed meanwhile
};

Result<DumpSocket> DumpSocket::open(int protocol) {
  UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
  if (!socket) return system_failure("netlink");
  // Since Linux 4.12; without it there is only an errno.
  const int on = 1;
  ::setsockopt(socket.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  return DumpSocket(std::move(socket));
}

Result<void> DumpSocket::send(std::uint16_t type, std::string_view body) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + body.size());
  header.nlmsg_type = type;
  header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  header.nlmsg_seq = ++sequence_;
  std::string request;
  append_bytes(request, header);
  request += body;
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (::sendto(socket_.get(), request.data(), request.size(), 0, reinterpret_cast<const sockaddr*>(&kernel),
               sizeof kernel) < 0)
    return system_failure("netlink");
  return {};
}

Result<DumpSocket::Attempt> DumpSocket::receive(const Interrupt& interrupt) {
  Attempt attempt;
  const auto buffer = std::make_unique_for_overwrite<char[]>(kReceiveSize);
  for (;;) {
    TRY(wait(socket_.get(), interrupt));
    sockaddr_nl from{};
    socklen_t from_size = sizeof from;
    const auto size = ::recvfrom(socket_.get(), buffer.get(), kReceiveSize, MSG_TRUNC,
                                 reinterpret_cast<sockaddr*>(&from), &from_size);
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (size < 0 && errno == ENOBUFS) {
      attempt.torn = true;
      continue;  // to the end nevertheless: one dump must have ended before the next
    }
    if (size < 0) return system_failure("netlink");
    if (from.nl_pid != 0) continue;  // not the kernel
    if (static_cast<std::size_t>(size) > kReceiveSize) return failure("netlink", "an answer is too large");

    std::string_view rest(buffer.get(), static_cast<std::size_t>(size));
    for (auto here = rest; const auto message = take_message(rest); here = rest) {
      if (message->sequence != sequence_) continue;  // of an attempt that was given up
      if (message->flags & NLM_F_DUMP_INTR) attempt.torn = true;
      if (message->type == NLMSG_DONE || message->type == NLMSG_ERROR) {
        TRY(end_of_dump(*message));
        return attempt;
      }
      attempt.messages += here.substr(0, here.size() - rest.size());
    }
    if (attempt.messages.size() > kDumpCap) return failure("netlink", "the answer is too large");
  }
}

Result<NetlinkDump> DumpSocket::dump(std::uint16_t type, std::string_view body, const Interrupt& interrupt) {
  for (int left = kAttempts;; --left) {
    TRY(send(type, body));
    auto attempt = TRY(receive(interrupt));
    if (!attempt.torn || left == 1) return NetlinkDump{std::move(attempt.messages), !attempt.torn};
  }
}

}  // namespace osprey::linux
