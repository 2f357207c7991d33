#include "server/tags/query_rules.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "base/text.h"

namespace osprey::server::tags {
namespace {

using hosts::HostId;

constexpr std::size_t kMostError = 1000;
constexpr std::size_t kHostsAMessage = 300;

std::optional<TagId> asked_in(std::string_view id, const Rules& rules) {
  if (!id.starts_with(QueryRules::kPrefix)) return std::nullopt;
  id.remove_prefix(QueryRules::kPrefix.size());
  const auto tag = parse<TagId>(take_until(id, ':'));
  const auto revision = parse<std::int64_t>(id);
  const auto* rule = tag ? rules.find(*tag) : nullptr;
  return rule && revision == rule->revision && !rule->query.empty() ? tag : std::nullopt;
}

}  // namespace

Result<void> QueryRules::start() {
  std::unordered_map<HostId, Round> known;
  for (const auto& round : TRY(services_.database->read([](soci::session& sql) { return load_rounds(sql); })))
    known.emplace(round.host, round);
  for (const auto& host : hosts_.all()) {
    const auto& round = known[host->id];
    rounds_.start(host->id, round.ended, services_.clock(), round.revision);
  }
  evaluations_ = std::make_unique<db::GroupCommit<Evaluation>>(
      db::GroupCommit<Evaluation>::Options{.most_items = 500, .linger = std::chrono::milliseconds(20)},
      [this](std::span<Evaluation> items) { return keep(items); });
  return {};
}

bool QueryRules::has(HostId host) const { return book_.has_queries() && rounds_.due(host, services_.clock()); }

void QueryRules::take(HostId host, std::vector<agents::Ask>& asks) {
  if (!book_.has_queries() || !rounds_.ask(host, services_.clock())) return;
  const auto rules = book_.rules();
  for (const auto& tag : rules->tags)
    if (!tag.query.empty())
      asks.push_back({.id = fmt::format("{}{}:{}", kPrefix, tag.id, tag.revision), .sql = tag.query});
}

void QueryRules::accept(HostId host, const std::vector<agents::Answer>& answers,
                        std::function<void(const Result<void>&)> done) {
  const auto rules = book_.rules();
  std::set<TagId> wanted;
  for (const auto& tag : rules->tags)
    if (!tag.query.empty()) wanted.insert(tag.id);
  Evaluation evaluation{.round = {.host = host, .ended = services_.clock()}, .verdicts = {}};
  for (const auto& answer : answers) {
    // An answer to a rule as it was before is not one to what it says now.
    const auto tag = asked_in(answer.id, *rules);
    if (tag && wanted.erase(*tag) > 0)
      evaluation.verdicts.push_back(verdict_of(*tag, answer));
    else
      ++dropped_answers_;
  }
  if (evaluation.verdicts.empty()) return done({});
  const auto known = hosts_.look_up(host);
  if (!known) return done(std::unexpected(known.error()));
  if (!*known) return done({});
  if (wanted.empty()) evaluation.round.revision = rules->query_revision;
  if (!evaluations_->add(std::move(evaluation), done))
    done(std::unexpected(Error{db::kUnavailable, "tags", "too many answers are waiting to be written"}));
}

QueryRules::Evaluation::Verdict QueryRules::verdict_of(TagId tag, const agents::Answer& answer) {
  if (answer.failed)
    return {tag, false, answer.message.empty() ? "the host says no more" : answer.message.substr(0, kMostError)};
  auto rows = trim(answer.rows);
  if (rows.empty()) return {.tag = tag};
  if (rows.size() < 2 || rows.front() != '[' || rows.back() != ']') return {tag, false, "the rows are not an array"};
  return {.tag = tag, .has = !trim(rows.substr(1, rows.size() - 2)).empty()};
}

void QueryRules::hurry(std::int64_t revision) {
  std::vector<HostId> behind;
  for (const auto& host : hosts_.all())
    if (rounds_.ended(host->id).revision < revision && rounds_.hurry(host->id)) behind.push_back(host->id);
  wake(behind);
}

void QueryRules::take_in(const std::unordered_set<HostId>& changed) {
  std::vector<HostId> to_ask;
  for (const auto id : changed) {
    const auto host = hosts_.find(id);
    if (!host) {
      rounds_.forget(id);
    } else if (!rounds_.knows(id)) {
      rounds_.start(id, {}, services_.clock());
      to_ask.push_back(id);
    } else if (rounds_.hurry_after(id, host->enrolled_again)) {
      to_ask.push_back(id);
    }
  }
  if (book_.has_queries()) wake(to_ask);
}

void QueryRules::wake(const std::vector<HostId>& hosts) const {
  if (services_.held_reads && !hosts.empty()) services_.held_reads->wake(hosts);
}

void QueryRules::heard(std::string_view rounds) {
  const auto ended = parse<std::int64_t>(take_field(rounds));
  const auto revision = parse<std::int64_t>(take_field(rounds));
  while (ended && revision) {
    const auto host = parse<HostId>(take_field(rounds));
    if (!host) break;
    rounds_.finish(*host, Timestamp{*ended}, *revision);
  }
}

Service::Evaluated QueryRules::evaluated(HostId host) const {
  const auto ended = rounds_.ended(host);
  return {ended.at, ended.revision};
}

Service::Counts QueryRules::counts() const {
  return {.rounds = ended_, .failed_answers = failed_answers_, .dropped_answers = dropped_answers_};
}

// On the group's thread.
Result<void> QueryRules::keep(std::span<Evaluation> items) {
  std::vector<hosts::TagChange> wanted;
  for (const auto& item : items)
    for (const auto& verdict : item.verdicts)
      if (verdict.error.empty()) wanted.push_back({item.round.host, verdict.tag, verdict.has});
  TRY(given_.apply(wanted, [&](db::Transaction& transaction) -> Result<void> {
    for (const auto& item : items) write(transaction.sql(), item);
    tell(transaction, items);
    return {};
  }));
  for (const auto& item : items) {
    failed_answers_ += static_cast<std::uint64_t>(
        std::ranges::count_if(item.verdicts, [](const auto& verdict) { return !verdict.error.empty(); }));
    if (item.round.revision == 0) continue;
    ++ended_;
    rounds_.finish(item.round.host, item.round.ended, item.round.revision);
  }
  return {};
}

void QueryRules::write(soci::session& sql, const Evaluation& item) {
  std::vector<TagId> good;
  for (const auto& verdict : item.verdicts) {
    if (verdict.error.empty())
      good.push_back(verdict.tag);
    else
      write_fault(sql, {verdict.tag, item.round.host, item.round.ended, verdict.error});
  }
  delete_faults(sql, item.round.host, good);
  if (item.round.revision != 0) write_round(sql, item.round);
}

void QueryRules::tell(db::Transaction& transaction, std::span<Evaluation> items) const {
  std::map<std::pair<std::int64_t, std::int64_t>, std::vector<HostId>> rounds;
  for (const auto& item : items)
    if (item.round.revision != 0) rounds[{item.round.ended.ms, item.round.revision}].push_back(item.round.host);
  for (const auto& [when, hosts] : rounds) {
    for (std::span<const HostId> rest = hosts; !rest.empty();) {
      const auto some = rest.first(std::min(kHostsAMessage, rest.size()));
      rest = rest.subspan(some.size());
      transaction.notify(std::string(kChannel),
                         fmt::format("rounds {} {} {} {}", sender_, when.first, when.second, fmt::join(some, " ")));
    }
  }
}

}  // namespace osprey::server::tags
