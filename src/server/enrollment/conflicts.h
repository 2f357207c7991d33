// Conflicts: machines that are alive under one host identifier, or with one node key.
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

enum class ConflictKind : unsigned char {
  same_identifier,  // on other hardware
  same_machine,     // hardware and instance did not tell them apart, both being alive did
  shared_key,       // one node key is used from two addresses to and fro: one host, perhaps two machines
};

}  // namespace osprey::server::enrollment

template <>
struct osprey::server::api::EnumNames<osprey::server::enrollment::ConflictKind> {
  using Kind = osprey::server::enrollment::ConflictKind;
  static constexpr std::array kNames{std::pair{Kind::same_identifier, std::string_view("same_identifier")},
                                     std::pair{Kind::same_machine, std::string_view("same_machine")},
                                     std::pair{Kind::shared_key, std::string_view("shared_key")}};
};

namespace osprey::server::enrollment {

struct Conflict {
  std::string identifier;
  std::int64_t host = 0;
  std::string address;
  std::int64_t other_host = 0;
  std::string other_address;
  ConflictKind kind = ConflictKind::same_identifier;
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
        field("kind", &Conflict::kind,
              "same_identifier: they have other hardware; same_machine: only that both are alive tells them apart "
              "(cloned machines); shared_key: one host's node key is used from two addresses to and fro (cloned after "
              "they enrolled, or one machine with two ways to the server), revoke it to have them enrol anew."),
        field("first_at", &Conflict::first_at, "When it was noticed."),
        field("last_at", &Conflict::last_at, "When it was noticed last."));
  }
};

void add_conflict(db::Transaction& transaction, const Conflict& conflict);
// The latest first.
Result<api::Page<Conflict>> list_conflicts(db::Database& database, const api::PageRequest& page);

}  // namespace osprey::server::enrollment
