// Activity: who did what when. Rows are only ever added.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "server/db/database.h"
#include "server/identity/caller.h"
#include "server/time.h"

namespace osprey::server::activity {

struct Act {
  std::string verb;             // "tag.created", "live.started": the slice's word, a full stop, what happened
  std::string subject;          // of what: "tag 12 «web»"
  boost::json::object details;  // without secrets
};

// A subject that has a number and a name.
std::string subject(std::string_view kind, std::int64_t id, std::string_view name);

// In the transaction of the act itself: neither is there without the other. At its end: acts are recorded one after the
// other, so from here to the commit the others wait.
void record(db::Transaction& transaction, const identity::Caller& caller, Timestamp now, const Act& act);

db::Schema schema();

}  // namespace osprey::server::activity
