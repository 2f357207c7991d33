// For tests: an event of one field, and its table.
#pragma once

#include <string>
#include <string_view>

#include "events/journal/event_rows.h"
#include "sql/table.h"

namespace osprey::events::testing {

struct Login {
  static constexpr std::string_view kFamily = "logins";
  std::string_view user;
  template <class Archive>
  void fields(Archive& field) {
    field(user);
  }
};

inline std::string record_of(std::string_view user) {
  Login login{user};
  std::string record;
  encode(login, record);
  return record;
}

inline sql::Table login_events() {
  using Row = EventRow<Login>;
  return sql::table<Row>("login_events", "Logins.", event_rows<Login>)
      .column(
          "user", [](const Row& row) { return std::string(row.event.user); }, "Who.")
      .column("time", &Row::time, "When.", sql::INDEX)
      .column("eid", &Row::eid, "Number.", sql::HIDDEN)
      .event_subscriber();
}

}  // namespace osprey::events::testing
