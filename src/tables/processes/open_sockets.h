// The sockets of every network namespace and who holds them: what process_open_sockets and listening_ports share.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "linux/containers/cgroup_path.h"
#include "linux/netlink/sock_diag.h"
#include "linux/procfs/process.h"
#include "tables/table.h"

namespace osprey::tables {

// A socket in one descriptor of one process: the handle of both tables.
struct OpenSocket {
  class OpenSockets* all = nullptr;
  const linux::Socket* socket = nullptr;
  std::uint64_t namespace_inode = 0;
  std::int64_t pid = -1;  // -1 where no process holds it that we may look into
  std::int64_t fd = -1;

  std::uint64_t inode() const { return socket->inode; }
  int family() const { return socket->family; }
  int protocol() const { return socket->protocol; }
  std::uint32_t local_port() const { return socket->local.port; }
  std::uint32_t remote_port() const { return socket->remote.port; }
  std::string local_address() const { return linux::address_text(*socket, socket->local); }
  std::string remote_address() const { return linux::address_text(*socket, socket->remote); }
  std::string_view path() const { return socket->path; }
  std::string_view state() const;
  std::string net_namespace() const { return std::to_string(namespace_inode); }
  Result<std::optional<std::string>> container_id() const;
  Result<std::optional<std::string>> unit() const;
  Result<std::optional<std::uint32_t>> uid() const;
};

// One pass: first over the descriptors of the processes, then over the tables of sockets of each network namespace
// they are in. Our own namespace is asked by netlink, where that loads no module; others, and captured trees, are read
// from /proc/PID/net of one process in them, so that none is ever entered (R8).
//
// The query's keys for pid, family and protocol leave out what cannot match. SCTP, MPTCP and vsock sockets are
// told only where their protocol or family is among the keys, for osquery does not have them.
class OpenSockets {
 public:
  // `states` are bits 1 << TCP_* for TCP and MPTCP sockets; the rest is left out.
  static Result<OpenSockets> open(const Scan& scan, std::uint32_t states);

  // The sockets of the next table that has some; empty at the end or when the query is interrupted. Valid until the
  // next call.
  std::span<const linux::Socket> next();
  // Of the namespace that next() was about.
  std::uint64_t namespace_inode() const { return namespace_->inode; }

  // The descriptors that hold a socket, by pid and number; one of no process where none does. Empty where only some
  // processes were asked for and none of them holds it.
  std::span<const OpenSocket> holders(const linux::Socket& socket);

  Result<linux::CgroupOwner> owner(pid_t pid);
  const linux::Proc& proc() const { return proc_; }

 private:
  struct Holder {
    std::uint64_t inode;
    pid_t pid;
    int fd;
    auto operator<=>(const Holder&) const = default;
  };
  struct Namespace {
    std::uint64_t inode;
    std::vector<pid_t> members;  // any of them shows its sockets
  };

  OpenSockets(const Scan& scan, linux::Proc proc, std::uint32_t states);
  void look_at(pid_t pid);
  Namespace& namespace_of(std::uint64_t inode);
  bool is_asked(int family, int protocol, bool only_if_named) const;
  void read_table(std::size_t table);
  void read_file(const char* file, int family, int protocol);

  const Scan& scan_;
  linux::Proc proc_;
  std::uint32_t states_;
  std::optional<std::vector<std::int64_t>> families_;
  std::optional<std::vector<std::int64_t>> protocols_;
  bool everybody_ = true;  // sockets that nobody holds are asked for too
  std::vector<Holder> holders_;
  std::vector<Namespace> namespaces_;
  std::optional<std::uint64_t> own_namespace_;
  std::optional<linux::SockDiag> sock_diag_;
  std::map<pid_t, Result<linux::CgroupOwner>> owners_;

  std::size_t next_namespace_ = 0;
  std::size_t next_table_ = 0;
  const Namespace* namespace_ = nullptr;
  std::vector<linux::Socket> sockets_;
  std::vector<OpenSocket> found_;
};

}  // namespace osprey::tables
