// Which rules make the kernel tell what is wanted.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "events/audit/options.h"
#include "events/source.h"
#include "linux/audit/rule.h"

namespace osprey::events::audit {

// In the order in which they are to stand: never-rules first, the demand's filters, then one for each architecture with
// all calls of which every answer is wanted, one with those of which only successes are, and a few for calls that are
// wanted with some arguments only. Each carries the options' key. None where the options forbid to set any.
//
// An error names the rule of the configuration that is wrong.
Result<std::vector<linux::AuditRule>> wanted_rules(const AuditOptions& options, const Demand& demand,
                                                   const std::string& own_executable);

// Whether an event that is asked for has its command line from a PROCTITLE record; an exec has it from its arguments.
bool reads_titles(const AuditOptions& options, const Demand& demand);

// What the kernel is given of the demand's filters, in their order: nothing of those that it cannot decide, or that
// must not be decided before one that it cannot.
struct FilterRules {
  std::size_t filter = 0;
  std::vector<linux::AuditRule> rules;  // one for each architecture; without calls that nobody asks for
  std::string reason;                   // why there are none
};
std::vector<FilterRules> filter_rules(const AuditOptions& options, const Demand& demand);

}  // namespace osprey::events::audit
