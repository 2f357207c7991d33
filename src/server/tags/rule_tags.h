// Tags that hosts have by rule: given and taken as conditions and answers to queries say.
#pragma once

#include <functional>
#include <vector>

#include "server/hosts/service.h"
#include "server/services.h"
#include "server/tags/rules.h"

namespace osprey::server::tags {

// Thread-safe.
class RuleTags {
 public:
  explicit RuleTags(const Services& services) : services_(services), hosts_(hosts::service(services)) {}

  // Holds the rules' conditions against hosts. `only_where_different`: memory is believed where a host has the tag and
  // should, or has it not and should not; why it has it is not looked at.
  Result<void> evaluate(const Rules& rules, std::vector<hosts::HostPtr> hosts, bool only_where_different);

  // Makes hosts have these tags by rule, or not, where that is different; `more` is written with it.
  Result<void> apply(const std::vector<hosts::TagChange>& wanted,
                     const std::function<Result<void>(db::Transaction&)>& more);

 private:
  const Services& services_;
  hosts::Service& hosts_;
};

}  // namespace osprey::server::tags
