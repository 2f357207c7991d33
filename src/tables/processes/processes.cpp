// What runs on the host. /proc/PID is opened when a column below it is asked for, and each file of it at most once.
#include <sys/stat.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "linux/containers/cgroup_path.h"
#include "linux/procfs/read_ahead.h"
#include "linux/procfs/terminal.h"
#include "tables/processes/asked_processes.h"

namespace osprey::tables {
namespace {

using linux::Process;
using linux::ProcessIo;
using linux::ProcessStat;
using linux::ProcessStatus;

// What the rows of one scan share.
class Host {
 public:
  Host(const Root& root, linux::Proc proc) : root_(root), proc_(std::move(proc)) {}

  linux::Proc& proc() { return proc_; }
  const Root& root() const { return root_; }
  // Many processes run the same few programs.
  bool has(const std::string& path) {
    const auto [known, fresh] = paths_.try_emplace(path);
    if (fresh) known->second = root_.stat(path).has_value();
    return known->second;
  }

 private:
  const Root& root_;
  linux::Proc proc_;
  std::map<std::string, bool> paths_;
};

struct Executable {
  std::string path;  // without the kernel's mark of deleted files
  bool deleted = false;
};

class Handle {
 public:
  Handle(Host& host, Process process) : host_(host), process_(std::move(process)) {}

  const Process& process() const { return process_; }
  pid_t pid() const { return process_.pid(); }
  std::string_view state() {
    const auto& stat = process_.stat();
    return stat ? std::string_view(&stat->state, 1) : std::string_view();
  }
  Result<std::string> cmdline() {
    auto text = process_.command_line();
    if (!text) return or_empty(std::move(text));
    std::ranges::replace(*text, '\0', ' ');
    text->resize(trim_right(*text).size());
    text->erase(0, text->size() - trim_left(*text).size());
    return text;
  }
  Result<std::string> path() {
    const auto& found = executable();
    if (!found) return std::unexpected(found.error());
    return found->path;
  }
  Result<std::string> cwd() { return or_empty(process_.link("cwd")); }
  Result<std::string> root() { return or_empty(process_.link("root")); }

  int on_disk() {
    const auto& found = executable();
    if (!found || found->path.empty()) return -1;
    if (found->deleted) return 0;
    // A process in another mount namespace has its files where only it sees them.
    return host_.has(found->path) || seen_by_process(found->path) ? 1 : 0;
  }

  Result<std::optional<std::uint64_t>> total_size() {
    const auto& stat = process_.stat();
    if (!stat) return std::unexpected(stat.error());
    return stat->virtual_size ? std::optional(stat->virtual_size) : std::nullopt;
  }
  Result<std::int64_t> disk_bytes_read() {
    return transform(io(), [](const ProcessIo& io) { return io.read_bytes; });
  }
  Result<std::int64_t> disk_bytes_written() {
    return transform(io(), [](const ProcessIo& io) { return io.written_bytes; });
  }
  Result<std::int64_t> start_time() {
    const auto& stat = process_.stat();
    if (!stat) return std::unexpected(stat.error());
    const auto boot = TRY(host_.proc().boot_time());
    return boot + static_cast<std::int64_t>(stat->start_ticks) / linux::ticks_per_second();
  }
  Result<std::string> cgroup_path() {
    const auto& text = cgroups();
    if (!text) return std::unexpected(text.error());
    return std::string(linux::first_cgroup_path(*text));
  }

  Result<std::optional<std::string>> container_id() {
    return transform(owner(), [](auto& owner) { return non_empty(owner.container_id); });
  }
  Result<std::optional<std::string>> unit() {
    return transform(owner(), [](auto& owner) { return non_empty(owner.unit); });
  }
  std::optional<std::string_view> exe_state();
  std::optional<std::string> tty() {
    const auto& stat = process_.stat();
    return stat ? linux::terminal_name(stat->terminal) : std::nullopt;
  }

 private:
  static std::optional<std::string> non_empty(const std::string& text) {
    return text.empty() ? std::nullopt : std::optional(text);
  }
  // What a process does not have (a kernel thread no executable, a zombie no directory) is empty text.
  static Result<std::string> or_empty(Result<std::string> text) {
    if (!text && text.error().absent()) return std::string();
    return text;
  }

  const Result<Executable>& executable();
  // Whether the process itself finds a file there. Only the host's /proc leads into a process's root.
  std::optional<struct statx> seen_by_process(const std::string& path) const {
    if (!host_.root().is_host()) return std::nullopt;
    const auto root = host_.root().of_process(pid());
    if (!root) return std::nullopt;
    const auto info = root->stat(path);
    return info ? std::optional(*info) : std::nullopt;
  }
  const Result<ProcessIo>& io() {
    if (!io_) io_ = process_.io();
    return *io_;
  }
  const Result<std::string>& cgroups() {
    if (!cgroups_) cgroups_ = process_.cgroups();
    return *cgroups_;
  }
  Result<linux::CgroupOwner> owner() { return transform(cgroups(), linux::parse_process_cgroups); }

