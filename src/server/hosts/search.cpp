#include "server/hosts/search.h"

#include <algorithm>

#include "base/text.h"
#include "server/hosts/facts.h"

namespace osprey::server::hosts {
namespace {

bool contains(std::string_view text, std::string_view lower_word) {
  const auto same = [](char a, char b) { return to_lower(a) == b; };
  return std::search(text.begin(), text.end(), lower_word.begin(), lower_word.end(), same) != text.end();
}

class Matcher {
 public:
  Matcher(const Filter& filter, const StatusRule& rule, Timestamp now)
      : filter_(filter), rule_(rule), now_(now), word_(to_lower(filter.text)) {}

  bool operator()(const Host& host, Timestamp last_seen) const {
    if (filter_.status && rule_.status(host.promise, last_seen, now_) != *filter_.status) return false;
    if (filter_.platform && host.platform != *filter_.platform) return false;
    if (filter_.version && host.version != *filter_.version) return false;
    for (const auto tag : filter_.tags)
      if (!std::ranges::binary_search(host.tags, tag)) return false;
    if (word_.empty()) return true;
    for (const auto* text : {&host.name, &host.identifier, &host.uuid, &host.address, &host.platform, &host.serial})
      if (contains(*text, word_)) return true;
    return false;
  }

 private:
  const Filter& filter_;
  const StatusRule& rule_;
  const Timestamp now_;
  const std::string word_;
};

// A value to sort by; texts are views into the host.
struct Key {
  std::string_view text;
  std::int64_t number = 0;
  HostId host = 0;
};

Key key_of(const Host& host, Timestamp last_seen, Sort sort) {
  switch (sort) {
    case Sort::name:
      return {host.name, 0, host.id};
    case Sort::last_seen:
      return {{}, last_seen.ms, host.id};
    case Sort::enrolled:
      return {{}, host.enrolled.ms, host.id};
    case Sort::platform:
      return {host.platform, 0, host.id};
    case Sort::version:
      return {host.version, 0, host.id};
  }
  return {};
}

bool is_number(Sort sort) { return sort == Sort::last_seen || sort == Sort::enrolled; }

// A total order: the number of the host decides between equals.
struct Before {
  Sort sort;
  bool descending;
  bool operator()(const Key& a, const Key& b) const { return descending ? less(b, a) : less(a, b); }
  bool less(const Key& a, const Key& b) const {
    if (a.number != b.number) return a.number < b.number;
    const auto order = compare(sort == Sort::version ? Order::version : Order::text, a.text, b.text);
    return order != 0 ? order < 0 : a.host < b.host;
  }
};

}  // namespace

std::vector<std::string> keys_of(const Found& found, Sort sort) {
  const auto key = key_of(*found.host, found.last_seen, sort);
  return {is_number(sort) ? std::to_string(key.number) : std::string(key.text), std::to_string(key.host)};
}

FoundPage search(const Roster& roster, const Wanted& wanted, const StatusRule& rule, Timestamp now) {
  const Matcher matches(wanted.filter, rule, now);
  const Before before{wanted.sort, wanted.descending};
  std::optional<Key> after;
  if (wanted.after.size() == kCursorKeys) {
    after = Key{.host = parse<HostId>(wanted.after[1]).value_or(0)};
    if (is_number(wanted.sort))
      after->number = parse<std::int64_t>(wanted.after[0]).value_or(0);
    else
      after->text = wanted.after[0];
  }

  struct Candidate {
    Key key;
    Found found;
  };
  const auto order = [&](const Candidate& a, const Candidate& b) { return before(a.key, b.key); };
  // The best so far as a heap, the worst on top: a page is small beside a fleet.
  std::vector<Candidate> best;
  const auto room = wanted.limit + 1;
  roster.visit([&](const HostPtr& host, const Signs& signs) {
    const auto seen = last_of(signs);
    const auto key = key_of(*host, seen, wanted.sort);
    if (after && !before(*after, key)) return;
    if (best.size() == room && !before(key, best.front().key)) return;
    if (!matches(*host, seen)) return;
    if (best.size() == room) {
      std::ranges::pop_heap(best, order);
      best.pop_back();
    }
    best.push_back({key, {host, seen}});
    std::ranges::push_heap(best, order);
  });
  std::ranges::sort_heap(best, order);

  FoundPage page;
  page.more = best.size() == room;
  if (page.more) best.pop_back();
  for (auto& candidate : best) page.hosts.push_back(std::move(candidate.found));
  return page;
}

HostCounts count(const Roster& roster, const Filter& filter, const StatusRule& rule, Timestamp now) {
  const Matcher matches(filter, rule, now);
  HostCounts counts;
  std::array<std::int64_t, api::EnumNames<Status>::kNames.size()> by_status{};
  roster.visit([&](const HostPtr& host, const Signs& signs) {
    const auto seen = last_of(signs);
    if (!matches(*host, seen)) return;
    ++counts.total;
    ++by_status[static_cast<std::size_t>(rule.status(host->promise, seen, now))];
    ++counts.platform[host->platform];
    ++counts.version[host->version];
  });
  for (const auto& [status, name] : api::EnumNames<Status>::kNames)
    counts.status[std::string(name)] = by_status[static_cast<std::size_t>(status)];
  return counts;
}

}  // namespace osprey::server::hosts
