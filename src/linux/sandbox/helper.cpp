#include "linux/sandbox/helper.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>

#include "linux/sandbox/capabilities.h"
#include "linux/sandbox/descriptors.h"
#include "linux/sandbox/frames.h"
#include "linux/sandbox/seccomp.h"

namespace osprey::linux {
namespace {

constexpr int kSocket = 3;

void reset_signals() {
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Standard input, output and error lead nowhere, the socket is kSocket, and nothing else is open.
void keep_only(int socket) {
  // Out of the way first: the socket may have one of the first three numbers.
  const int high = ::fcntl(socket, F_DUPFD, 64);
  const int null = ::open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; ++fd) ::dup2(null, fd);
  ::dup2(high, kSocket);
  ::syscall(SYS_close_range, kSocket + 1, ~0U, 0);
}

void limit(std::size_t memory) {
  const auto set = [](auto resource, rlim_t value) {
    const rlimit both{value, value};
    ::setrlimit(resource, &both);
  };
  set(RLIMIT_CORE, 0);
  set(RLIMIT_FSIZE, 0);
#ifndef __SANITIZE_ADDRESS__  // whose shadow is terabytes of address space
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  set(RLIMIT_AS, pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) + memory);
#else
  static_cast<void>(memory);
#endif
}

Result<void> prepare(pid_t parent, const Sandbox::Options& options) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(0);  // gone before the request was made
  ::prctl(PR_SET_NAME, options.name.c_str());
  limit(options.memory);
  if (options.prepare) TRY(options.prepare());
  TRY(keep_only_capabilities({}));
  return allow_computing_only(options.system_calls);
}

bool send_frame(Frame::Kind kind, std::string_view payload) {
  const auto message = encode_frame(kind, payload);
  ssize_t sent;
  do {
    sent = ::send(kSocket, message.data(), message.size(), MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(message.size());
}

// The next request. Empty at the end: the caller closed its side, or said nothing for long.
std::optional<std::string> next_request(std::vector<UniqueFd>& descriptors, std::chrono::seconds idle) {
  pollfd ready{kSocket, POLLIN, 0};
  const auto patience = std::chrono::duration_cast<std::chrono::milliseconds>(idle).count();
  if (::poll(&ready, 1, static_cast<int>(patience)) <= 0) return std::nullopt;
  std::string request(Sandbox::kMaxRequest, '\0');
  std::size_t length = 0;
  auto received = receive_with_descriptors(kSocket, request, &length);
  if (!received) return std::nullopt;
  descriptors = std::move(*received);
  request.resize(length);
  return request;
}

}  // namespace

void run_helper(int socket, pid_t parent, const Sandbox::Options& options) noexcept {
  reset_signals();
  keep_only(socket);
  const auto ready = prepare(parent, options);
  if (!ready) {
    send_frame(Frame::Kind::failure, ready.error().text());
    ::_exit(1);
  }
  send_frame(Frame::Kind::end, {});
  for (;;) {
    std::vector<UniqueFd> descriptors;
    const auto request = next_request(descriptors, options.idle);
    if (!request) ::_exit(0);
    const auto served = options.serve(*request, std::move(descriptors),
                                      [](std::string_view part) { return send_frame(Frame::Kind::part, part); });
    if (!send_frame(served ? Frame::Kind::end : Frame::Kind::failure, served ? std::string() : served.error().text()))
      ::_exit(0);
  }
}

}  // namespace osprey::linux
