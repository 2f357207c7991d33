// What the module "systemd" (libsystemd's sd-bus and sd-journal) does for the program; opened by base/module.h.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "linux/journal/journal_reader.h"

namespace osprey::linux {

// One unit that systemd has loaded: a line of ListUnits (org.freedesktop.systemd1(5)).
struct SystemdUnit {
  std::string id;
  std::string description;
  std::string load_state;
  std::string active_state;
  std::string sub_state;
  std::string following;     // the unit whose state this one follows, usually empty
  std::string object_path;   // of the unit on the bus
  std::uint32_t job_id = 0;  // 0: no job is queued
  std::string job_type;
  std::string job_path;
};

// A connection to the bus that systemd is on. Every call ends within kTimeout; none starts a service.
class SystemdConnection {
 public:
  static constexpr std::uint64_t kTimeoutMicroseconds = 2'000'000;

  virtual ~SystemdConnection() = default;
  // An absent() error where no systemd is on the bus.
  virtual Result<std::vector<SystemdUnit>> units() = 0;
  // A property of text, such as FragmentPath of the interface org.freedesktop.systemd1.Unit.
  virtual Result<std::string> text_property(const std::string& object, const char* interface, const char* name) = 0;
};

struct SystemdModule {
  static constexpr std::string_view kName = "systemd";

  // `address` as D-Bus writes them: "unix:path=/run/dbus/system_bus_socket".
  Result<std::unique_ptr<SystemdConnection>> (*connect)(const std::string& address);
  // The journal of a folder, or of this host where `directory` is empty. From behind the entry of `cursor` on; where
  // there is none or no such entry, what comes from now on. Entries of a field are cut at 64 KiB.
  Result<std::unique_ptr<JournalReader>> (*open_journal)(const std::string& directory, const std::string& cursor);
};

}  // namespace osprey::linux
