// How servers tell each other that who may do what has changed, so that none goes on with what it remembers.
#pragma once

#include "server/db/database.h"

namespace osprey::server::identity {

inline constexpr std::string_view kChannel = "identity";

inline void tell_changed(db::Transaction& transaction) { transaction.notify(std::string(kChannel), ""); }

}  // namespace osprey::server::identity
