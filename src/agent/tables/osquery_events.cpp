#include <fmt/format.h>

#include <ranges>

#include "agent/events/event_capture.h"
#include "agent/events/event_demand.h"
#include "agent/tables/table.h"
#include "base/json.h"

namespace osprey::agent::tables {
namespace {

struct Row {
  std::string name;
  std::string publisher;
  std::string_view type;
  std::uint64_t subscriptions = 0;
  std::uint64_t events = 0;
  std::uint64_t refreshes = 0;
  bool active = false;
  std::string reason;
  std::optional<events::SourceCounts> counts;  // of publishers
};

std::uint64_t dropped(const events::SourceCounts& counts) {
  std::uint64_t sum = 0;
  for (const auto& drop : counts.dropped) sum += drop.count;
  return sum;
}

using Drops = std::vector<events::SourceCounts::Drop>;

template <Drops events::SourceCounts::* list>
std::string drops(const Row& row) {
  if (!row.counts) return {};
  std::string json = "{";
  const auto& list_of = (*row.counts).*list;
  for (const auto& drop : list_of) {
    if (json.size() > 1) json += ',';
    append_json_string(json, fmt::format("{}: {}", drop.stage, drop.reason));
    json += fmt::format(":{}", drop.count);
  }
  return json += '}';
}

std::string missing(const Row& row) {
  if (!row.counts) return {};
  std::string json = "[";
  for (const auto& what : row.counts->missing) {
    if (json.size() > 1) json += ',';
    append_json_string(json, what);
  }
  return json += ']';
}

Rows<Row> scan(const Scan& scan) {
  const auto* capture = scan.service<EventCapture>();
  if (!capture) co_return;
  const auto sources = capture->capture().sources();
  for (const auto& source : sources) {
    Row row{.name = std::string(name_of(source.origin)),
            .publisher = std::string(name_of(source.origin)),
            .type = "publisher",
            .subscriptions = source.kinds.count(),
            .events = source.counts.kept,
            .refreshes = source.openings,
            .active = source.kinds.any(),
            .reason = source.reason,
            .counts = source.counts};
    co_yield row;
  }
  const auto active = capture->active();
  const auto journaled = capture->capture().journaled();
  for (const auto& table : event_tables()) {
    Row row{.name = std::string(table.name),
            .publisher = std::string(table.publisher),
            .type = "subscriber",
            .events = journaled[table.kind],
            .active = false,
            .reason = {},
            .counts = {}};
    for (const auto& source : sources | std::views::filter([&](const auto& one) { return one.kinds.test(table.kind); }))
      row.publisher = name_of(source.origin);
    row.subscriptions = active.contains(table.name) ? 1 : 0;
    row.active = row.subscriptions == 1;
    co_yield row;
  }
}

}  // namespace

Table osquery_events() {
  return table("osquery_events", "Sources of events and the tables that take them.", scan)
      .column("name", TEXT, &Row::name, "Name of the publisher or subscriber.")
      .column("publisher", TEXT, &Row::publisher, "Name of the publisher: of a subscriber the one it listens to.")
      .column("type", TEXT, &Row::type, "publisher or subscriber.")
      .column("subscriptions", INTEGER, &Row::subscriptions,
              "Subscriptions that the publisher has or the subscriber holds.")
      .column("events", INTEGER, &Row::events, "Events since the program started.")
      .column("refreshes", INTEGER, &Row::refreshes, "Publishers: how often it was set up again.")
      .column("active", INTEGER, &Row::active, "1 if it runs, else 0.")
      .column("reason", &Row::reason, "Publishers: why it is used, or why not.", HIDDEN)
      .column(
          "seen", [](const Row& row) { return row.counts ? row.counts->seen : std::nullopt; },
          "Publishers: events that the kernel had, and what was made of them; NULL where it cannot be known. What is "
          "kept, filtered and dropped adds up to it.",
          HIDDEN)
      .column(
          "kept", [](const Row& row) { return row.counts ? std::optional(row.counts->kept) : std::nullopt; },
          "Publishers: events that were taken.", HIDDEN)
      .column(
          "filtered", [](const Row& row) { return row.counts ? row.counts->filtered : std::nullopt; },
          "Publishers: events that nobody wanted.", HIDDEN)
      .column(
          "dropped", [](const Row& row) { return row.counts ? std::optional(dropped(*row.counts)) : std::nullopt; },
          "Publishers: events that were lost.", HIDDEN)
      .column("drops", drops<&events::SourceCounts::dropped>,
              "Publishers: where and why they were lost, as a JSON object.", HIDDEN)
      .column("partial", drops<&events::SourceCounts::partial>,
              "Publishers: of the events that were taken those that lack a part, by where and why, as a JSON object.",
              HIDDEN)
      .column("missing", missing, "Publishers: what is asked for and this host refuses, as a JSON array of sentences.",
              HIDDEN)
      .column(
          "lag_us",
          [](const Row& row) -> std::optional<std::uint64_t> {
            if (!row.counts || !row.counts->lag) return std::nullopt;
            return *row.counts->lag / 1000;
          },
          "Publishers: microseconds between the newest event and its being read.", HIDDEN)
      .utility()
      .note("Rows come from the running agent; the shell has none.")
      .example("SELECT name, seen, kept, filtered, dropped FROM osquery_events WHERE type = 'publisher'");
}

}  // namespace osprey::agent::tables
