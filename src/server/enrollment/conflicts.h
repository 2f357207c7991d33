// Conflicts: two machines that are both alive under one host identifier.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>

#include "base/result.h"
#include "server/api/fields.h"
#include "server/api/page.h"
#include "server/db/database.h"
#include "server/time.h"

namespace osprey::server::enrollment {

struct Conflict {
  std::string identifier;
  std::int64_t host = 0;
  std::string address;
  std::int64_t other_host = 0;
  std::string other_address;
  bool same_machine = false;
  Timestamp first_at;
  Timestamp last_at;
  static constexpr std::string_view kTypeName = "EnrollmentConflict";
  static constexpr auto fields() {
    using api::field;
    return std::tuple(
        field("identifier", &Conflict::identifier, "The identifier that both hosts gave."),
        field("host", &Conflict::host, "The host that had it."),
        field("address", &Conflict::address, "Where that one enrolled from."),
        field("other_host", &Conflict::other_host, "The host that came later."),
        field("other_address", &Conflict::other_address, "Where that one enrolled from."),
        field("same_machine", &Conflict::same_machine,
              "True: hardware and instance did not tell them apart, both being alive did (a cloned machine)."),
        field("first_at", &Conflict::first_at, "When it was noticed."),
        field("last_at", &Conflict::last_at, "When it was noticed last."));
  }
};

void add_conflict(db::Transaction& transaction, const Conflict& conflict);
// The latest first.
Result<api::Page<Conflict>> list_conflicts(db::Database& database, std::int64_t limit, const std::string& after);

}  // namespace osprey::server::enrollment
