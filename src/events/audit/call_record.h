// Records that tell of a system call: what each has, read once.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "events/audit/reassembly.h"
#include "events/audit/record.h"
#include "events/kinds/actor.h"
#include "events/kinds/process_event.h"

namespace osprey::events::audit {

// SYSCALL (1300): who called what, and how it ended. Texts are as they are written: text_value() reads them.
struct CallRecord {
  std::uint32_t arch = 0;  // AUDIT_ARCH_*
  std::uint32_t call = 0;
  bool success = false;
  std::int64_t result = 0;
  std::array<std::uint64_t, 4> arguments{};
  std::int64_t pid = 0, parent = 0;
  Credentials ids;
  std::string_view tty, name, executable, key;
};
// Empty without a number of the call and a pid.
std::optional<CallRecord> parse_call(std::string_view fields);

// PATH (1302): a file that the call was about.
struct PathRecord {
  std::uint32_t item = 0;
  std::string_view name;  // as written
  FileState file;         // mode, owner, inode, device
  std::string_view type;  // "NORMAL", "PARENT", "CREATE", "DELETE", "UNKNOWN"
};
PathRecord parse_path(std::string_view fields);

// OBJ_PID (1318): a process that the call was about.
struct TargetRecord {
  std::int64_t pid = 0;
  std::optional<std::uint32_t> uid;
};
TargetRecord parse_target(std::string_view fields);

// EXECVE (1309), as many records as it took.
struct ExecArguments {
  std::vector<std::string_view> texts;  // in order; those beyond the cap are left out, one may be cut
  std::uint64_t size = 0;               // bytes, each with the zero that ends it, of those that were recorded
  bool truncated = false;
};
ExecArguments parse_arguments(const RecordGroup& group, std::size_t cap, TextArena& arena);

// The bytes of SOCKADDR's saddr=: socket(7)'s address of any family.
struct SocketName {
  int family = -1;           // AF_*; -1: none was recorded
  std::string_view address;  // IPv4 in IPv6 as IPv4; a vsock's context id, a packet socket's hardware address
  std::optional<std::uint32_t> port;
  std::string_view path;  // AF_UNIX; abstract names begin with @
};
SocketName parse_socket_name(std::string_view bytes, TextArena& arena);

}  // namespace osprey::events::audit
