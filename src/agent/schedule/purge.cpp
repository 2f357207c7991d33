#include "agent/schedule/purge.h"

#include <fmt/format.h>

#include "agent/schedule/denylist.h"
#include "agent/schedule/event_marks.h"
#include "agent/schedule/run_markers.h"
#include "agent/schedule/splay.h"
#include "base/text.h"

namespace osprey::agent {
namespace {

using store::Family;
using Names = std::set<std::string, std::less<>>;

constexpr std::string_view kGone = "gone.";  // and the name: Unix seconds since when

std::string gone_key(std::string_view name) { return fmt::format("{}{}", kGone, name); }

// What follows `prefix` in the keys that begin with it.
void add_names(const store::Store& store, Family family, const std::string& prefix, Names& names) {
  const auto last = store::prefix_end(prefix);
  for (const auto cursor = store.cursor(family, prefix, last); cursor->valid(); cursor->next())
    names.emplace(cursor->key().substr(prefix.size()));
}

}  // namespace

void purge_gone(store::Store& store, Differential& differential, const Names& scheduled, std::int64_t unix_time) {
  Names known;
  add_names(store, Family::statistics, {}, known);
  for (const auto& prefix : {splay_key({}), gone_key({}), denylist_key({}), suspect_key({})})
    add_names(store, Family::configuration, prefix, known);
  if (const auto names = differential.names()) known.insert(names->begin(), names->end());

  store::Batch batch;
  for (const auto& name : known) {
    const auto key = gone_key(name);
    const auto kept = store.get(Family::configuration, key);
    const auto since = kept && *kept ? parse<std::int64_t>(**kept) : std::nullopt;
    if (scheduled.contains(name)) {
      if (since) batch.erase(Family::configuration, key);
    } else if (!since || *since > unix_time) {  // the clock has gone back
      batch.put(Family::configuration, key, fmt::format("{}", unix_time));
    } else if (unix_time - *since >= kPurgeAfter) {
      // What cannot be forgotten now is tried again with the next configuration.
      if (!differential.forget(name)) continue;
      batch.erase(Family::statistics, name);
      batch.erase(Family::events, marks_key(name));
      for (const auto& own : {splay_key(name), key, denylist_key(name), suspect_key(name)})
        batch.erase(Family::configuration, own);
    }
  }
  if (!batch.empty()) static_cast<void>(store.write(batch));
}

}  // namespace osprey::agent
