#include "agent/tables/table.h"

namespace osprey::agent::tables {
namespace {

struct Source {
  std::string_view name;
  std::string_view publisher;
  std::string_view type;
  std::int64_t subscriptions = 0;
  std::int64_t events = 0;
  std::int64_t refreshes = 0;
  bool active = false;
};

// No source of events is built yet, so none is registered.
Rows<Source> scan(const Scan&) { co_return; }

}  // namespace

Table osquery_events() {
  return table("osquery_events", "Sources of events and the tables that take them.", scan)
      .column("name", TEXT, &Source::name, "Name of the publisher or subscriber.")
      .column("publisher", TEXT, &Source::publisher, "Name of the publisher: of a subscriber the one it listens to.")
      .column("type", TEXT, &Source::type, "publisher or subscriber.")
      .column("subscriptions", INTEGER, &Source::subscriptions,
              "Subscriptions that the publisher has or the subscriber "
              "holds.")
      .column("events", INTEGER, &Source::events, "Events since the program started.")
      .column("refreshes", INTEGER, &Source::refreshes, "Publishers: how often it was set up again.")
      .column("active", INTEGER, &Source::active, "1 if it runs, else 0.")
      .utility()
      .note("Events are not built yet: there are no rows.")
      .example("SELECT name, events FROM osquery_events WHERE active = 1");
}

}  // namespace osprey::agent::tables
