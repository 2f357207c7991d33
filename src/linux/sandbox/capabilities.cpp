#include "linux/sandbox/capabilities.h"

#include <linux/capability.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <utility>
#include <vector>

namespace osprey::linux {

Result<void> keep_only_capabilities(std::span<const int> kept) {
  std::uint64_t mask = 0;
  for (const int capability : kept) mask |= std::uint64_t{1} << capability;
  for (int capability = 0; capability < 64 && ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability)
    if (!(mask >> capability & 1))
      ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);  // fails without CAP_SETPCAP: then there is little to drop
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);

  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> sets{};
  if (::syscall(SYS_capget, &header, sets.data()) != 0) return system_failure("capget");
  for (std::size_t word = 0; word < sets.size(); ++word) {
    sets[word].permitted &= static_cast<std::uint32_t>(mask >> (32 * word));
    sets[word].effective &= sets[word].permitted;
    sets[word].inheritable = 0;
  }
  if (::syscall(SYS_capset, &header, sets.data()) != 0) return system_failure("capset");
  return {};
}

std::thread thread_with_only(std::span<const int> kept, const char* name, std::function<void()> run) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread([kept = std::vector(kept.begin(), kept.end()), name, run = std::move(run)] {
    ::prctl(PR_SET_NAME, name);
    // The kernel refuses more than one has, never less.
    static_cast<void>(keep_only_capabilities(kept));
    run();
  });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace osprey::linux
