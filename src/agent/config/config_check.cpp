#include "agent/config/config_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "agent/config/config_manager.h"
#include "agent/sql_setup.h"
#include "agent/log.h"

namespace osprey::agent {
namespace {

constexpr int kCatastrophic = 78;  // osquery's exit status for what ends everything

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

// Holds the configuration's SQL against the tables that there are.
class Preparer {
 public:
  Preparer(const Configuration& configuration, const sql::ConnectionOptions& options)
      : configuration_(configuration), connection_(options) {}

  // A problem a line: where, and what is wrong.
  std::vector<std::string> problems() {
    stand_in_for_auto_tables();
    create_views();
    for (const auto& pack : configuration_.packs) check(pack);
    for (const auto& [source, decorators] : configuration_.decorators) {
      const auto where = [&](std::string_view kind) { return fmt::format("{}: decorators.{}", source, kind); };
      for (const auto& sql : decorators.load) prepare(where("load"), sql);
      for (const auto& sql : decorators.always) prepare(where("always"), sql);
      for (const auto& [seconds, list] : decorators.interval)
        for (const auto& sql : list) prepare(where(fmt::format("interval.{}", seconds)), sql);
    }
    for (const auto& [category, list] : configuration_.files.path_queries)
      for (const auto& sql : list) prepare(fmt::format("file_paths_query.{}", category), sql);
    return std::move(problems_);
  }

 private:
  // Views with the columns that the tables will have.
  void stand_in_for_auto_tables() {
    for (const auto& table : configuration_.auto_tables) {
      if (connection_.registry().contains(table.name)) {
        problems_.push_back(fmt::format("auto_table_construction.{}: there is a table of this name", table.name));
        continue;
      }
      std::string columns;
      for (const auto& column : table.columns)
        if (column != "path") columns += fmt::format("'' AS {}, ", sql::quoted_identifier(column));
      const auto sql =
          fmt::format("CREATE VIEW {} AS SELECT {}'' AS path", sql::quoted_identifier(table.name), columns);
      if (const auto error = connection_.run(sql))
        problems_.push_back(fmt::format("auto_table_construction.{}: {}", table.name, error->message));
    }
  }

  // Views may stand on each other, in any order.
  void create_views() {
    std::map<std::string, std::string, std::less<>> left = configuration_.views;
    std::map<std::string, sql::QueryError, std::less<>> errors;
    for (bool progress = true; progress && !left.empty();) {
      progress = std::erase_if(left, [&](const auto& view) {
                   const auto name = sql::quoted_identifier(view.first);
                   auto error = create_view(connection_, view.first, view.second);
                   // What the view stands on is looked for at its use only.
                   if (!error && (error = prepare_error(connection_, fmt::format("SELECT * FROM {}", name))))
                     connection_.run(fmt::format("DROP VIEW {}", name));
                   if (!error) return true;
                   errors.insert_or_assign(view.first, *error);
                   return false;
                 }) > 0;
    }
    for (const auto& [name, sql] : left) add(fmt::format("views.{}", name), errors.find(name)->second);
  }

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
  sql::Connection connection_;
  std::vector<std::string> problems_;
};

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
  if (program.osquery_compatible) {
    if (!loaded) answer.errors += osquery_failure(loaded.error()) + '\n';
    return answer;
  }
  const auto configuration = manager.current();
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
