// What happens to the host's parts (hardware_events, syslog_events, container_events).
#pragma once

#include <string_view>

#include "events/kinds/actor.h"

namespace osprey::events {

// udev(7)'s words.
struct HardwareEvent {
  static constexpr std::string_view kFamily = "hardware";

  Header header;
  std::string_view action, path, type, driver, vendor, vendor_id, model, model_id, serial, revision;

  template <class Archive>
  void fields(Archive& field) {
    field(header)(action)(path)(type)(driver)(vendor)(vendor_id)(model)(model_id)(serial)(revision);
  }
};

struct SyslogEvent {
  static constexpr std::string_view kFamily = "syslog";

  Header header;
  Actor actor;  // the sender, where it is known
  std::string_view datetime, host, facility, tag, message;
  std::int64_t severity = 0;
  std::string_view source;  // "pipe", "journal", "socket"
  std::string_view msgid, structured_data;

  template <class Archive>
  void fields(Archive& field) {
    field(header)(actor)(datetime)(host)(facility)(tag)(message)(severity)(source)(msgid)(structured_data);
  }
};

struct ContainerEvent {
  static constexpr std::string_view kFamily = "container";

  Header header;
  Actor actor;
  std::string_view action;  // "create", "start", "exec", "rename", "pause", "unpause", "die", "destroy"
  std::string_view container_id, engine, name, image;
  std::optional<std::int64_t> exit_code;

  template <class Archive>
  void fields(Archive& field) {
    field(header)(actor)(action)(container_id)(engine)(name)(image)(exit_code);
  }
};

}  // namespace osprey::events
