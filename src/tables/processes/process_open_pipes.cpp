// The pipes that processes have open, and who holds their other ends.
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <unordered_map>

#include "tables/processes/asked_processes.h"

namespace osprey::tables {
namespace {

struct PipeEnd {
  pid_t pid = 0;
  int fd = 0;
  std::uint64_t inode = 0;
  std::uint64_t device = 0;  // 0 for anonymous pipes, which all live on one
  bool readable = false;
  bool writable = false;
  bool named = false;

  std::string_view mode() const { return readable ? writable ? "rw" : "r" : writable ? "w" : ""; }
  std::string_view type() const { return named ? "named" : "anonymous"; }
  bool same_pipe(const PipeEnd& other) const { return inode == other.inode && device == other.device; }
  // What this end says the other can hear, or the other way round.
  bool talks_to(const PipeEnd& other) const { return (readable && other.writable) || (writable && other.readable); }
};

struct Handle {
  PipeEnd end;
  const PipeEnd* partner = nullptr;

  std::optional<std::int64_t> partner_pid() const { return partner ? std::optional(partner->pid) : std::nullopt; }
  std::optional<std::int64_t> partner_fd() const { return partner ? std::optional(partner->fd) : std::nullopt; }
  std::optional<std::string_view> partner_mode() const {
    return partner ? std::optional(partner->mode()) : std::nullopt;
  }
};

// Empty where descriptor `number` is not a pipe.
std::optional<PipeEnd> pipe_end(linux::Descriptors& descriptors, int number) {
  const auto target = descriptors.target(number);
  PipeEnd end;
  if (const auto inode = linux::bracketed_inode(target, "pipe")) {
    end.inode = *inode;
  } else {
    // A named one looks like any file.
    if (!target.starts_with('/')) return std::nullopt;
    const auto info = descriptors.stat_target(number);
    if (!info || !S_ISFIFO(info->stx_mode)) return std::nullopt;
    end.inode = info->stx_ino;
    end.device = makedev(info->stx_dev_major, info->stx_dev_minor);
    end.named = true;
  }
  const auto access = descriptors.access(number);
  if (!access) return std::nullopt;
  end.readable = access->readable;
  end.writable = access->writable;
  return end;
}

Rows<Handle> scan(const Scan& scan) {
  const auto proc = scan.take(linux::Proc::open(scan.root()));
  if (!proc) co_return;
  // Partners may be anywhere, so all processes are looked at whichever are asked for.
  const auto pids = scan.take(proc->pids());
  if (!pids) co_return;
  std::vector<PipeEnd> ends;
  std::unordered_multimap<std::uint64_t, std::size_t> by_inode;
  for (const auto pid : *pids) {
    const linux::Process process(*proc, pid);
    auto descriptors = scan.take(linux::Descriptors::open(process));
    if (!descriptors) continue;
    for (const auto number : descriptors->numbers()) {
      if (scan.interrupted()) co_return;
      if (auto end = pipe_end(*descriptors, number)) {
        end->pid = pid;
        end->fd = number;
        by_inode.emplace(end->inode, ends.size());
        ends.push_back(*end);
      }
    }
  }
  std::vector<std::size_t> partners;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    partners.clear();
    for (auto [at, last] = by_inode.equal_range(ends[i].inode); at != last; ++at)
      if (at->second != i && ends[i].same_pipe(ends[at->second]) && ends[i].talks_to(ends[at->second]))
        partners.push_back(at->second);
    std::ranges::sort(partners);
    Handle handle{ends[i]};
    if (partners.empty()) co_yield handle;
    for (const auto partner : partners) {
      if (scan.interrupted()) co_return;
      handle.partner = &ends[partner];
      co_yield handle;
    }
  }
}

}  // namespace

Table process_open_pipes() {
  return table("process_open_pipes", "The pipes that each process has open, and who holds their other ends.", scan)
      .column(
          "pid", BIGINT, [](Handle& h) { return h.end.pid; }, "Process id.")
      .column(
          "fd", BIGINT, [](Handle& h) { return h.end.fd; }, "Number of the file descriptor.")
      .column(
          "mode", TEXT, [](Handle& h) { return h.end.mode(); },
          "r for the reading end, w for the writing, rw for both.")
      .column(
          "inode", BIGINT, [](Handle& h) { return h.end.inode; }, "Inode of the pipe, which its ends share.")
      .column(
          "type", TEXT, [](Handle& h) { return h.end.type(); }, "named for a FIFO in the file system, else anonymous.")
      .column("partner_pid", BIGINT, &Handle::partner_pid, "Process that holds another end; NULL if nobody does.")
      .column("partner_fd", BIGINT, &Handle::partner_fd, "Number of the file descriptor of that end.")
      .column("partner_mode", TEXT, &Handle::partner_mode, "Mode of that end.")
      .example(
          "SELECT a.name AS writer, b.name AS reader FROM process_open_pipes x "
          "JOIN processes a ON a.pid = x.pid JOIN processes b ON b.pid = x.partner_pid WHERE x.mode = 'w'")
      .note("One row for each pair of ends that can talk; a process may be its own partner.");
}

}  // namespace osprey::tables
