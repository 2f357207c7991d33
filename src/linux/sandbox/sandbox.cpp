#include "linux/sandbox/sandbox.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "linux/sandbox/frames.h"
#include "linux/sandbox/helper.h"

namespace osprey::linux {

Result<void> Sandbox::start() {
  std::array<int, 2> pair;
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0) return system_failure(options_.name);
  UniqueFd ours(pair[0]);
  const UniqueFd theirs(pair[1]);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return system_failure(options_.name);
  if (child == 0) run_helper(theirs.get(), parent, options_);
  pid_ = child;
  process_.reset(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  socket_ = std::move(ours);
  return {};
}

void Sandbox::stop() {
  socket_.reset();
  if (pid_ == 0) return;
  // By descriptor: another waiter of this process may have reaped it, and its number may mean a stranger.
  if (process_) ::syscall(SYS_pidfd_send_signal, process_.get(), SIGKILL, nullptr, 0);
  siginfo_t ended{};
  if (process_) ::waitid(P_PIDFD, static_cast<id_t>(process_.get()), &ended, WEXITED);
  process_.reset();
  pid_ = 0;
}

Result<void> Sandbox::send(std::string_view request, std::span<const int> descriptors) {
  iovec data{const_cast<char*>(request.data()), request.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxDescriptors * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    auto* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  }
  // The socket is empty: the helper answers one request before it takes the next.
  if (::sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) return system_failure(options_.name);
  return {};
}

Result<void> Sandbox::wait(const Interrupt& interrupt) const {
  const auto deadline = Interrupt::Clock::now() + options_.timeout;
  for (;;) {
    pollfd ready{socket_.get(), POLLIN, 0};
    if (::poll(&ready, 1, 20) > 0) return {};
    if (interrupt.requested()) return system_failure(ECANCELED, options_.name);
    if (Interrupt::Clock::now() >= deadline) return failure(options_.name, "took too long and was ended");
  }
}

Result<void> Sandbox::receive(const std::function<void(std::string_view)>& take, const Interrupt& interrupt) {
  std::string message(1 + Frame::kMaxPayload + 1, '\0');
  for (std::size_t taken = 0;;) {
    TRY(wait(interrupt));
    const auto length = ::recv(socket_.get(), message.data(), message.size(), MSG_DONTWAIT);
    if (length <= 0) return failure(options_.name, "died over what it was given");
    const auto frame = decode_frame(std::string_view(message).substr(0, static_cast<std::size_t>(length)));
    if (!frame) return failure(options_.name, "answered out of turn");
    if (frame->kind == Frame::Kind::end) return {};
    // Not fatal to the helper: the subject stays empty, by which call() knows it.
    if (frame->kind == Frame::Kind::failure) return failure({}, std::string(frame->payload));
    taken += frame->payload.size();
    if (taken > options_.answer_cap) return failure(options_.name, "answered more than it may");
    take(frame->payload);
  }
}

Result<void> Sandbox::call(std::string_view request, std::span<const int> descriptors,
                           const std::function<void(std::string_view)>& take, const Interrupt& interrupt) {
  if (request.empty() || request.size() > kMaxRequest || descriptors.size() > kMaxDescriptors)
    return failure(options_.name, "was asked too much at once");
  const std::lock_guard lock(mutex_);
  // One that ended by itself, for want of work.
  pollfd gone{socket_.get(), 0, 0};
  if (socket_ && ::poll(&gone, 1, 0) > 0) stop();
  if (!socket_) {
    auto ready = start();
    if (ready) ready = receive([](std::string_view) {}, interrupt);  // it says when it is
    if (!ready) {
      stop();
      return ready;
    }
  }
  auto result = send(request, descriptors);
  if (result) result = receive(take, interrupt);
  if (!result && !result.error().subject.empty()) stop();
  return result;
}

Result<std::string> Sandbox::ask(std::string_view request, std::span<const int> descriptors,
                                 const Interrupt& interrupt) {
  std::string answer;
  TRY(call(request, descriptors, [&](std::string_view part) { answer += part; }, interrupt));
  return answer;
}

}  // namespace osprey::linux
