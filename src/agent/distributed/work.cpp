#include "agent/distributed/work.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>
#include <optional>
#include <set>
#include <utility>

#include "base/json.h"

namespace osprey::agent {
namespace {

using store::Family;

constexpr std::string_view kServer = "server";    // as serve() was told
constexpr std::string_view kQueries = "query.";   // and the query's id: its SQL
constexpr std::string_view kAnswers = "answer.";  // and the query's id: a JSON object
constexpr std::string_view kRows = "rows.";  // and two ordered numbers, of the answer and of the piece: rows as JSON
constexpr std::size_t kPiece = 256 << 10;
constexpr std::uint64_t kBody = 4 << 20;
constexpr std::size_t kMostAnswers = 10'000;

std::string query_key(std::string_view id) { return fmt::format("{}{}", kQueries, id); }
std::string answer_key(std::string_view id) { return fmt::format("{}{}", kAnswers, id); }
std::string rows_key(std::uint64_t rows, std::uint64_t piece) {
  return fmt::format("{}{}{}", kRows, store::ordered(rows), store::ordered(piece));
}

std::unique_ptr<store::Cursor> all(const store::Store& store, std::string_view prefix) {
  return store.cursor(Family::distributed, prefix, store::prefix_end(prefix));
}

void erase_rows(std::uint64_t rows, std::uint64_t pieces, store::Batch& batch) {
  if (pieces > 0) batch.erase_range(Family::distributed, rows_key(rows, 0), rows_key(rows, pieces));
}

std::uint64_t number(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value && value->is_int64() ? static_cast<std::uint64_t>(std::max<std::int64_t>(value->get_int64(), 0)) : 0;
}

std::string text(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

}  // namespace

DistributedWork::DistributedWork(store::Store& store, Losses& losses) : store_(store), losses_(losses) {
  for (const auto cursor = all(store, kQueries); cursor->valid(); cursor->next())
    pending_.emplace(cursor->key().substr(kQueries.size()), cursor->value());
  load_answers();
  drop_orphans();
  server_ = store.get(Family::distributed, kServer).value_or(std::nullopt).value_or("");
}

void DistributedWork::serve(const std::string& server) {
  if (server.empty() || server == server_) return;
  store::Batch batch;
  batch.put(Family::distributed, kServer, server);
  if (!server_.empty()) {
    for (const auto& [id, waiting] : answers_) lose(waiting.bytes, true, "server changed");
    for (const auto prefix : {kQueries, kAnswers, kRows})
      batch.erase_range(Family::distributed, std::string(prefix), store::prefix_end(prefix));
    pending_.clear();
    answers_.clear();
    bytes_ = 0;
  }
  server_ = server;
  static_cast<void>(store_.write(batch));  // else again after a restart
}

void DistributedWork::load_answers() {
  for (const auto cursor = all(store_, kAnswers); cursor->valid(); cursor->next()) {
    boost::system::error_code error;
    const auto parsed = boost::json::parse(cursor->value(), error);
    const auto* kept = parsed.if_object();
    if (error || !kept) continue;
    Waiting waiting;
    waiting.answer.status = static_cast<int>(number(*kept, "status"));
    waiting.answer.message = text(*kept, "message");
    if (auto stats = text(*kept, "stats"); !stats.empty()) waiting.answer.stats = std::move(stats);
    waiting.rows = number(*kept, "rows");
    waiting.pieces = number(*kept, "pieces");
    waiting.bytes = number(*kept, "bytes");
    bytes_ += waiting.bytes;
    next_rows_ = std::max(next_rows_, waiting.rows + 1);
    answers_.emplace(cursor->key().substr(kAnswers.size()), std::move(waiting));
  }
}

// Rows that no answer names are of a query that did not come to its end.
void DistributedWork::drop_orphans() {
  std::set<std::uint64_t> known;
  for (const auto& [id, waiting] : answers_) known.insert(waiting.rows);
  store::Batch orphans;
  for (const auto cursor = all(store_, kRows); cursor->valid(); cursor->next()) {
    const auto rows = store::parse_ordered(cursor->key().substr(kRows.size(), sizeof(std::uint64_t)));
    if (!rows || !known.contains(*rows)) orphans.erase(Family::distributed, cursor->key());
    // Else what it cannot erase now would be taken for rows of the next answer.
    if (rows) next_rows_ = std::max(next_rows_, *rows + 1);
  }
  if (!orphans.empty()) static_cast<void>(store_.write(orphans));
}

void DistributedWork::accept(const Queries& queries) {
  store::Batch batch;
  for (const auto& [id, sql] : queries) {
    batch.put(Family::distributed, query_key(id), sql);
    pending_.insert_or_assign(id, sql);
  }
  // Without room in the store they are run all the same, and gone with the process.
  if (!batch.empty()) static_cast<void>(store_.write(batch));
}

void DistributedWork::begin() {
  current_ = {};
  current_.rows = next_rows_++;
  piece_.clear();
}

void DistributedWork::lose(std::uint64_t bytes, bool exact, const char* reason) {
  losses_.add("distributed", "results", reason, 1, bytes, exact);
}

Result<void> DistributedWork::add(std::string_view row) {
  const auto bytes = row.size() + 1;
  if (cap_ > 0 && bytes_ + current_.bytes + bytes > cap_) {
    lose(current_.bytes + bytes, false, "cap");
    return failure({}, fmt::format("the results exceed the {} MB that are kept for the server "
                                   "(--distributed_results_mb): ask for less",
                                   cap_ >> 20));
  }
  if (current_.bytes > 0) piece_ += ',';
  piece_ += row;
  current_.bytes += bytes;
  if (piece_.size() < kPiece) return {};
  store::Batch batch;
  batch.put(Family::distributed, rows_key(current_.rows, current_.pieces), piece_);
  if (const auto written = store_.write(batch); !written) {
    lose(current_.bytes, false, "store");
    return failure({}, fmt::format("the results could not be kept: {}", written.error().text()));
  }
  ++current_.pieces;
  piece_.clear();
  return {};
}

void DistributedWork::finish(const std::string& id, Answer answer, const store::Batch& mark) {
  auto finished = std::exchange(current_, {});
  const auto piece = std::exchange(piece_, {});
  finished.answer = std::move(answer);
  pending_.erase(id);
  auto batch = mark;
  batch.erase(Family::distributed, query_key(id));
  if (const auto before = answers_.find(id); before != answers_.end()) {
    erase_rows(before->second.rows, before->second.pieces, batch);
    bytes_ -= before->second.bytes;
    answers_.erase(before);
  }
  const auto in_store = finished.pieces;
  if (finished.answer.status != 0) {
    erase_rows(finished.rows, in_store, batch);
    finished.pieces = finished.bytes = 0;
  } else if (!piece.empty()) {
    batch.put(Family::distributed, rows_key(finished.rows, finished.pieces++), piece);
  }
  auto kept = fmt::format(R"({{"status":{},"rows":{},"pieces":{},"bytes":{},"message":)", finished.answer.status,
                          finished.rows, finished.pieces, finished.bytes);
  append_json_string(kept, finished.answer.message);
  kept += ",\"stats\":";
  append_json_string(kept, finished.answer.stats);
  batch.put(Family::distributed, answer_key(id), kept + '}');
  if (const auto written = store_.write(batch); !written) {
    // The answer is in memory only, so the query stays in the store: after a death it is run again. A failure has
    // nothing to lose.
    if (finished.answer.status == 0) {
      lose(finished.bytes, true, "store");
      finished.answer = {1, fmt::format("the results could not be kept: {}", written.error().text()), "{}"};
    }
    finished.pieces = finished.bytes = 0;
    auto rest = mark;
    erase_rows(finished.rows, in_store, rest);
    static_cast<void>(store_.write(rest));
  }
  bytes_ += finished.bytes;
  answers_.insert_or_assign(id, std::move(finished));
  if (answers_.size() > kMostAnswers) drop_first();
}

// A server that asks on and takes no answers.
void DistributedWork::drop_first() {
  const auto first = answers_.begin();
  lose(first->second.bytes, true, "cap");
  AnswersBody body;
  body.ids.push_back(first->first);
  taken(body);
}

void DistributedWork::give_up(const store::Batch& mark) {
  auto batch = mark;
  erase_rows(current_.rows, current_.pieces, batch);
  if (!batch.empty()) static_cast<void>(store_.write(batch));
  current_ = {};
  piece_.clear();
}

Result<AnswersBody> DistributedWork::next_body() const {
  AnswersBody body;
  std::string queries;
  std::string statuses;
  std::string messages;
  std::string stats;
  std::uint64_t bytes = 0;
  for (const auto& [id, waiting] : answers_) {
    bytes += waiting.bytes;
    if (!body.ids.empty() && bytes > kBody) break;
    std::string name;
    append_json_string(name, id);
    for (auto* member : {&queries, &statuses, &messages, &stats}) {
      if (!body.ids.empty()) *member += ',';
      (*member += name) += ':';
    }
    body.ids.push_back(id);
    queries += '[';
    for (std::uint64_t i = 0; i < waiting.pieces; ++i) {
      const auto piece = TRY(store_.get(Family::distributed, rows_key(waiting.rows, i)));
      queries += piece.value_or("");
    }
    queries += ']';
    statuses += fmt::format("{}", waiting.answer.status);
    append_json_string(messages, waiting.answer.message);
    stats += waiting.answer.stats;
  }
  body.members = fmt::format(R"("queries":{{{}}},"statuses":{{{}}},"messages":{{{}}},"stats":{{{}}})", queries,
                             statuses, messages, stats);
  return body;
}

void DistributedWork::fail_largest(const AnswersBody& body, std::string why) {
  const auto bytes = [&](const std::string& id) {
    const auto waiting = answers_.find(id);
    return waiting == answers_.end() ? 0 : waiting->second.bytes;
  };
  const auto largest = std::ranges::max_element(body.ids, {}, bytes);
  if (largest == body.ids.end() || bytes(*largest) == 0) return;
  lose(bytes(*largest), true, "refused");
  begin();
  finish(*largest, {1, std::move(why)});
}

void DistributedWork::taken(const AnswersBody& body) {
  store::Batch batch;
  for (const auto& id : body.ids) {
    const auto waiting = answers_.find(id);
    if (waiting == answers_.end()) continue;
    batch.erase(Family::distributed, answer_key(id));
    erase_rows(waiting->second.rows, waiting->second.pieces, batch);
    // It is still there where the answer could not be stored.
    if (!pending_.contains(id)) batch.erase(Family::distributed, query_key(id));
    bytes_ -= waiting->second.bytes;
    answers_.erase(waiting);
  }
  static_cast<void>(store_.write(batch));  // what only erases is let through; else they are sent once more
}

}  // namespace osprey::agent
