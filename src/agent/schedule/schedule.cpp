#include "agent/schedule/schedule.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/program.h"

namespace osprey::agent {
namespace {

constexpr std::string_view kMainPack = "main";

// The first multiple of `splay` at or after `tick`.
Tick multiple_from(Tick tick, std::uint64_t splay) { return (tick + splay - 1) / splay * splay; }

}  // namespace

ScheduledPack* Schedule::find(const PackId& id) {
  const auto found = std::ranges::find(packs_, id, &ScheduledPack::id);
  return found == packs_.end() ? nullptr : &*found;
}

bool Schedule::is_active(const PackId& pack) const {
  const auto found = std::ranges::find(packs_, pack, &ScheduledPack::id);
  return found != packs_.end() && found->active();
}

std::set<PackId> Schedule::discovered_packs() const {
  std::set<PackId> found;
  for (const auto& pack : packs_)
    if (pack.active() && !pack.discovery.empty()) found.insert(pack.id);
  return found;
}

void Schedule::apply(const Configuration& configuration, unsigned shard_number, const SplayOf& splay_of, Tick now) {
  const auto packs_before = std::move(packs_);
  const auto queries_before = std::move(queries_);
  packs_.clear();
  queries_.clear();
  const auto& flags = configuration.flags;
  refresh_ = static_cast<std::uint64_t>(std::max<std::int64_t>(flags.number("pack_refresh_interval"), 1));
  const auto default_interval =
      static_cast<std::uint64_t>(std::max<std::int64_t>(flags.number("schedule_default_interval"), 1));
  for (const auto& pack : configuration.packs) {
    ScheduledPack scheduled{
        {pack.source, pack.name}, pack.platform, pack.version, pack.shard.value_or(0), pack.discovery};
    scheduled.for_this_host = is_for_host(pack, kOsqueryVersion, shard_number);
    const auto before = std::ranges::find(packs_before, scheduled.id, &ScheduledPack::id);
    if (before != packs_before.end() && before->discovery == scheduled.discovery) {
      scheduled.discovered = before->discovered;
      scheduled.discovered_at = before->discovered_at;
      scheduled.cache_hits = before->cache_hits;
      scheduled.executions = before->executions;
    }
    packs_.push_back(scheduled);
    if (scheduled.for_this_host && scheduled.discovery.empty() && !scheduled.discovered)
      discovered({.kind = Job::Kind::discovery, .pack = scheduled.id}, true, now);
    if (!scheduled.for_this_host) continue;
    const auto first = static_cast<std::ptrdiff_t>(queries_.size());
    for (const auto& query : pack.queries) {
      ScheduledQuery one{query.name, scheduled.id, query, query.interval.value_or(default_interval)};
      if (pack.name != kMainPack)
        one.name = fmt::format("pack{0}{1}{0}{2}", flags.text("pack_delimiter"), pack.name, query.name);
      const auto known = std::ranges::find_if(
          queries_before, [&](const auto& old) { return old.pack == one.pack && old.name == one.name; });
      if (known != queries_before.end() && known->interval == one.interval) {
        one.splay = known->splay;
        one.due = known->due;
        one.at_start = known->at_start;
      } else {
        one.splay = std::max<std::uint64_t>(splay_of(one.name, one.interval), 1);
        one.due = multiple_from(started_ ? now + 1 : now, one.splay);
        one.at_start = !started_ && query.startup_priority.has_value();
      }
      queries_.push_back(std::move(one));
    }
    std::stable_sort(queries_.begin() + first, queries_.end(), [](const auto& a, const auto& b) {
      return std::pair(a.priority(), std::string_view(a.name)) < std::pair(b.priority(), std::string_view(b.name));
    });
  }

  std::map<std::uint64_t, Tick> due;
  bool decorated = false;
  if (!flags.boolean("disable_decorators")) {
    for (const auto& [source, decorators] : configuration.decorators) {
      decorated = decorated || !decorators.load.empty();
      for (const auto& [seconds, queries] : decorators.interval) {
        if (seconds == 0) continue;
        const auto known = decorators_due_.find(seconds);
        due[seconds] = known == decorators_due_.end() ? multiple_from(now + 1, seconds) : known->second;
      }
    }
  }
  decorators_due_ = std::move(due);
  load_pending_ = decorated;
  check_pending_ = true;
  started_ = true;
}

std::optional<Job> Schedule::take_decorators(Tick now) {
  if (decorators_running_) return std::nullopt;
  Job job{Job::Kind::interval_decorators};
  for (auto& [seconds, due] : decorators_due_) {
    if (due > now) continue;
    job.intervals.push_back(seconds);
    due = multiple_from(now + 1, seconds);
  }
  if (job.intervals.empty()) return std::nullopt;
  decorators_running_ = true;
  return job;
}

std::optional<Job> Schedule::take_discovery(Tick now) {
  for (auto& pack : packs_) {
    if (!pack.for_this_host || pack.discovering) continue;
    if (pack.discovered && now < pack.discovered_at + refresh_) continue;
    Job job{Job::Kind::discovery};
    job.pack = pack.id;
    job.discovery = pack.discovery;
    pack.discovering = true;
    if (!pack.discovery.empty()) return job;
    discovered(job, true, now);
  }
  return std::nullopt;
}

ScheduledQuery* Schedule::most_urgent(Tick now) {
  ScheduledQuery* best = nullptr;
  for (auto& query : queries_) {
    if (running_.contains(query.name) || !is_active(query.pack)) continue;
    if (query.at_start) {
      // One after the other, in their order.
      if (starting_) continue;
      const auto order = [](const ScheduledQuery& one) {
        return std::pair(one.priority(), std::string_view(one.name));
      };
      if (!best || !best->at_start || order(query) < order(*best)) best = &query;
    } else if (query.due <= now) {
      if (!best || (!best->at_start && query.due < best->due)) best = &query;
    }
  }
  return best;
}

std::optional<Job> Schedule::take(Tick now, const IsSuspect& is_suspect) {
  if (load_pending_ && !load_running_) {
    load_pending_ = false;
    load_running_ = true;
    return Job{Job::Kind::load_decorators};
  }
  auto discovery = take_discovery(now);
  if (now != looked_) {
    for (auto& pack : packs_)
      if (pack.discovered) ++pack.cache_hits;
    looked_ = now;
  }
  if (discovery) return discovery;
  if (auto decorators = take_decorators(now)) return decorators;
  // The first lines have the decorations already.
  if (load_running_ || alone_) return std::nullopt;
  if (auto* best = most_urgent(now)) {
    if (is_suspect(best->name)) {
      if (!running_.empty()) return std::nullopt;
      alone_ = true;
    }
    Job job{Job::Kind::query};
    job.query = *best;
    starting_ = starting_ || best->at_start;
    best->at_start = false;
    running_.insert(best->name);
    return job;
  }
  if (!check_pending_) return std::nullopt;
  check_pending_ = false;
  return Job{Job::Kind::check};
}

void Schedule::finished(const Job& job, Tick now) {
  switch (job.kind) {
    case Job::Kind::load_decorators:
      load_running_ = false;
      break;
    case Job::Kind::interval_decorators:
      decorators_running_ = false;
      break;
    case Job::Kind::discovery:
    case Job::Kind::check:
      break;
    case Job::Kind::query:
      if (job.query.at_start) starting_ = false;
      alone_ = false;
      running_.erase(job.query.name);
      for (auto& query : queries_)
        if (query.pack == job.query.pack && query.name == job.query.name)
          query.due = multiple_from(now + 1, query.splay);
      break;
  }
}

void Schedule::discovered(const Job& job, bool answer, Tick now) {
  auto* pack = find(job.pack);
  if (!pack || pack->discovery != job.discovery) return;
  pack->discovering = false;
  pack->discovered = answer;
  pack->discovered_at = now;
  ++pack->executions;
}

std::optional<Tick> Schedule::next(Tick now) const {
  std::optional<Tick> earliest;
  const auto consider = [&](Tick due) {
    if (due > now && (!earliest || due < *earliest)) earliest = due;
  };
  for (const auto& query : queries_)
    if (!running_.contains(query.name) && is_active(query.pack)) consider(query.due);
  for (const auto& pack : packs_)
    if (pack.for_this_host && pack.discovered) consider(pack.discovered_at + refresh_);
  for (const auto& [seconds, due] : decorators_due_) consider(due);
  return earliest;
}

}  // namespace osprey::agent
