#include "agent/schedule/denylist.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace osprey::agent {
namespace {

using store::Family;

constexpr std::string_view kPrefix = "denylist.";

}  // namespace

std::string denylist_key(std::string_view name) { return fmt::format("{}{}", kPrefix, name); }

Denylist::Denylist(store::Store& store, const Clock& clock, Tick now) : store_(store), clock_(clock) {
  const auto last = store::prefix_end(kPrefix);
  for (const auto cursor = store.cursor(Family::configuration, kPrefix, last); cursor->valid(); cursor->next()) {
    auto value = cursor->value();  // Unix time of the end, the reason
    const auto end = parse<std::int64_t>(take_field(value)).value_or(0);
    const auto left = std::clamp<std::int64_t>(end - clock.unix_time(), 0, kTerm);
    entries_.emplace(cursor->key().substr(kPrefix.size()),
                     Entry{std::string(trim(value)), now + static_cast<Tick>(left)});
  }
  expire(now);
}

const Denylist::Entry* Denylist::find(std::string_view name, Tick now) const {
  const auto found = entries_.find(name);
  return found == entries_.end() || found->second.until <= now ? nullptr : &found->second;
}

void Denylist::add(const std::string& name, const std::string& reason, Tick now) {
  entries_.insert_or_assign(name, Entry{reason, now + kTerm});
  store::Batch batch;
  batch.put(Family::configuration, denylist_key(name),
            fmt::format("{} {}", clock_.unix_time() + static_cast<std::int64_t>(kTerm), reason));
  // Without room in the store the entry holds until the next start.
  static_cast<void>(store_.write(batch));
}

void Denylist::expire(Tick now) {
  store::Batch over;
  for (const auto& [name, entry] : entries_)
    if (entry.until <= now) over.erase(Family::configuration, denylist_key(name));
  if (over.empty()) return;
  std::erase_if(entries_, [&](const auto& one) { return one.second.until <= now; });
  static_cast<void>(store_.write(over));  // what stays in the store is over at the next start as well
}

}  // namespace osprey::agent
