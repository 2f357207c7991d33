// Rules: what the tags say, at one moment and now.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <utility>
#include <vector>

#include "server/db/database.h"
#include "server/tags/condition.h"
#include "server/tags/service.h"

namespace osprey::server::tags {

// The tags at one moment.
struct Rules {
  std::vector<Tag> tags;  // in the order of Tags::all()
  std::vector<std::pair<TagId, Condition>> conditions;
  std::int64_t query_revision = 0;  // of the newest query rule; 0: there is none

  // Null: there is none.
  const Tag* find(TagId id) const;
};
using RulesPtr = std::shared_ptr<const Rules>;

// The rules as the database had them when they were last read. Thread-safe.
class RuleBook {
 public:
  // `newer_queries`: called with the revision of query rules that are newer than those before, one call at a time.
  RuleBook(db::Database& database, std::function<void(std::int64_t)> newer_queries)
      : database_(database), newer_queries_(std::move(newer_queries)) {}

  RulesPtr rules() const;
  bool has_queries() const noexcept { return has_queries_; }

  // Reads them, and tells listeners of tags that are new, have another name or rank, or are gone.
  Result<void> reload();
  void add_listener(std::function<void(TagId)> listener);

 private:
  db::Database& database_;
  const std::function<void(std::int64_t)> newer_queries_;
  mutable std::mutex rules_mutex_;
  RulesPtr rules_ = std::make_shared<const Rules>();
  std::atomic<bool> has_queries_ = false;
  std::mutex reloading_;
  std::shared_mutex listeners_mutex_;
  std::vector<std::function<void(TagId)>> listeners_;
};

}  // namespace osprey::server::tags
