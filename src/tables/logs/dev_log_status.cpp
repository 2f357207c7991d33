// Where what programs log goes: /dev/log, and who reads it.
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>

#include "linux/containers/cgroup_path.h"
#include "linux/netlink/sock_diag.h"
#include "linux/procfs/net_sockets.h"
#include "linux/procfs/process.h"
#include "linux/sockets/own_log.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

constexpr std::string_view kDevLog = "/dev/log";
constexpr std::size_t kTableCap = 64 << 20;

struct Handle {
  std::string path;
  std::optional<std::string> real_path;
  std::optional<struct statx> facts;
  std::optional<linux::Socket> socket;
  std::optional<std::int64_t> owner_pid;
  std::optional<std::string> owner, container_id;
  std::optional<linux::OwnLog::Counts> own;
  std::string reason;

  std::string_view socket_type() const {
    if (!socket) return {};
    return socket->type == SOCK_STREAM ? "stream" : socket->type == SOCK_DGRAM ? "dgram" : "";
  }
  std::optional<std::uint64_t> inode() const { return facts ? std::optional(facts->stx_ino) : std::nullopt; }
  std::optional<std::string> mode() const {
    return facts ? std::optional(fmt::format("{:04o}", facts->stx_mode & 07777)) : std::nullopt;
  }
  std::optional<std::uint32_t> receive_queue() const { return socket ? socket->waiting : std::nullopt; }
  std::optional<std::uint64_t> received() const { return own ? std::optional(own->received) : std::nullopt; }
  std::optional<std::uint64_t> dropped() const { return own ? std::optional(own->dropped) : std::nullopt; }
  std::optional<std::int64_t> last_message() const {
    return own && own->last_message > 0 ? std::optional(own->last_message) : std::nullopt;
  }
};

std::string_view wrong_kind(std::uint32_t mode) {
  if (S_ISREG(mode)) return "a plain file: what is logged reaches nobody";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device: what is logged reaches nobody";
  if (S_ISFIFO(mode)) return "a named pipe: what is logged reaches nobody";
  if (S_ISDIR(mode)) return "a folder: what is logged reaches nobody";
  return "no socket: what is logged reaches nobody";
}

// The sockets of the host's own network namespace: the kernel is asked where that loads no module.
Result<std::vector<linux::Socket>> unix_sockets(const Scan& scan) {
  if (scan.root().is_host())
    if (auto diag = linux::SockDiag::open(scan.root()); diag && diag->knows(AF_UNIX, 0))
      return diag->dump(AF_UNIX, 0, ~0u, scan.interrupt());
  const auto text = TRY(scan.root().read("/proc/net/unix", kTableCap));
  return linux::parse_net_table(text.bytes, AF_UNIX, 0).sockets;
}

bool is_bound_to(const linux::Socket& socket, const Handle& handle) {
  const auto& facts = *handle.facts;
  if (socket.file)
    return *socket.file == linux::Socket::File{makedev(facts.stx_dev_major, facts.stx_dev_minor),
                                               static_cast<std::uint32_t>(facts.stx_ino)};
  return socket.path == handle.path || (handle.real_path && socket.path == *handle.real_path);
}

bool holds(const linux::Process& process, std::uint64_t inode) {
  auto descriptors = linux::Descriptors::open(process);
  if (!descriptors) return false;
  return std::ranges::any_of(descriptors->numbers(), [&](int number) {
    return linux::bracketed_inode(descriptors->target(number), "socket") == inode;
  });
}

// systemd holds the socket of each daemon that it starts: who else has it reads it.
void find_owner(const Scan& scan, Handle& handle) {
  const auto proc = scan.take(linux::Proc::open(scan.root()));
  const auto pids = proc ? scan.take(proc->pids()) : std::nullopt;
  if (!pids) return;
  for (const auto pid : *pids) {
    if (scan.interrupted()) return;
    const linux::Process process(*proc, pid);
    if (!holds(process, handle.socket->inode)) continue;
    if (handle.owner_pid && pid == 1) continue;
    handle.owner_pid = pid;
    if (const auto& stat = process.stat()) handle.owner = stat->name;
    if (const auto groups = process.cgroups())
      if (auto owner = linux::parse_process_cgroups(*groups); !owner.container_id.empty())
        handle.container_id = std::move(owner.container_id);
    if (pid != 1) return;
  }
}

