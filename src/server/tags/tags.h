// Tags: names for groups of hosts, given by hand, by an enrolment secret, or by rule.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "server/db/schema.h"
#include "server/hosts/host.h"

namespace osprey::server::tags {

using hosts::TagId;

struct Named {
  TagId id = 0;
  std::string name;
  std::int64_t rank = 0;
};

// Thread-safe, from memory. Those with a body are for what only some neighbours need; fakes may leave them out.
class Tags {
 public:
  virtual ~Tags() = default;
  // In the order in which what they bring is laid over each other: ascending by rank, and of equal rank the older
  // first. Where two tags of a host say different things, the later in this list wins.
  virtual std::vector<Named> all() const = 0;
  // An error (kNotFound) names the nearest right one.
  virtual Result<TagId> by_name(std::string_view name) const = 0;

  // Says what uses a tag ("secret 3 «web»", "pack 7 «base»"): as long as anything does the tag is not deleted, and its
  // page tells. May ask the database. Called for requests alone, none of which outlives who was added.
  using Uses = std::function<Result<std::vector<std::string>>(TagId)>;
  virtual void add_user(Uses) {}
  // Calls when a tag is made, changed (name, rank) or gone. On any thread; must not wait.
  virtual void add_listener(std::function<void(TagId)>) {}
};

db::Schema schema();

}  // namespace osprey::server::tags
