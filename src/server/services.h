// The server's parts, as endpoints and slices reach each other. All are made at the start, before the first request,
// and outlive the last; a test sets those that it needs.
#pragma once

#include "server/time.h"

namespace osprey::server {

namespace agents {
class HeldReads;
}
namespace carves {
class Carves;
}
namespace db {
class Database;
}
namespace enrollment {
class Enrollment;
}
namespace hosts {
class Hosts;
}
namespace identity {
class Identity;
class Passwords;
}  // namespace identity
namespace live {
class Live;
}
namespace queries {
class Queries;
}
namespace results {
class Results;
}
namespace tags {
class Tags;
}

struct Services {
  Clock clock;
  db::Database* database = nullptr;
  agents::HeldReads* held_reads = nullptr;
  carves::Carves* carves = nullptr;
  enrollment::Enrollment* enrollment = nullptr;
  hosts::Hosts* hosts = nullptr;
  identity::Identity* identity = nullptr;
  identity::Passwords* passwords = nullptr;
  live::Live* live = nullptr;
  queries::Queries* queries = nullptr;
  results::Results* results = nullptr;
  tags::Tags* tags = nullptr;
};

}  // namespace osprey::server
