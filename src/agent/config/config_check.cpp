#include "agent/config/config_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "agent/config/auto_tables.h"
#include "agent/config/config_manager.h"
#include "agent/log.h"
#include "agent/sql_setup.h"

namespace osprey::agent {
namespace {

using protocol::Severity;

std::string line(const Program& program, Severity severity, std::string_view text) {
  if (program.osquery_compatible) return log_line(severity, text);
  return fmt::format("{}: {}\n", severity >= Severity::error ? "error" : "warning", text);
}

// What keeps a statement of `sql` from being prepared.
std::optional<sql::QueryError> prepare_error(sql::Connection& connection, std::string_view sql) {
  connection.begin({});
  for (;;) {
    const auto statement = connection.prepare(sql);
    if (!statement) return statement.error();
    if (!*statement) return std::nullopt;
  }
}

sql::ConnectionOptions with_tables(sql::ConnectionOptions options, const AutoTables& automatic) {
  options.extra_tables = automatic.tables;
  return options;
}

// Holds the configuration's SQL against the tables that there are.
class Preparer {
 public:
  Preparer(const Configuration& configuration, const sql::ConnectionOptions& options)
      : configuration_(configuration),
        automatic_(make_auto_tables(configuration.auto_tables, *options.registry, configuration.views)),
        connection_(with_tables(options, automatic_)) {}

  // A problem a line: where, and what is wrong.
  std::vector<std::string> problems() {
    for (const auto& note : automatic_.notes) problems_.push_back(fmt::format("{}: {}", note.where, note.text));
    for (const auto& [name, error] : view_errors()) add(fmt::format("views.{}", name), error);
    for (const auto& pack : configuration_.packs) check(pack);
    for (const auto& [source, decorators] : configuration_.decorators) {
      const auto where = [&name = source](std::string_view kind) {
        return fmt::format("{}: decorators.{}", name, kind);
      };
      for (const auto& sql : decorators.load) prepare(where("load"), sql);
      for (const auto& sql : decorators.always) prepare(where("always"), sql);
      for (const auto& [seconds, list] : decorators.interval)
        for (const auto& sql : list) prepare(where(fmt::format("interval.{}", seconds)), sql);
    }
    for (const auto& [category, list] : configuration_.files.path_queries)
      for (const auto& sql : list) prepare(fmt::format("file_paths_query.{}", category), sql);
    return std::move(problems_);
  }

  // Makes the views; those that cannot be, with why. They may stand on each other, in any order.
  std::map<std::string, sql::QueryError> view_errors() {
    std::map<std::string, sql::QueryError> errors;
    auto left = configuration_.views;
    const auto make = [&](const auto& view) {
      const auto& [name, text] = view;
      auto error = create_view(connection_, name, text);
      const auto quoted = sql::quoted_identifier(name);
      // What it stands on is looked for at its use only.
      if (!error) {
        error = prepare_error(connection_, fmt::format("SELECT * FROM {}", quoted));
        if (error) connection_.run(fmt::format("DROP VIEW {}", quoted));
      }
      if (error) errors.insert_or_assign(name, std::move(*error));
      return !error;
    };
    for (std::size_t before = left.size() + 1; left.size() < before;) {
      before = left.size();
      errors.clear();
      std::erase_if(left, make);
    }
    return errors;
  }

 private:
  void check(const protocol::Pack& pack) {
    const bool main = pack.name == "main" && pack.path.empty();
    const auto where = main ? fmt::format("{}: schedule", pack.source)
                            : fmt::format("{}: packs.{}", pack.path.empty() ? pack.source : pack.path, pack.name);
    for (const auto& sql : pack.discovery) prepare(where + ".discovery", sql);
    for (const auto& query : pack.queries)
      prepare(fmt::format("{}{}.{}", where, main ? "" : ".queries", query.name), query.sql);
  }

  void prepare(const std::string& where, std::string_view sql) {
    if (const auto error = prepare_error(connection_, sql)) add(where, *error);
  }

  void add(const std::string& where, const sql::QueryError& error) {
    problems_.push_back(fmt::format("{}: {}{}{}", where, error.message, error.hint.empty() ? "" : "; ", error.hint));
  }

  const Configuration& configuration_;
  AutoTables automatic_;
  sql::Connection connection_;
  std::vector<std::string> problems_;
};

// What osquery says of tables and views when it makes them.
std::string osquery_says(const Configuration& configuration, const sql::ConnectionOptions& options) {
  std::string lines;
  for (const auto& table : configuration.auto_tables)
    lines += options.registry->contains(table.name)
                 ? log_line(Severity::warning,
                            fmt::format("ATC Table: {} overrides core table; Refusing registration", table.name))
                 : log_line(Severity::info, fmt::format("ATC table: {} Registered", table.name));
  for (const auto& [name, error] : Preparer(configuration, options).view_errors())
    lines += log_line(Severity::info, fmt::format("Error creating view ({}): {}", name, error.message));
  return lines;
}

std::string summary(const Configuration& configuration, std::string_view path) {
  std::size_t queries = 0;
  for (const auto& pack : configuration.packs) queries += pack.queries.size();
  const auto packs = std::ranges::count_if(configuration.packs, [](const auto& pack) { return pack.name != "main"; });
  return fmt::format("{}: good: {} {} for this host, {} {}, {} {}\n", path, queries, queries == 1 ? "query" : "queries",
                     packs, packs == 1 ? "pack" : "packs", configuration.views.size(),
                     configuration.views.size() == 1 ? "view" : "views");
}

}  // namespace

ConfigAnswer check_config(const Program& program, const Flags& flags, const sql::ConnectionOptions& connection) {
  ConfigAnswer answer;
  const auto tell = [&](Severity severity, const std::string& text) {
    answer.errors += line(program, severity, text);
    if (!program.osquery_compatible) answer.status = 1;
  };
  auto plugin = make_config_plugin(flags, program, [&](const std::string& text) { tell(Severity::warning, text); });
  if (!plugin) {
    answer.status = kCatastrophic;
    answer.errors = line(program, Severity::error, plugin.error().text());
    return answer;
  }
  ConfigManager manager({.program = program, .base = flags, .plugin = std::move(*plugin), .tell = tell});
  const auto loaded = manager.load();
  if (!loaded) answer.status = 1;
  const auto configuration = manager.current();
  if (program.osquery_compatible) {
    answer.errors += loaded ? osquery_says(*configuration, connection) : osquery_failure(loaded.error()) + '\n';
    return answer;
  }
  for (const auto& problem : Preparer(*configuration, connection).problems()) tell(Severity::warning, problem);
  if (answer.status == 0) answer.output = summary(*configuration, flags.text("config_path"));
  return answer;
}

Result<std::string> dump_config(const Program& program, const Flags& flags) {
  const auto plugin = TRY(make_config_plugin(flags, program, nullptr));
  std::string text;
  for (const auto& [name, source] : TRY(plugin->fetch())) {
    if (!source) return std::unexpected(source.error());
    text += fmt::format("{{\"{}\": {}}}\n", name, *source);
  }
  return text;
}

}  // namespace osprey::agent
