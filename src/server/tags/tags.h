// Tags: names for groups of hosts, given by hand, by an enrolment secret, or by rule.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "server/db/schema.h"
#include "server/hosts/host.h"

namespace osprey::server::tags {

using hosts::TagId;

struct Named {
  TagId id = 0;
  std::string name;
};

// Thread-safe, from memory.
class Tags {
 public:
  virtual ~Tags() = default;
  virtual std::vector<Named> all() const = 0;
  // An error (kNotFound) names the nearest right one.
  virtual Result<TagId> by_name(std::string_view name) const = 0;
};

db::Schema schema();

}  // namespace osprey::server::tags