void look(const Scan& scan, Handle& handle) {
  const auto& root = scan.root();
  const auto own = root.stat(handle.path, Links::keep);
  if (!own) {
    if (!own.error().absent()) scan.warn(own.error());
    handle.reason = own.error().absent() ? "missing: what is logged reaches nobody" : own.error().text();
    return;
  }
  const auto facts = root.stat(handle.path);
  if (!facts) {
    const auto target = root.read_link(handle.path);
    handle.reason = fmt::format("a link that leads nowhere: {}", target ? *target : facts.error().text());
    return;
  }
  handle.facts = *facts;
  if (auto real = root.real_path(handle.path)) handle.real_path = std::move(*real);
  if (!S_ISSOCK(facts->stx_mode)) {
    handle.reason = wrong_kind(facts->stx_mode);
    return;
  }
  const auto sockets = scan.take(unix_sockets(scan));
  if (!sockets) return;
  const auto found = std::ranges::find_if(*sockets, [&](const auto& one) { return is_bound_to(one, handle); });
  if (found == sockets->end()) {
    handle.reason = "nobody has it open here: what is logged reaches nobody, or another network namespace";
    return;
  }
  handle.socket = *found;
  find_owner(scan, handle);
  if (!handle.owner_pid) handle.reason = "who has it open cannot be told";
}

Rows<Handle> scan(const Scan& scan) {
  std::optional<linux::OwnLog::Counts> own;
  if (const auto* log = scan.service<linux::OwnLog>()) own = log->counts();
  std::vector<std::string> all = {std::string(kDevLog)};
  if (own && own->path != kDevLog) all.push_back(own->path);
  const auto paths = scan.keys<std::string>("path", [&] { return all; });
  for (const auto& path : paths) {
    Handle handle{.path = path};
    if (own && own->path == path) handle.own = own;
    look(scan, handle);
    co_yield handle;
  }
}

}  // namespace

Table dev_log_status() {
  return table("dev_log_status", "The log's socket: where /dev/log leads, who reads it, and whether anybody does.",
               scan)
      .column("path", TEXT, &Handle::path, "Path that programs log to.", INDEX)
      .column("real_path", TEXT, &Handle::real_path, "Where links lead from there.")
      .column("owner_pid", BIGINT, &Handle::owner_pid,
              "Process that has the socket; systemd only where nobody else has.")
      .column("owner", TEXT, &Handle::owner, "Its name.")
      .column("socket_type", TEXT, &Handle::socket_type, "dgram or stream.")
      .column("inode", BIGINT, &Handle::inode, "Inode of the file.")
      .column("mode", TEXT, &Handle::mode, "Its permission bits, in octal.")
      .column("receive_queue", INTEGER, &Handle::receive_queue, "Bytes that wait to be read.")
      .column("received", BIGINT, &Handle::received, "Of this agent's own socket: messages that it took.")
      .column("dropped", BIGINT, &Handle::dropped, "Likewise: those over its rate limit.")
      .column("last_message_time", BIGINT, &Handle::last_message, "Likewise: when the last one came, in Unix seconds.")
      .column("container_id", TEXT, &Handle::container_id, "Container of the process that has it.")
      .column("reason", TEXT, &Handle::reason, "Why nobody reads it, or why that cannot be told; else empty.")
      .example("SELECT path, owner, reason FROM dev_log_status")
      .note(
          "One row for /dev/log, one more for a socket of the agent's own elsewhere (--syslog_socket); others where "
          "path names them.");
}

}  // namespace osprey::tables
