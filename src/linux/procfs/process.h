// /proc as a directory of processes (proc(5)).
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/root.h"
#include "base/unique_fd.h"
#include "linux/procfs/process_io.h"
#include "linux/procfs/process_stat.h"
#include "linux/procfs/process_status.h"

namespace osprey::linux {

// The /proc of a Root: the kernel's own, or a captured tree's. Outlives the processes made from it.
class Proc {
 public:
  static Result<Proc> open(const Root& root);

  // Every process, in ascending order.
  Result<std::vector<pid_t>> pids() const;
  // When the host was started, in Unix seconds; read once.
  Result<std::int64_t> boot_time();

  int fd() const noexcept { return directory_.get(); }
  // Files of the kernel's own /proc can be read without asking what they are.
  bool is_kernels() const noexcept { return kernels_; }

 private:
  UniqueFd directory_;
  bool kernels_ = false;
  std::optional<Result<std::int64_t>> boot_time_;
};

// Clock ticks a second, in which /proc counts processor time.
std::int64_t ticks_per_second();

// One process. Nothing is opened before something is asked; then /proc/PID is opened once and held (R7), so that
// everything told is about one and the same process, also when it ends and its number is taken by another.
//
// Errors are absent() when the process has ended, or when it has no such thing (a kernel thread no executable). Those
// of missing rights name the file as /proc/*/FILE: one complaint stands for all processes.
class Process {
 public:
  Process(const Proc& proc, pid_t pid) noexcept : proc_(&proc), pid_(pid) {}

  pid_t pid() const noexcept { return pid_; }
  // Whether there is such a process.
  Result<void> open() const;

  // Parsed once.
  const Result<ProcessStat>& stat() const;
  const Result<ProcessStatus>& status() const;
  Result<ProcessIo> io() const;
  // "hierarchy:controllers:path" lines.
  Result<std::string> cgroups() const { return read("cgroup", kSmallCap); }
  // Login uid and session of the audit subsystem; empty while unset.
  Result<std::optional<std::uint32_t>> login_uid() const { return audit_id("loginuid"); }
  Result<std::optional<std::uint32_t>> audit_session() const { return audit_id("sessionid"); }

  // Arguments and environment with the NULs between them, mappings by line. The kernel takes a lock of the process
  // for these; one that waits for a dead disk or server may hold it for ever. A process in uninterruptible sleep is
  // therefore read by a helper thread, which gets 200 ms; after that the answer is an error. A process of which
  // another thread than the first is stuck is not told by its state: finding out would cost a file for each thread.
  Result<std::string> command_line() const { return read_locked("cmdline", kTextCap); }
  Result<std::string> environment() const { return read_locked("environ", kTextCap); }
  Result<std::string> memory_maps() const { return read_locked("maps", kMapsCap); }

  // The text of a link below /proc/PID: "exe", "cwd", "root", "ns/net".
  Result<std::string> link(const char* name) const;
  // What the link `name` below /proc/PID leads to, by what the system remembers of it: no server is asked. A captured
  // tree's links lead nowhere.
  Result<struct statx> stat_target(const char* name) const;
  // The inode in "net:[4026531840]".
  Result<std::uint64_t> namespace_inode(const char* name) const;
  // A file below /proc/PID, "net/tcp" among them; at most `cap` bytes of it.
  Result<std::string> read(const char* name, std::size_t cap) const;
  // The same by one call of the kernel: of arguments and environment all of it, or nothing where the process has ended.
  Result<std::string> read_at_once(const char* name, std::size_t cap) const;

 private:
  static constexpr std::size_t kSmallCap = 64 << 10;
  static constexpr std::size_t kTextCap = 4 << 20;
  static constexpr std::size_t kMapsCap = 32 << 20;  // 65530 mappings, the default limit, of 500 bytes

  friend class Descriptors;
  std::unexpected<Error> error(const char* name) const;
  Result<UniqueFd> open_file(const char* name) const;
  Result<std::string> read_locked(const char* name, std::size_t cap) const;
  Result<std::optional<std::uint32_t>> audit_id(const char* name) const;

  const Proc* proc_;
  pid_t pid_;
  mutable UniqueFd directory_;
  mutable std::optional<Result<ProcessStat>> stat_;
  mutable std::optional<Result<ProcessStatus>> status_;
};

// The open descriptors of a process, in ascending order, and what they point to. The process must outlive them.
class Descriptors {
 public:
  static Result<Descriptors> open(const Process& process);

  const std::vector<int>& numbers() const noexcept { return numbers_; }
  // "/path", "socket:[inode]", "pipe:[inode]", "anon_inode:…"; empty when it was closed meanwhile. Valid until the
  // next call.
  std::string_view target(int number);
  struct Access {
    bool readable = false;
    bool writable = false;
  };
  // What it was opened for.
  Result<Access> access(int number) const;
  // What it is open on, as Process::stat_target() has it.
  Result<struct statx> stat_target(int number) const;

 private:
  explicit Descriptors(const Process& process) noexcept : process_(&process) {}

  const Process* process_;
  UniqueFd directory_;
  std::vector<int> numbers_;
  std::string target_;
};

// The number in "socket:[123]" for kind "socket"; empty for other text.
std::optional<std::uint64_t> bracketed_inode(std::string_view link, std::string_view kind);

}  // namespace osprey::linux
