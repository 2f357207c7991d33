// What the audit_* flags say (compat/osquery.md 2.10), and a few of our own.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace osprey::events::audit {

// How records are got.
enum class Mode : std::uint8_t { automatic, multicast, unicast, dispatcher, log };

struct AuditOptions {
  bool allow_config = false;  // rules, backlog and the enabled flag may be set
  bool persist = false;       // the seat is taken again when it was lost
  std::uint32_t backlog_limit = 4096;
  std::uint32_t backlog_wait_time = 0;
  bool force_reconfigure = false;    // all rules that are there are deleted first
  bool force_unconfigure = false;    // rules that were there before and are the same as ours go too in the end
  bool process_events = true;        // execve, execveat
  bool fork_process_events = false;  // needs process_events, as kill_process_events does
  bool kill_process_events = false;
  bool sockets = false;
  bool accept_socket_events = true;
  bool failed_socket_events = false;
  bool null_accept_socket_events = false;  // accept(2) that found nobody: EAGAIN
  bool unix_sockets = false;
  bool user_events = true;
  bool file_events = false;  // audit_allow_fim_events
  bool show_accesses = false;
  bool show_partial = false;  // of descriptors that were open before we looked
  bool selinux_events = false;
  bool apparmor_events = false;
  bool seccomp_events = false;

  // Of our own.
  std::vector<std::string> exclude_exe;  // executables that are not told of, by never-rules
  std::vector<std::string> rules;        // auditctl's text, put before ours: filters of the configuration
  bool exclude_self = true;              // what this program's executable does
  bool failed_calls = false;             // failed calls of other kinds than sockets too
  Mode mode = Mode::automatic;
  std::string key = "osprey";  // what our rules are known by
  std::string state_path;      // where what is changed in the kernel is kept while it is changed; empty: nowhere
  std::string log_path;        // empty: what auditd.conf says
  std::string dispatcher_path = "/var/run/audispd_events";
  std::size_t waiting_bytes = 64 << 20;  // of records that were read and not yet looked at
  bool local_ports = true;               // the local side of connections is asked for after the event
};

}  // namespace osprey::events::audit
