// Where YARA rules may be fetched from: signature_urls of the configuration.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace osprey::tables {

// Whether one of `allowed` has the scheme and the host (with its port) of `url`, and a path that, as a regular
// expression (ECMAScript's), is the whole of its path and query. An error says what is wrong with `url`, or that none
// allows it. A path that the server may read as another (with "..", say) is allowed by none.
Result<void> check_rule_url(std::string_view url, const std::vector<std::string>& allowed);

}  // namespace osprey::tables
