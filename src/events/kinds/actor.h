// Actor: the process that did something, as the source and the process tree know it. Every attributed event has one.
//
// What nobody knows is empty: never a 0 that stands for it. Ids are those of the initial namespaces.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace osprey::events {

// Who says so; unset until an event is captured, unless a source tells for another.
enum class Origin : std::uint8_t {
  unset,
  bpf,
  audit,
  fanotify,
  inotify,
  connector,
  udev,
  kernel,
  journal,
  syslog,
  utmp,
  yara,
  engines
};

std::string_view name_of(Origin origin) noexcept;

// A process for as long as the machine is up: pids come again, with another start time.
struct ProcessKey {
  std::int64_t pid = 0;     // of the thread group
  std::uint64_t start = 0;  // nanoseconds since boot (CLOCK_BOOTTIME), from task_struct.start_boottime; 0: not known

  auto operator<=>(const ProcessKey&) const = default;
  template <class Archive>
  void fields(Archive& field) {
    field(pid)(start);
  }
};

// credentials(7). Unset login uids and sessions are empty.
struct Credentials {
  std::optional<std::uint32_t> uid, euid, suid, fsuid;
  std::optional<std::uint32_t> gid, egid, sgid, fsgid;
  std::optional<std::uint32_t> login_uid, session;

  bool operator==(const Credentials&) const = default;
  template <class Archive>
  void fields(Archive& field) {
    field(uid)(euid)(suid)(fsuid)(gid)(egid)(sgid)(fsgid)(login_uid)(session);
  }
};

struct Actor {
  ProcessKey process;
  ProcessKey parent;
  std::int64_t tid = 0;
  Credentials ids;
  std::string_view name;     // comm
  std::string_view path;     // executable
  std::string_view cmdline;  // arguments with a space between
  std::string_view tty;
  std::uint64_t cgroup_id = 0;  // v2's; 0: not known
  std::string_view cgroup_path;
  // Filled by enrichment.
  std::string_view user;  // name of uid
  std::string_view container_id, container_name, container_image, unit;
  std::vector<std::int64_t> ancestors;  // pids, from the parent to 1

  template <class Archive>
  void fields(Archive& field) {
    field(process)(parent)(tid)(ids)(name)(path)(cmdline)(tty)(cgroup_id)(cgroup_path);
    field(user)(container_id)(container_name)(container_image)(unit)(ancestors);
  }
};

// What every event begins with.
struct Header {
  Origin origin = Origin::unset;
  std::uint64_t moment = 0;  // nanoseconds since boot (CLOCK_BOOTTIME); the journal has the wall clock's time

  template <class Archive>
  void fields(Archive& field) {
    field(origin)(moment);
  }
};

}  // namespace osprey::events
