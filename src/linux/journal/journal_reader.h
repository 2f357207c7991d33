// systemd's journal, read as it grows (sd-journal(3)); by the module "systemd".
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"

namespace osprey::linux {

// One entry; systemd.journal-fields(7). What the sender says of itself first, then what journald knows of it.
struct JournalEntry {
  std::uint64_t realtime = 0;  // microseconds, Unix; when it was received
  std::string message;
  std::string message_id;
  std::string identifier;                // SYSLOG_IDENTIFIER
  std::string process;                   // SYSLOG_PID
  std::optional<std::int64_t> priority;  // 0 to 7
  std::optional<std::uint32_t> facility;

  std::string host;
  std::string command;       // _COMM
  std::string executable;    // _EXE
  std::string command_line;  // _CMDLINE
  std::string unit;          // _SYSTEMD_UNIT
  std::string cgroup;        // _SYSTEMD_CGROUP
  std::optional<std::int64_t> pid;
  std::optional<std::uint32_t> uid, gid, login_uid, session;
};

// Not for several threads.
class JournalReader {
 public:
  virtual ~JournalReader() = default;

  // Readable (poll(2)) when changed() is to be called.
  virtual int descriptor() = 0;
  virtual Result<void> changed() = 0;
  // The next entry into `entry`; false: there is none yet. One that cannot be read is skipped, and `skipped` counted.
  virtual Result<bool> next(JournalEntry& entry) = 0;
  // Of the entry read last; empty before the first.
  virtual Result<std::string> cursor() = 0;

  std::uint64_t skipped = 0;
};

}  // namespace osprey::linux
