#include "events/audit/calls.h"

#include <array>
#include <vector>

namespace osprey::events::audit {
namespace {

constexpr CallName kCalls[] = {
    {"execve", Call::exec},
    {"execveat", Call::exec},
    {"fork", Call::fork},
    {"vfork", Call::fork},
    {"clone", Call::clone},
    {"clone3", Call::clone3},
    {"kill", Call::kill},
    {"tkill", Call::thread_kill},
    {"tgkill", Call::group_kill},
    {"bind", Call::bind},
    {"connect", Call::connect},
    {"accept", Call::accept},
    {"accept4", Call::accept},
    {"socketcall", Call::socketcall},
    {"init_module", Call::load_module},
    {"finit_module", Call::load_module},
    {"delete_module", Call::unload_module},
    {"ptrace", Call::ptrace},
    {"process_vm_readv", Call::memory_read},
    {"process_vm_writev", Call::memory_write},
    {"unshare", Call::unshare},
    {"setns", Call::setns},
    {"mount", Call::mount},
    {"umount", Call::umount},
    {"umount2", Call::umount},
    {"move_mount", Call::move_mount},
    {"pivot_root", Call::pivot_root},
    {"chroot", Call::chroot},
    {"setuid", Call::set_user},
    {"setreuid", Call::set_user},
    {"setresuid", Call::set_user},
    {"setuid32", Call::set_user},
    {"setreuid32", Call::set_user},
    {"setresuid32", Call::set_user},
    {"setgid", Call::set_group},
    {"setregid", Call::set_group},
    {"setresgid", Call::set_group},
    {"setgid32", Call::set_group},
    {"setregid32", Call::set_group},
    {"setresgid32", Call::set_group},
    {"capset", Call::capset},
    {"bpf", Call::bpf},
    {"open", Call::open},
    {"openat", Call::open_at},
    {"openat2", Call::open_how},
    {"creat", Call::create},
    {"mknod", Call::make_node},
    {"mknodat", Call::make_node},
    {"open_by_handle_at", Call::open_handle},
    {"close", Call::close},
    {"dup", Call::duplicate},
    {"dup2", Call::duplicate},
    {"dup3", Call::duplicate},
    {"read", Call::read},
    {"readv", Call::read},
    {"pread64", Call::read},
    {"preadv", Call::read},
    {"preadv2", Call::read},
    {"write", Call::write},
    {"writev", Call::write},
    {"pwrite64", Call::write},
    {"pwritev", Call::write},
    {"pwritev2", Call::write},
    {"mmap", Call::map},
    {"mmap2", Call::map},
    {"truncate", Call::truncate},
    {"truncate64", Call::truncate},
    {"ftruncate", Call::truncate_open},
    {"ftruncate64", Call::truncate_open},
    {"link", Call::link},
    {"linkat", Call::link},
    {"symlink", Call::symlink},
    {"symlinkat", Call::symlink},
    {"rename", Call::rename},
    {"renameat", Call::rename},
    {"renameat2", Call::rename},
    {"unlink", Call::unlink},
    {"unlinkat", Call::unlink},
    {"rmdir", Call::unlink},
};

constexpr std::size_t kArchs = 4;
constexpr std::uint32_t kX32Bit = 0x40000000;

using ByNumber = std::array<std::vector<CallName>, kArchs>;
const ByNumber& by_number() {
  static const ByNumber tables = [] {
    ByNumber made;
    for (std::size_t arch = 0; arch < kArchs; ++arch)
      for (const auto& call : kCalls) {
        const auto number = linux::syscall_number(static_cast<linux::AuditArch>(arch), call.name);
        if (!number) continue;
        const auto place = *number & ~kX32Bit;
        if (made[arch].size() <= place) made[arch].resize(place + 1);
        made[arch][place] = call;
      }
    return made;
  }();
  return tables;
}

}  // namespace

std::span<const CallName> call_names() noexcept { return kCalls; }

KnownCall known_call(std::uint32_t arch, std::uint32_t number) noexcept {
  KnownCall known{.call = Call::other, .name = {}, .arch = linux::audit_arch(arch, number)};
  if (!known.arch) return known;
  const auto& table = by_number()[static_cast<std::size_t>(*known.arch)];
  const auto place = number & ~kX32Bit;
  if (place < table.size() && !table[place].name.empty()) {
    known.call = table[place].call;
    known.name = table[place].name;
  }
  return known;
}

}  // namespace osprey::events::audit
