#include "server/live/watches.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "server/api/json.h"
#include "server/api/problem.h"
#include "server/live/records.h"

namespace osprey::server::live {
namespace {

constexpr std::int64_t kProgressEvery = 500;     // ms
constexpr std::int64_t kKeepAliveEvery = 15000;  // ms; balancers end what is silent
constexpr std::size_t kUnsent = 1 << 20;         // bytes of a stream, then it waits for its reader

std::string event(std::string_view name, const boost::json::value& data) {
  return fmt::format("event: {}\ndata: {}\n\n", name, boost::json::serialize(data));
}

}  // namespace

void Watches::add(QueryId query, http::BodyStream stream) {
  ++streams_;
  const std::scoped_lock lock(mutex_);
  new_.push_back(Watch{.query = query, .stream = std::move(stream)});
}

void Watches::answered(QueryId query, std::int64_t batch) {
  const std::scoped_lock lock(mutex_);
  new_batches_.emplace_back(query, batch);
}

bool Watches::any() const {
  const std::scoped_lock lock(mutex_);
  return !watches_.empty() || !new_.empty();
}

void Watches::look_again() {
  for (auto& watch : watches_) watch.all = true;
}

void Watches::serve() {
  take_news();
  for (auto watch = watches_.begin(); watch != watches_.end();) {
    if (serve(*watch)) {
      ++watch;
    } else {
      watch = watches_.erase(watch);
      --streams_;
    }
  }
}

void Watches::take_news() {
  std::vector<std::pair<QueryId, std::int64_t>> batches;
  {
    const std::scoped_lock lock(mutex_);
    watches_.splice(watches_.end(), new_);
    batches.swap(new_batches_);
  }
  for (auto& watch : watches_)
    for (const auto& [query, batch] : batches)
      if (watch.query == query) watch.batches.insert(batch);
}

// False: the watch is over.
bool Watches::serve(Watch& watch) const {
  if (watch.stream.unsent() > kUnsent) return true;
  const auto now = clock_().ms;
  const auto query = find(database_, watch.query);
  if (!query) return query.error().code != api::kNotFound;
  if (!std::exchange(watch.begun, true) && !watch.stream.write(event("query", api::to_json(*query)))) return false;
  const bool ended = query->state != State::running;
  if (ended && !watch.last_look) watch.all = true;
  watch.last_look = ended;
  const auto sent = send_answers(watch);
  if (sent != Sent::everything) return sent == Sent::part;
  if ((ended || now - watch.progress_at >= kProgressEvery) && !send_progress(watch, now)) return false;
  if (ended) {
    watch.stream.write(event("done", api::to_json(*query)));
    watch.stream.finish();
    return false;
  }
  if (now - watch.spoke_at < kKeepAliveEvery) return true;
  watch.spoke_at = now;
  return watch.stream.write(": still here\n\n");
}

bool Watches::send_progress(Watch& watch, std::int64_t now) const {
  watch.progress_at = now;
  const auto stands = progress(database_, watch.query);
  if (!stands || *stands == watch.told) return true;
  watch.told = *stands;
  watch.spoke_at = now;
  return watch.stream.write(event("progress", api::to_json(*stands)));
}

// As much as the reader takes and the database gives.
Watches::Sent Watches::send_answers(Watch& watch) const {
  if (watch.all) {
    if (const auto sent = send_answers(watch, std::nullopt); sent != Sent::everything) return sent;
    watch.all = false;
    watch.batches.clear();
  }
  while (!watch.batches.empty()) {
    if (const auto sent = send_answers(watch, *watch.batches.begin()); sent != Sent::everything) return sent;
    watch.batches.erase(watch.batches.begin());
  }
  return Sent::everything;
}

Watches::Sent Watches::send_answers(Watch& watch, std::optional<std::int64_t> batch) const {
  HostsWanted wanted{.states = {HostState::answered, HostState::failed}, .batch = batch};
  for (;;) {
    if (watch.stream.unsent() > kUnsent) return Sent::part;
    const auto page = hosts_of(database_, watch.query, wanted);
    if (!page) return Sent::part;
    for (const auto& answer : *page) {
      wanted.after = answer.host;
      if (std::exchange(watch.sent[answer.host], answer.batch) == answer.batch) continue;
      if (!watch.stream.write(event("answer", api::to_json(answer)))) return Sent::gone;
      watch.spoke_at = clock_().ms;
    }
    if (static_cast<std::int64_t>(page->size()) < wanted.limit) return Sent::everything;
  }
}

}  // namespace osprey::server::live
