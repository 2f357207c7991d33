#include "linux/sandbox/zygote.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <mutex>
#include <optional>

#include "linux/sandbox/capabilities.h"
#include "linux/sandbox/descriptors.h"
#include "linux/sandbox/helper.h"

namespace osprey::linux {
namespace {

struct State {
  std::mutex mutex;
  std::vector<const Sandbox::Options*> sandboxes;  // there now
  std::vector<const Sandbox::Options*> known;      // there when the zygote was forked: the same in its memory
  UniqueFd socket;
};
State& state() {
  static State one;
  return one;
}

// A request is the place of a sandbox in `known` and the helper's socket; the answer is the helper's pidfd, or without
// a descriptor that there is none.
[[noreturn]] void run_zygote(int socket, pid_t parent, const std::vector<const Sandbox::Options*>& known) noexcept {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(0);
  ::prctl(PR_SET_NAME, "osprey-zygote");
  // For helpers: to read their libraries' files, and to cut what they and theirs may ever have.
  static_cast<void>(keep_only_capabilities(std::array{CAP_DAC_READ_SEARCH, CAP_SETPCAP}));
  ::signal(SIGCHLD, SIG_IGN);  // helpers that end are nobody's business here
  const pid_t self = ::getpid();
  for (;;) {
    std::uint32_t which = 0;
    auto descriptors = receive_with_descriptors(socket, {reinterpret_cast<char*>(&which), sizeof which});
    if (!descriptors) ::_exit(0);
    UniqueFd process;
    if (descriptors->size() == 1 && which < known.size()) {
      const pid_t child = ::fork();
      if (child == 0) run_helper(descriptors->front().get(), self, *known[which]);
      if (child > 0) process.reset(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
    }
    const int pidfd = process.get();
    const std::span<const int> answer(&pidfd, process ? 1 : 0);
    if (!send_with_descriptors(socket, {reinterpret_cast<const char*>(&which), sizeof which}, answer)) ::_exit(0);
  }
}

}  // namespace

Result<void> start_zygote() {
  auto& zygote = state();
  std::lock_guard lock(zygote.mutex);
  std::array<int, 2> pair;
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0) return system_failure("zygote");
  UniqueFd ours(pair[0]);
  const UniqueFd theirs(pair[1]);
  const pid_t parent = ::getpid();
  zygote.known = zygote.sandboxes;
  const pid_t child = ::fork();
  if (child < 0) return system_failure("zygote");
  if (child == 0) {
    ours.reset();
    run_zygote(theirs.get(), parent, zygote.known);
  }
  zygote.socket = std::move(ours);
  return {};
}

void register_with_zygote(const Sandbox::Options& options) {
  std::lock_guard lock(state().mutex);
  state().sandboxes.push_back(&options);
}

void forget_by_zygote(const Sandbox::Options& options) {
  std::lock_guard lock(state().mutex);
  std::erase(state().sandboxes, &options);
  // The places of the others stay.
  std::ranges::replace(state().known, &options, static_cast<const Sandbox::Options*>(nullptr));
}

Result<UniqueFd> fork_by_zygote(const Sandbox::Options& options, int socket) {
  auto& zygote = state();
  std::lock_guard lock(zygote.mutex);
  const auto place = std::ranges::find(zygote.known, &options);
  if (!zygote.socket || place == zygote.known.end()) return system_failure(ENOENT, options.name);
  auto which = static_cast<std::uint32_t>(place - zygote.known.begin());
  const std::span<char> bytes(reinterpret_cast<char*>(&which), sizeof which);
  TRY(send_with_descriptors(zygote.socket.get(), {bytes.data(), bytes.size()}, std::span<const int>(&socket, 1)));
  auto answer = TRY(receive_with_descriptors(zygote.socket.get(), bytes));
  if (answer.size() != 1) return failure(options.name, "could not be started");
  return std::move(answer.front());
}

}  // namespace osprey::linux
