// The second factor: one-time codes by time, and recovery codes for the day the telephone is lost.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "server/db/database.h"
#include "server/time.h"

namespace osprey::server::identity {

inline constexpr std::size_t kRecoveryCodes = 10;

// Sets a key that does not count before it is confirmed by a code; kConflict: codes are on already.
Result<std::string> begin_totp(db::Transaction& transaction, std::int64_t administrator);
// Turns codes on; returns the recovery codes, to be shown this once.
Result<std::vector<std::string>> confirm_totp(db::Transaction& transaction, std::int64_t administrator,
                                              std::string_view code, Timestamp now);
void remove_totp(db::Transaction& transaction, std::int64_t administrator);
// Takes a code of either kind, each once, whichever servers are asked at the same moment. Blanks and hyphens in it do
// not count.
bool take_code(db::Transaction& transaction, std::int64_t administrator, std::string_view code, Timestamp now);

}  // namespace osprey::server::identity
