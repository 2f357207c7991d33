// The recorded acts, read. Each entry has a hash over what it says and over the hash of the one before, so that an
// entry that somebody with the database's password changes, adds or takes out in the middle shows; what is cut off at
// the end shows to whoever has written down a hash.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "server/api/fields.h"
#include "server/api/page.h"
#include "server/db/database.h"
#include "server/time.h"

namespace osprey::server::activity {

struct Entry {
  std::int64_t id = 0;
  Timestamp at;
  std::int64_t administrator = 0;
  std::string name;
  std::int64_t session = 0;
  std::int64_t token = 0;
  std::string address;
  std::string verb;
  std::string subject;
  boost::json::object details;
  std::string hash;
  static constexpr std::string_view kTypeName = "ActivityEntry";
  static constexpr auto fields() {
    using api::field;
    return std::tuple(field("id", &Entry::id, "Number of the entry, without gaps."),
                      field("at", &Entry::at, "When it was done."),
                      field("administrator", &Entry::administrator, "Who did it; 0: nobody who had signed in."),
                      field("name", &Entry::name, "The administrator's name at the time."),
                      field("session", &Entry::session, "In which session; 0: in none."),
                      field("token", &Entry::token, "With which API token; 0: with none."),
                      field("address", &Entry::address, "From where."), field("verb", &Entry::verb, "What was done."),
                      field("subject", &Entry::subject, "To what."), field("details", &Entry::details, "How."),
                      field("hash", &Entry::hash, "SHA-256 of the entry and of the hash before it."));
  }
};

// `details` as the database keeps them.
std::string hash_of(const Entry& entry, std::string_view details, std::string_view before);

struct Filter {
  std::optional<std::int64_t> administrator;
  std::optional<std::string> verb, subject;
  std::optional<Timestamp> since, until;
  static constexpr auto fields() {
    using api::field;
    return std::tuple(
        field("administrator", &Filter::administrator, "Only what this one did."),
        field("verb", &Filter::verb, "Only this: \"tag.created\", or \"tag\" for all of that kind.",
              {.least = 1, .most = 100}),
        field("subject", &Filter::subject, "Only where the subject has this in it.", {.least = 1, .most = 200}),
        field("since", &Filter::since, "Only from then on."), field("until", &Filter::until, "Only up to then."));
  }
};

// The latest first, older than the entry `before`.
std::vector<Entry> list(soci::session& sql, const Filter& filter, std::int64_t before, std::int64_t limit);

struct Verification {
  std::int64_t entries = 0;
  bool intact = true;
  std::optional<std::int64_t> broken_at;
  std::string hash;
  static constexpr std::string_view kTypeName = "ActivityVerification";
  static constexpr auto fields() {
    using api::field;
    return std::tuple(
        field("entries", &Verification::entries, "How many there are."),
        field("intact", &Verification::intact, "Nothing was changed, added between or taken out."),
        field("broken_at", &Verification::broken_at, "The first entry that is not as it was recorded; null: none."),
        field("hash", &Verification::hash,
              "Of the last entry. Kept elsewhere, it shows later that nothing has been cut off."));
  }
};
// Reads all of them, in steps.
Result<Verification> verify(db::Database& database);

}  // namespace osprey::server::activity
