// Who asks.
#pragma once

#include <cstdint>
#include <string>

#include "server/api/permission.h"

namespace osprey::server::identity {

struct Caller {
  std::int64_t administrator = 0;  // 0: nobody has signed in
  std::string name;                // for the activity log
  // The least of the role's and the token's.
  api::Permission permission = api::Permission::everyone;
  std::int64_t session = 0;  // by cookie, or
  std::int64_t token = 0;    // by API token; both 0 for nobody
  std::string address;
};

}  // namespace osprey::server::identity
