#include "linux/sandbox/seccomp.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <vector>

namespace osprey::linux {
namespace {

#if defined(__x86_64__)
constexpr unsigned kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr unsigned kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "which system calls this architecture has is not known here"
#endif

constexpr std::array kComputing = {
    SYS_read,         SYS_readv,         SYS_pread64,
    SYS_preadv,       SYS_write,         SYS_writev,
    SYS_sendmsg,      SYS_recvmsg,       SYS_sendto,
    SYS_recvfrom,     SYS_lseek,         SYS_fstat,
    SYS_newfstatat,   SYS_close,         SYS_dup,
    SYS_fcntl,        SYS_fadvise64,     SYS_munmap,
    SYS_mremap,       SYS_brk,           SYS_madvise,
    SYS_futex,        SYS_exit,          SYS_exit_group,
    SYS_rt_sigreturn, SYS_rt_sigaction,  SYS_rt_sigprocmask,
    SYS_sigaltstack,  SYS_clock_gettime, SYS_gettimeofday,
    SYS_getpid,       SYS_gettid,        SYS_getrandom,
    SYS_ppoll,        SYS_sched_yield,   SYS_restart_syscall,
#if defined(__x86_64__)
    SYS_poll,         SYS_time,
#endif
};

sock_filter load(std::size_t offset) { return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<unsigned>(offset)); }
sock_filter give(unsigned action) { return BPF_STMT(BPF_RET | BPF_K, action); }
// Goes on with the next instruction where the loaded word is `value`, else skips it.
sock_filter when(unsigned value) { return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1); }
// The low half of argument `i`: flags need no more, and both our architectures are little-endian.
std::size_t argument(std::size_t i) { return offsetof(seccomp_data, args) + i * sizeof(__u64); }

std::vector<sock_filter> program(std::span<const int> more) {
  constexpr unsigned kRefused = SECCOMP_RET_ERRNO | EPERM;
  std::vector<sock_filter> code;
  code.push_back(load(offsetof(seccomp_data, arch)));
  code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0));
  code.push_back(give(SECCOMP_RET_KILL_PROCESS));
  code.push_back(load(offsetof(seccomp_data, nr)));
  const auto allow = [&](unsigned number) {
    code.push_back(when(number));
    code.push_back(give(SECCOMP_RET_ALLOW));
  };
  for (const auto number : kComputing) allow(static_cast<unsigned>(number));
  for (const auto number : more) allow(static_cast<unsigned>(number));
  for (const auto number : {SYS_mmap, SYS_mprotect}) {
    code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0, 4));
    code.push_back(load(argument(2)));  // the protection, for both
    code.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1));
    code.push_back(give(kRefused));
    code.push_back(give(SECCOMP_RET_ALLOW));
  }
  code.push_back(give(kRefused));
  return code;
}

}  // namespace

Result<void> allow_computing_only(std::span<const int> more) {
  auto code = program(more);
  const sock_fprog filter{static_cast<unsigned short>(code.size()), code.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return system_failure("no_new_privs");
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) != 0) return system_failure("seccomp");
  return {};
}

}  // namespace osprey::linux
