#include "agent/shell/run.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "agent/config/config_manager.h"
#include "agent/config/yara_settings.h"
#include "agent/events/journal_beside.h"
#include "agent/flags/help.h"
#include "agent/log.h"
#include "agent/shell/interactive.h"
#include "agent/shell/shell.h"
#include "agent/sql_setup.h"
#include "agent/watcher/watcher.h"
#include "events/journal/event_rows.h"
#include "linux/files/digest_cache.h"

namespace osprey::agent::shell {
namespace {

// The values that the shell changes (compat section 1.2).
void set_shell_values(const Program& program, bool one_shot, Flags& flags) {
  if (!flags.is_set("disable_database") && !flags.is_set("database_path")) flags.set("disable_database", "true");
  if (const auto home = shell_home(program); !home.empty()) {
    if (!flags.is_set("database_path")) flags.set("database_path", home + "/shell.db");
    if (!flags.is_set("extensions_socket")) flags.set("extensions_socket", home + "/shell.em");
  }
  if (!flags.is_set("hash_delay")) flags.set("hash_delay", "0");
  flags.set("disable_logging", "true");
  flags.set("disable_watchdog", "true");
  flags.set("ignore_registry_exceptions", "true");
  flags.set("ignore_table_exceptions", "true");
  flags.set("logtostderr", "true");
  flags.set("stderrthreshold", "0");
  if (!one_shot) return;
  flags.set("disable_events", "true");
  flags.set("disable_caching", "true");
  if (!flags.is_set("disable_extensions")) flags.set("disable_extensions", "true");
}

// What the configuration's readers have to say, in the shell's form.
void tell(const Program& program, protocol::Severity severity, const std::string& text) {
  if (program.osquery_compatible)
    say(log_line(severity, text));
  else if (severity != protocol::Severity::info)
    say(fmt::format("{}: {}\n", severity == protocol::Severity::warning ? "warning" : "Error", text));
}

// Where the configuration comes from; null where nothing asks for it. osquery reads its configuration always, and we do
// under its name.
Result<std::unique_ptr<ConfigPlugin>> config_plugin(const Flags& flags, const Program& program) {
  const bool asked = flags.is_set("config_path") || !flags.text("pack").empty();
  if (!asked && (!program.osquery_compatible || flags.text("config_plugin") != "filesystem")) return nullptr;
  return make_config_plugin(flags, program,
                            [&](const std::string& text) { tell(program, protocol::Severity::warning, text); });
}

// What is to be run, and running it (compat section 1.3: the first that is given).
int run_asked(Shell& shell, const Flags& flags, const CommandLine& line) {
  const bool piped = ::isatty(STDIN_FILENO) == 0;
  if (const auto times = flags.number("profile"); times > 0) {
    std::string sql;
    if (!line.positional.empty()) sql = line.positional.front();
    return shell.run_profile(sql, times);
  }
  if (flags.boolean("L")) return shell.run_argument(".tables");
  if (const auto table = flags.text("A"); !table.empty()) return shell.run_argument(fmt::format(".all {}", table));
  if (const auto pack = flags.text("pack"); !pack.empty()) return shell.run_pack(pack);
  if (const auto sql = flags.text("query"); !sql.empty()) return shell.run_sql(sql);
  if (const auto path = flags.text("query_file"); !path.empty()) return shell.run_file(std::string(path));
  if (!line.positional.empty()) return shell.run_argument(line.positional.front());
  return piped ? shell.run_lines(STDIN_FILENO) : run_interactive(shell);
}

}  // namespace

int run(const CommandLine& line, Flags& flags, Program& program, sql::Registry& registry) {
  if (const auto shell = flags.text("completion"); !shell.empty()) {
    const auto script = completion_script(shell, program.name);
    if (!script) {
      say(fmt::format("Error: --completion is for bash, zsh or fish, not {}\n", shell));
      return 1;
    }
    Output(STDOUT_FILENO).add(*script);
    return 0;
  }
  if (!program.osquery_compatible && line.positional.size() > 1) {
    say(fmt::format("Error: one statement at a time: quote the SQL as a whole (after it came \"{}\")\n",
                    line.positional[1]));
    return 1;
  }

  const bool one_shot = !line.positional.empty() || ::isatty(STDIN_FILENO) == 0 || !flags.text("A").empty() ||
                        flags.boolean("L") || !flags.text("pack").empty() || flags.number("profile") > 0;
  set_shell_values(program, one_shot, flags);

  auto plugin = config_plugin(flags, program);
  if (!plugin) {
    tell(program, protocol::Severity::error, plugin.error().text());
    return kCatastrophic;
  }
  ConfigManager manager(
      {.program = program, .base = flags, .plugin = std::move(*plugin), .tell = [&](auto severity, const auto& text) {
         tell(program, severity, text);
       }});
  if (!manager.load() && !program.osquery_compatible) return 1;
  const auto configuration = manager.current();
  flags = configuration->flags;

  auto root = Root::host();
  if (const auto directory = flags.text("root"); !directory.empty()) {
    auto opened = Root::at(std::string(directory));
    if (!opened) {
      say(fmt::format("Error: --root {}\n", opened.error().text()));
      return 1;
    }
    root = std::move(*opened);
  }

  sql::Services services;
  services.provide(flags);
  services.provide(program);
  services.provide(registry);
  services.provide(manager);
  auto prometheus = prometheus_targets(configuration->prometheus);
  services.provide(prometheus);
  auto yara = yara_settings(*configuration, program, nullptr);
  services.provide(yara);
  linux::DigestCache digests(static_cast<std::size_t>(std::max<std::int64_t>(flags.number("hash_cache_max"), 0)));
  if (!flags.boolean("disable_hash_cache")) services.provide(digests);

  EventJournalBeside journal(flags, program);
  events::EventReads reads([&] { return journal.open(); });
  services.provide(reads);

  UniqueFd file;
  const std::string output_path(flags.text("output"));
  const bool to_file = !output_path.empty() && output_path != "-";
  if (to_file) {
    file.reset(::open(output_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (!file) {
      const auto why = program.osquery_compatible ? std::string() : fmt::format(": {}", std::strerror(errno));
      say(fmt::format("Error: Cannot open output file '{}'{}\n", output_path, why));
      return 1;
    }
  }
  Output output(to_file ? file.get() : STDOUT_FILENO);
  Shell shell({flags, program, registry, services, *configuration, root}, output);
  const int status = run_asked(shell, flags, line);
  output.flush();
  if (output.failed() && output.failed() != EPIPE && status == 0) {
    say(fmt::format("Error: cannot write: {}\n", std::strerror(output.failed())));
    return 1;
  }
  return status;
}

}  // namespace osprey::agent::shell
