// What tables do not show (rule R9): values whose names say that they are secret.
#pragma once

#include <string_view>

namespace osprey::tables {

inline constexpr std::string_view kRedacted = "(redacted)";

// Whether a variable or setting of this name holds a password, secret, token, key, credential or community, judged by
// the words in it and not by case: DB_PASSWORD, apiKey, GITHUB_TOKEN. Public keys are none.
bool names_secret(std::string_view name);

}  // namespace osprey::tables
