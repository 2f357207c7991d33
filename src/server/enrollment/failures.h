// Failures: enrolments that were refused, by secret, address and reason. Never a secret's text: who sent a wrong one
// may have sent a right one of another place. Counted together in memory, written every second or two. Thread-safe,
// bounded.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/result.h"
#include "server/api/fields.h"
#include "server/api/page.h"
#include "server/db/database.h"
#include "server/time.h"

namespace osprey::server::enrollment {

struct Failure {
  std::string secret;
  std::string address;
  std::string reason;
  std::string identifier;
  std::int64_t attempts = 0;
  Timestamp first_at;
  Timestamp last_at;
  static constexpr std::string_view kTypeName = "EnrollmentFailure";
  static constexpr auto fields() {
    using api::field;
    return std::tuple(
        field("secret", &Failure::secret,
              "Name of the secret; of one that there is none of, \"unknown\" and the first 8 digits of its SHA-256."),
        field("address", &Failure::address, "Where the attempts came from."),
        field("reason", &Failure::reason,
              "Why they were refused: unknown_secret, revoked, expired, use_limit, certificate, identifier, blocked, "
              "cool_down."),
        field("identifier", &Failure::identifier, "Who the last one said to be."),
        field("attempts", &Failure::attempts, "How many there were."),
        field("first_at", &Failure::first_at, "When the first one came."),
        field("last_at", &Failure::last_at, "When the last one came."));
  }
};

class Failures {
 public:
  static constexpr std::int64_t kMost = 10'000;  // kept, the latest

  void add(std::string_view secret, std::string_view address, std::string_view reason, std::string_view identifier,
           Timestamp now);
  // What cannot be written stays for the next time.
  Result<void> write(db::Database& database);

 private:
  static constexpr std::size_t kMostPending = 1024;
  struct Attempts {
    std::string identifier;
    std::int64_t count = 0;
    Timestamp first;
    Timestamp last;
  };
  using Kind = std::tuple<std::string, std::string, std::string>;  // secret, address, reason

  std::mutex mutex_;
  std::map<Kind, Attempts> pending_;
};

// The latest first.
Result<api::Page<Failure>> list_failures(db::Database& database, const api::PageRequest& page);

}  // namespace osprey::server::enrollment
