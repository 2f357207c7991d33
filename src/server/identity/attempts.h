// Guessing passwords is made slow: wrong tries are counted, for a name and for an address, and beyond a few free ones
// each makes the next wait longer. The counts are in the database, so that all servers agree.
//
// Whoever guesses at a name from elsewhere does not lock out its owner: an address that the owner has signed in from
// before is counted by itself.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "server/db/database.h"
#include "server/time.h"

namespace osprey::server::identity {

inline constexpr int kFreeTriesOfName = 5;
inline constexpr int kFreeTriesOfAddress = 20;
inline constexpr std::int64_t kMostDelayMs = 15 * 60 * 1000;
inline constexpr std::int64_t kForgetMs = 60 * 60 * 1000;  // after this long without another wrong try

// 0 for the free ones, then 1, 2, 4… seconds.
std::int64_t delay_ms(std::int64_t failures, int free) noexcept;
// Of IPv6 the network (/64): one machine has all of its addresses.
std::string source_of(std::string_view address);

struct Attempt {
  std::string name_key;
  std::string address;
};
// Counts the attempt as a failure before it is known, so that as many as come at once are counted as well as those one
// after the other. kTooMany: it has to wait; nothing is counted then. True: this one has begun a lock of the name.
Result<bool> begin_attempt(db::Database& database, const Attempt& attempt, Timestamp now);
// It was no failure; the name's are forgotten, and the address is its owner's.
void attempt_succeeded(db::Transaction& transaction, const Attempt& attempt, Timestamp now);
// Opens the name's locks.
void forget_attempts(db::Transaction& transaction, const std::string& name_key);

}  // namespace osprey::server::identity
