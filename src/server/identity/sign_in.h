// Signing in with name, password and, where the administrator has set it up, a code.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "server/db/database.h"
#include "server/http/message.h"
#include "server/identity/passwords.h"
#include "server/time.h"

namespace osprey::server::identity {

struct SignIn {
  std::string name;
  std::string password;
  std::optional<std::string> code;
};

struct SignedIn {
  bool code_wanted = false;  // the password was right; send it again with a code
  std::string session_secret;
};

// A wrong name, password or code and a disabled administrator are the same kForbidden; kTooMany: see attempts.h.
Result<SignedIn> sign_in(db::Database& database, Passwords& passwords, const SignIn& given,
                         const http::RequestHead& head, Timestamp now);

}  // namespace osprey::server::identity
