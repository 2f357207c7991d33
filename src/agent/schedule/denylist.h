// Denylist: queries that did the agent harm, each with the reason, for a day.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "agent/schedule/clock.h"
#include "store/store.h"

namespace osprey::agent {

// The key of a query's entry.
std::string denylist_key(std::string_view name);

// Not thread-safe.
class Denylist {
 public:
  static constexpr Tick kTerm = 86400;  // seconds

  struct Entry {
    std::string reason;
    Tick until = 0;
  };

  // Takes over what is in the store. An entry made under a clock that was ahead lasts a term from now at most.
  Denylist(store::Store& store, const Clock& clock, Tick now);

  // Null if the query is not on the list or its term is over.
  const Entry* find(std::string_view name, Tick now) const;
  void add(const std::string& name, const std::string& reason, Tick now);
  // Takes off whose term is over.
  void expire(Tick now);

 private:
  store::Store& store_;
  const Clock& clock_;
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace osprey::agent
