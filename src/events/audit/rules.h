// Which rules make the kernel tell what is wanted.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "events/audit/options.h"
#include "events/source.h"
#include "linux/audit/rule.h"

namespace osprey::events::audit {

// In the order in which they are to stand: never-rules first, the configuration's, then one for each architecture with
// all calls of which every answer is wanted, one with those of which only successes are, and a few for calls that are
// wanted with some arguments only. Each carries the options' key. None where the options forbid to set any.
//
// An error names the rule of the configuration that is wrong.
Result<std::vector<linux::AuditRule>> wanted_rules(const AuditOptions& options, const Demand& demand,
                                                   const std::string& own_executable);

}  // namespace osprey::events::audit
