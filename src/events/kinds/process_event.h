// What starts, replaces and signals processes (process_events, bpf_process_events).
#pragma once

#include <string_view>
#include <vector>

#include "events/kinds/actor.h"
#include "events/kinds/file_state.h"

namespace osprey::events {

// One of the descriptors 0, 1, 2 at an exec.
struct StandardStream {
  std::string_view kind;  // "file", "pipe", "socket", "tty", "none"…
  std::string_view peer;  // of a connected socket: address and port
  template <class Archive>
  void fields(Archive& field) {
    field(kind)(peer);
  }
};

struct ProcessEvent {
  static constexpr std::string_view kFamily = "process";

  Header header;
  Actor actor;               // after an exec: the new image
  std::string_view syscall;  // "execve", "execveat", "fork", "vfork", "clone", "clone3", "kill", "tkill", "tgkill"
  std::int64_t result = 0;   // what the call returned: 0, a pid or -errno
  std::string_view arch;     // "x86_64", "i386", "x32", "aarch64"; empty: not known

  // Exec.
  std::string_view filename;     // as it was asked for
  std::string_view interpreter;  // of a script: the script; actor.path is the program that runs it
  std::string_view cwd;
  std::vector<std::string_view> arguments;
  std::uint64_t arguments_size = 0;  // bytes, those that were cut off too
  bool arguments_truncated = false;
  std::vector<std::string_view> environment;  // NAME=value of the names that were asked for
  std::optional<std::uint64_t> environment_count, environment_size;
  FileState executable;
  std::string_view executable_state;  // "", "deleted", "memfd", "upper" (written in its container)
  std::vector<StandardStream> streams;
  std::optional<std::uint64_t> capabilities;  // effective, as CAP_ bits
  std::optional<std::uint64_t> pid_namespace, mount_namespace, network_namespace, user_namespace;  // inodes

  std::string_view executable_sha256;  // filled by a FileHasher where it is asked for

  // Fork: the new process; kill: who was to get which signal.
  ProcessKey target;
  std::int64_t signal = 0;

  template <class Archive>
  void fields(Archive& field) {
    field(header)(actor)(syscall)(result)(arch)(filename)(interpreter)(cwd)(arguments)(arguments_size);
    field(arguments_truncated)(environment)(environment_count)(environment_size)(executable)(executable_state);
    field(streams)(capabilities)(pid_namespace)(mount_namespace)(network_namespace)(user_namespace);
    field(target)(signal)(executable_sha256);
  }
};

// A process is gone, with all its threads (process_exit_events).
struct ExitEvent {
  static constexpr std::string_view kFamily = "process_exit";

  Header header;
  Actor actor;
  std::int64_t exit_code = 0;  // of exit(2); 128 + signal where one ended it
  std::int64_t signal = 0;     // 0: it ended by itself
  bool core_dumped = false;
  std::optional<std::uint64_t> lifetime;  // nanoseconds
  std::optional<std::uint64_t> cpu;       // nanoseconds on a processor, all threads

  template <class Archive>
  void fields(Archive& field) {
    field(header)(actor)(exit_code)(signal)(core_dumped)(lifetime)(cpu);
  }
};

}  // namespace osprey::events
