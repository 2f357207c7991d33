#include <algorithm>
#include <vector>

#include "agent/flags/flags.h"
#include "agent/logging/sink.h"
#include "agent/logging/sink_runner.h"
#include "agent/tables/table.h"
#include "sql/registry.h"

namespace osprey::agent::tables {
namespace {

struct Plugin {
  std::string_view registry;
  std::string_view name;
  bool internal = false;
  bool active = true;

  // 0 is this program itself; extensions have numbers of their own.
  std::int64_t owner_uuid() const { return 0; }
};

Rows<Plugin> scan(const Scan& scan) {
  // What is built in besides tables.
  const auto* flags = scan.service<Flags>();
  const auto source = flags ? flags->text("config_plugin") : std::string_view("filesystem");
  for (Plugin plugin : {Plugin{"config", "filesystem", false, source != "tls"},
                        Plugin{"config", "tls", false, source == "tls"}, Plugin{"sql", "sql"}})
    co_yield plugin;
  const auto* sinks = scan.service<SinkRunners>();
  const auto working = sinks ? sinks->list() : std::vector<SinkReport>();
  for (const auto name : sink_names()) {
    Plugin plugin{"logger", name, false, std::ranges::find(working, name, &SinkReport::name) != working.end()};
    co_yield plugin;
  }
  const auto* registry = scan.service<Registry>();
  if (!registry) co_return;
  for (const auto name : registry->names()) {
    Plugin plugin{"table", name};
    co_yield plugin;
  }
}

}  // namespace

Table osquery_registry() {
  return table("osquery_registry", "What the program is made of: its tables and plugins.", scan)
      .column("registry", TEXT, &Plugin::registry, "The kind: table, config, logger, sql.")
      .column("name", TEXT, &Plugin::name, "Name of the table or plugin.")
      .column("owner_uuid", INTEGER, &Plugin::owner_uuid, "The extension it belongs to, 0 for the program itself.")
      .column("internal", INTEGER, &Plugin::internal, "1 if only the program itself uses it, else 0.")
      .column("active", INTEGER, &Plugin::active, "1 if it is in use, else 0.")
      .utility()
      .example("SELECT count(*) FROM osquery_registry WHERE registry = 'table'");
}

}  // namespace osprey::agent::tables
