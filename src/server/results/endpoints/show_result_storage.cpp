#include "server/api/endpoint.h"
#include "server/results/results.h"

namespace osprey::server {
namespace {

struct Day {
  std::string day;
  std::int64_t rows = 0;
  static constexpr std::string_view kTypeName = "ResultDay";
  static constexpr auto fields() {
    return std::tuple(api::field("day", &Day::day, "The day in UTC: \"2026-11-22\"."),
                      api::field("rows", &Day::rows, "Rows received on it, about."));
  }
};

struct Storage {
  std::int64_t rows = 0, bytes = 0, keep_days = 0, keep_bytes = 0;
  std::map<std::string, std::int64_t> keep_query_days;
  std::optional<Timestamp> oldest, newest;
  std::vector<Day> days;
  static constexpr std::string_view kTypeName = "ResultStorage";
  static constexpr auto fields() {
    return std::tuple(
        api::field("rows", &Storage::rows, "Rows that are stored, about."),
        api::field("bytes", &Storage::bytes, "What they take in the database; on SQLite, what all takes."),
        api::field("keep_days", &Storage::keep_days, "How many days rows are kept."),
        api::field("keep_bytes", &Storage::keep_bytes, "How much they may take; 0: as much as there is."),
        api::field("keep_query_days", &Storage::keep_query_days, "The days of queries that have their own, by name.",
                   {.most = results::kMostQueriesWithDays}),
        api::field("oldest", &Storage::oldest, "When the oldest was received."),
        api::field("newest", &Storage::newest, "When the newest was received."),
        api::field("days", &Storage::days, "The newest first."));
  }
};

Result<Storage> handle(const api::Nothing&, const api::Context& context) {
  const auto statistics = TRY(context.services.results->statistics());
  const auto kept = TRY(context.services.results->retention());
  Storage storage{.rows = statistics.rows,
                  .bytes = statistics.bytes,
                  .keep_days = kept.days,
                  .keep_bytes = kept.bytes,
                  .keep_query_days = kept.queries,
                  .oldest = statistics.oldest,
                  .newest = statistics.newest};
  constexpr std::int64_t kDay = 86'400'000;
  for (const auto& [day, rows] : statistics.days)
    storage.days.push_back({to_rfc3339({day * kDay}).substr(0, 10), rows});
  return storage;
}

}  // namespace

api::Endpoint show_result_storage() {
  return api::endpoint(http::Method::get, "/api/v1/results/storage", api::Permission::view,
                       "How many rows are stored, what they take and how long they are kept.", handle);
}

}  // namespace osprey::server
