// Live: questions to hosts now, answered while they come.
#pragma once

#include "server/agents/query_source.h"
#include "server/db/schema.h"

namespace osprey::server::live {

// Thread-safe. The source of the queries that hosts are asked live.
class Live : public agents::QuerySource {};

db::Schema schema();

}  // namespace osprey::server::live
