// Identity: administrators, their sessions and API tokens.
#pragma once

#include "base/result.h"
#include "server/db/schema.h"
#include "server/http/message.h"
#include "server/identity/caller.h"

namespace osprey::server::identity {

// A session's request to change something without its X-CSRF-Token (EPERM).
inline constexpr int kWrongCsrf = 1;

// Thread-safe.
class Identity {
 public:
  virtual ~Identity() = default;
  // Who sends this request: by `Authorization: Bearer TOKEN` or by the session's cookie, which for anything but GET and
  // HEAD also needs the session's X-CSRF-Token (else kWrongCsrf). Nobody is an answer; a wrong, ended or locked
  // credential is an error (kForbidden).
  virtual Result<Caller> authenticate(const http::RequestHead& head) = 0;
};

db::Schema schema();

}  // namespace osprey::server::identity