  Host& host_;
  Process process_;
  std::optional<Result<Executable>> executable_;
  std::optional<Result<ProcessIo>> io_;
  std::optional<Result<std::string>> cgroups_;
};

bool same_file(const struct statx& a, const struct statx& b) {
  return a.stx_ino == b.stx_ino && a.stx_dev_major == b.stx_dev_major && a.stx_dev_minor == b.stx_dev_minor;
}

const Result<Executable>& Handle::executable() {
  if (executable_) return *executable_;
  executable_ = transform(or_empty(process_.link("exe")), [&](const std::string& link) {
    constexpr std::string_view kMark = " (deleted)";
    Executable found{link};
    if (!found.path.ends_with(kMark)) return found;
    // A file may really be called so: then it is there, and it is the one that runs.
    const auto named = host_.has(found.path) ? host_.root().stat(found.path) : failure(found.path, "not there");
    const auto running = process_.stat_target("exe");
    if (named && running && same_file(*running, *named)) return found;
    found.path.resize(found.path.size() - kMark.size());
    found.deleted = true;
    return found;
  });
  return *executable_;
}

std::optional<std::string_view> Handle::exe_state() {
  const auto& stat = process_.stat();
  if (stat && stat->is_kernel_thread()) return "kernel";
  const auto& found = executable();
  if (!found) return found.error().denied() ? std::optional<std::string_view>("unreadable") : std::nullopt;
  if (found->path.empty()) return std::nullopt;
  if (found->deleted && found->path.starts_with("/memfd:")) return "memfd";
  const auto named = seen_by_process(found->path);
  if (!named && found->deleted) return "deleted";
  if (!named) return host_.root().is_host() ? std::optional<std::string_view>("unreadable") : std::nullopt;
  if (found->deleted) return "replaced";
  const auto running = process_.stat_target("exe");
  if (!running) return "unreadable";
  return same_file(*running, *named) ? "present" : "replaced";
}

bool wants_any(const Scan& scan, std::initializer_list<std::string_view> columns) {
  return std::ranges::any_of(columns, [&](auto column) { return scan.wants(column); });
}

// What the columns in use will open for every process.
linux::ReadAhead::Files files_of(const Scan& scan) {
  return {.stat = wants_any(scan, {"name", "state", "cmdline", "total_size", "user_time", "system_time", "start_time",
                                   "parent", "pgroup", "threads", "nice", "exe_state", "kernel_thread", "tty"}),
          .status = wants_any(
              scan, {"uid", "gid", "euid", "egid", "suid", "sgid", "resident_size", "namespace_pid", "memory_swap"})};
}

Rows<Handle> scan(const Scan& scan) {
  auto proc = scan.take(linux::Proc::open(scan.root()));
  if (!proc) co_return;
  Host host(scan.root(), std::move(*proc));
  // The list says what exists; a named process must be looked for.
  const bool open = scan.wants_other_than("pid") || scan.integers("pid");
  const auto files = scan.limit() ? linux::ReadAhead::Files{} : files_of(scan);
  linux::ReadAhead processes(host.proc(), asked_pids(scan, host.proc()), files);
  while (auto process = processes.next()) {
    if (scan.interrupted()) co_return;
    Handle handle(host, std::move(*process));
    if (open) {
      if (const auto opened = handle.process().open(); !opened) {
        scan.warn(opened.error());
        continue;
      }
    }
    co_yield handle;
  }
}

// Columns that are one number of stat or status.
template <auto Member>
auto of_stat(Handle& handle) -> Result<std::remove_cvref_t<decltype(std::declval<ProcessStat>().*Member)>> {
  return transform(handle.process().stat(), [](const ProcessStat& stat) { return stat.*Member; });
}
template <auto Ids, auto Id>
Result<std::optional<std::uint32_t>> of_ids(Handle& handle) {
  return transform(handle.process().status(), [](const ProcessStatus& status) {
    return (status.*Ids).transform([](const ProcessStatus::Ids& ids) { return ids.*Id; });
  });
}
template <auto Member>
auto of_status(Handle& handle) -> Result<std::remove_cvref_t<decltype(std::declval<ProcessStatus>().*Member)>> {
  return transform(handle.process().status(), [](const ProcessStatus& status) { return status.*Member; });
}
template <auto Member>
Result<std::uint64_t> milliseconds(Handle& handle) {
  return transform(of_stat<Member>(handle), [](std::uint64_t ticks) {
    return ticks * 1000 / static_cast<std::uint64_t>(linux::ticks_per_second());
  });
}

}  // namespace

Table processes() {
  using Ids = ProcessStatus::Ids;
  return table("processes", "The processes that run on this host.", scan)
      .column("pid", BIGINT, &Handle::pid, "Process id.", INDEX | OPTIMIZED)
      .column("name", TEXT, of_stat<&ProcessStat::name>, "Short name, which a process may change itself.")
      .column("path", TEXT, &Handle::path, "File that is executed; empty for kernel threads.")
      .column("cmdline", TEXT, &Handle::cmdline, "Arguments, the program's name first, with blanks between them.")
      .column("state", TEXT, &Handle::state,
              "R running, S sleeping, D in uninterruptible sleep, T stopped, t traced, Z zombie, I idle kernel thread.")
      .column("cwd", TEXT, &Handle::cwd, "Working directory.")
      .column("root", TEXT, &Handle::root, "Directory that is / to the process.")
      .column("uid", BIGINT, of_ids<&ProcessStatus::users, &Ids::real>, "Real user id.")
      .column("gid", BIGINT, of_ids<&ProcessStatus::groups, &Ids::real>, "Real group id.")
      .column("euid", BIGINT, of_ids<&ProcessStatus::users, &Ids::effective>, "Effective user id.")
      .column("egid", BIGINT, of_ids<&ProcessStatus::groups, &Ids::effective>, "Effective group id.")
      .column("suid", BIGINT, of_ids<&ProcessStatus::users, &Ids::saved>, "Saved user id.")
      .column("sgid", BIGINT, of_ids<&ProcessStatus::groups, &Ids::saved>, "Saved group id.")
      .column("on_disk", INTEGER, &Handle::on_disk,
              "1 if the executed file still exists, 0 if it was deleted, -1 if there is none or it cannot be told.")
      .column(
          "wired_size", BIGINT, [](Handle&) { return 0; }, "Always 0: Linux does not count it.")
      .column("resident_size", BIGINT, of_status<&ProcessStatus::resident_size>, "Bytes in physical memory.")
      .column("total_size", BIGINT, &Handle::total_size, "Bytes of address space.")
      .column("user_time", BIGINT, milliseconds<&ProcessStat::user_ticks>,
              "Milliseconds of processor time in user mode.")
      .column("system_time", BIGINT, milliseconds<&ProcessStat::system_ticks>,
              "Milliseconds of processor time in the kernel.")
      .column("disk_bytes_read", BIGINT, &Handle::disk_bytes_read, "Bytes fetched from storage.")
      .column("disk_bytes_written", BIGINT, &Handle::disk_bytes_written, "Bytes sent to storage.")
      .column("start_time", BIGINT, &Handle::start_time, "When it started, in Unix seconds.")
      .column("parent", BIGINT, of_stat<&ProcessStat::parent>, "Process id of the parent.")
      .column("pgroup", BIGINT, of_stat<&ProcessStat::process_group>, "Process group.")
      .column("threads", INTEGER, of_stat<&ProcessStat::threads>, "Number of threads.")
      .column("nice", INTEGER, of_stat<&ProcessStat::nice>, "Nice level, from -20 (most favoured) to 19.")
      .foreign(INTEGER, {"elevated_token", "secure_process"})
      .foreign(TEXT, {"protection_type"})
      .foreign(INTEGER, {"virtual_process"})
      .foreign(BIGINT, {"elapsed_time", "handle_count", "percent_processor_time", "upid", "uppid"})
      .foreign(INTEGER, {"cpu_type", "cpu_subtype", "translated"})
      .column("cgroup_path", TEXT, &Handle::cgroup_path, "Control group, in the first hierarchy that the kernel names.")
      .column("container_id", TEXT, &Handle::container_id, "Container that it runs in, told from its control groups.",
              HIDDEN)
      .column("unit", TEXT, &Handle::unit, "systemd unit that it runs in, told from its control groups.", HIDDEN)
      .column("exe_state", TEXT, &Handle::exe_state,
              "What became of the executed file: present, deleted, replaced by another, memfd (never on disk), kernel "
              "(a kernel thread) or unreadable.",
              HIDDEN)
      .column(
          "login_uid", BIGINT, [](Handle& h) { return h.process().login_uid(); },
          "User who logged in, whatever became of the user id since.", HIDDEN)
      .column(
          "session_id", BIGINT, [](Handle& h) { return h.process().audit_session(); },
          "Login session by the kernel's audit subsystem.", HIDDEN)
      .column("namespace_pid", BIGINT, of_status<&ProcessStatus::namespace_pid>,
              "Process id in the innermost pid namespace it is in.", HIDDEN)
      .column(
          "kernel_thread", INTEGER,
          [](Handle& h) { return transform(h.process().stat(), [](auto& s) { return s.is_kernel_thread(); }); },
          "1 for a thread of the kernel.", HIDDEN)
      .column("tty", TEXT, &Handle::tty, "Controlling terminal, by its name below /dev.", HIDDEN)
      .column("memory_swap", BIGINT, of_status<&ProcessStatus::swapped_size>, "Bytes swapped out.", HIDDEN)
      .cacheable()
      .example("SELECT pid, name, path, cmdline FROM processes WHERE on_disk = 0")
      .example("SELECT name, sum(resident_size) AS memory FROM processes GROUP BY name ORDER BY memory DESC LIMIT 5")
      .example("SELECT pid, name, container_id, unit FROM processes WHERE container_id IS NOT NULL")
      .note(
          "What ends while it is read is left out. resident_size and total_size are NULL for kernel threads and "
          "zombies. on_disk also looks through the eyes of the process, so that a container's programs count as "
          "there. A process in uninterruptible sleep whose memory is locked has no cmdline after 200 ms.");
}

}  // namespace osprey::tables
