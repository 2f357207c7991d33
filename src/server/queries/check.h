// Whether an item can be a piece of a configuration.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "server/queries/item.h"

namespace osprey::server::queries {

// What a host would complain of and still run. An error (api::kInvalid): it would not take the item, or a query of the
// schedule cannot run on our agents and the draft is to be checked.
Result<std::vector<std::string>> check(const Draft& draft);

}  // namespace osprey::server::queries
