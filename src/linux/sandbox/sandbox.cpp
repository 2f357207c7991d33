#include "linux/sandbox/sandbox.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "base/root.h"
#include "base/text.h"
#include "linux/sandbox/descriptors.h"
#include "linux/sandbox/frames.h"
#include "linux/sandbox/helper.h"
#include "linux/sandbox/zygote.h"

namespace osprey::linux {

Sandbox::Sandbox(Options options) : options_(std::move(options)) { register_with_zygote(options_); }

Sandbox::~Sandbox() {
  stop();
  forget_by_zygote(options_);
}

Result<void> Sandbox::start() {
  std::array<int, 2> pair;
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0) return system_failure(options_.name);
  UniqueFd ours(pair[0]);
  const UniqueFd theirs(pair[1]);
  socket_ = std::move(ours);
  if (auto process = fork_by_zygote(options_, theirs.get())) {
    process_ = std::move(*process);
    return {};
  } else if (!process.error().absent()) {
    return std::unexpected(std::move(process.error()));
  }
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return system_failure(options_.name);
  if (child == 0) run_helper(theirs.get(), parent, options_);
  process_.reset(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  return {};
}

pid_t Sandbox::helper() const {
  if (!process_) return 0;
  const auto about = Root::host().read(fmt::format("/proc/self/fdinfo/{}", process_.get()));
  if (!about) return 0;
  for (auto line : Lines(about->bytes))
    if (take_field(line) == "Pid:") return parse<pid_t>(trim(line)).value_or(0);
  return 0;
}

void Sandbox::stop() {
  socket_.reset();
  if (!process_) return;
  // By descriptor: its number may mean a stranger by now.
  ::syscall(SYS_pidfd_send_signal, process_.get(), SIGKILL, nullptr, 0);
  pollfd ended{process_.get(), POLLIN, 0};
  ::poll(&ended, 1, static_cast<int>(options_.timeout.count()));
  siginfo_t status{};
  ::waitid(P_PIDFD, static_cast<id_t>(process_.get()), &status, WEXITED | WNOHANG);  // where it is our own child
  process_.reset();
}

Result<void> Sandbox::send(std::string_view request, std::span<const int> descriptors) {
  // The socket is empty: the helper answers one request before it takes the next.
  if (auto sent = send_with_descriptors(socket_.get(), request, descriptors, MSG_DONTWAIT); !sent)
    return system_failure(sent.error().code, options_.name);
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
  if (options_.once || (!result && !result.error().subject.empty())) stop();
  return result;
}

Result<std::string> Sandbox::ask(std::string_view request, std::span<const int> descriptors,
                                 const Interrupt& interrupt) {
  std::string answer;
  TRY(call(request, descriptors, [&](std::string_view part) { answer += part; }, interrupt));
  return answer;
}

}  // namespace osprey::linux
