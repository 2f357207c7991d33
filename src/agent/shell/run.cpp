#include "agent/shell/run.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <span>

#include "agent/config/config_check.h"
#include "agent/config/config_manager.h"
#include "agent/daemon/agent.h"
#include "agent/flags/command_line.h"
#include "agent/flags/help.h"
#include "agent/log.h"
#include "agent/shell/interactive.h"
#include "agent/shell/shell.h"
#include "agent/sql_setup.h"
#include "agent/store_command/store_command.h"
#include "agent/watcher/watcher.h"
#include "base/text.h"
#include "linux/files/digest_cache.h"

namespace osprey::agent::shell {
namespace {

constexpr auto kDefaultFlagFile = "/etc/osprey/osprey.flags.default";
constexpr auto kOsqueryFlagFile = "/etc/osquery/osquery.flags.default";

using Arguments = std::span<const char* const>;

// Whether an argument is one of `names`, with one dash or two.
bool has_argument(Arguments arguments, std::initializer_list<std::string_view> names) {
  return std::ranges::any_of(arguments, [&](std::string_view argument) {
    if (!argument.starts_with('-')) return false;
    argument.remove_prefix(argument.starts_with("--") ? 2 : 1);
    return std::ranges::find(names, argument) != names.end();
  });
}

// -S and -D anywhere win over the program's name.
bool is_agent(std::string_view program, Arguments arguments) {
  if (has_argument(arguments, {"S"})) return false;
  return has_argument(arguments, {"D"}) || program.contains("osqueryd") || program.contains("ospreyd");
}

CommandLine read_flags(const Program& program, Arguments arguments, Flags& flags) {
  const auto sources = host_sources(!program.osquery_compatible && !has_argument(arguments, {"allow_unsafe"}));
  const auto* usual = program.osquery_compatible ? kOsqueryFlagFile : kDefaultFlagFile;
  const bool names_a_file = std::ranges::any_of(
      arguments, [](std::string_view one) { return one.starts_with("--flagfile") || one.starts_with("-flagfile"); });
  if (!names_a_file && ::access(usual, R_OK) == 0) {
    flags.set("flagfile", usual);
    CommandLine before;
    if (const auto text = sources.read_file(usual))
      read_flag_file(*text, program.name, sources, flags, before);
    else
      before.faults.push_back({{}, text.error().text(), {}});
    if (!before.faults.empty()) return before;
  }
  return read_command_line(arguments, program.name, sources, flags);
}

int report_faults(const CommandLine& line, bool compatible) {
  for (const auto& fault : line.faults) {
    say(fmt::format("{}{}\n", fault.flag.empty() ? "" : "ERROR: ", fault.message));
    if (!compatible && !fault.hint.empty()) say(fmt::format("{}\n", fault.hint));
  }
  return 1;
}

// What was asked for by name and cannot be done. True if nothing was.
bool can_do_all(const Flags& flags, std::string_view program) {
  bool can = true;
  for (const auto& flag : kFlags) {
    if (flag.state != FlagState::refused || flags.value(flag) == flag.default_value) continue;
    say(fmt::format("{}: --{} is not built yet\n", program, flag.name));
    can = false;
  }
  return can;
}

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

// --config_check and --config_dump. A status: the program ends with it.
std::optional<int> answer_about_config(const Program& program, const Flags& flags,
                                       const sql::ConnectionOptions& connection) {
  if (flags.boolean("config_dump")) {
    const auto text = dump_config(program, flags);
    if (text) {
      Output(STDOUT_FILENO).add(*text);
      return 0;
    }
    // osquery goes on and starts.
    if (!program.osquery_compatible) {
      say(fmt::format("Error: configuration {}\n", text.error().text()));
      return 1;
    }
  }
  if (!flags.boolean("config_check")) return std::nullopt;
  const auto answer = check_config(program, flags, connection);
  say(answer.errors);
  if (::isatty(STDOUT_FILENO) != 0) Output(STDOUT_FILENO).add(answer.output);
  return answer.status;
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

int run(int argc, const char* const* argv, sql::Registry& registry) {
  // A reader that has gone is an error of write(2), not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  const std::string_view path = argc > 0 ? argv[0] : "osprey";
  Program program;
  program.name = path.substr(path.rfind('/') + 1);  // npos + 1 is 0
  program.osquery_compatible = program.name.contains("osquery");
  program.start_time = std::time(nullptr);
  const Arguments arguments(argv + (argc > 0), argv + argc);

  const bool store = !program.osquery_compatible && !arguments.empty() && arguments[0] == std::string_view("store");
  if (store && has_argument(arguments, {"help", "h"})) {
    Output(STDOUT_FILENO).add(store_help(program.name, Flags(false)));
    return 0;
  }
  if (has_argument(arguments, {"help", "h", "helpfull", "helpshort"})) {
    Output(STDOUT_FILENO).add(help_text(program.name, is_agent(program.name, arguments), program.osquery_compatible));
    return 0;
  }
  Flags flags(program.osquery_compatible);
  const bool agent = is_agent(program.name, arguments);
  if (!agent) flags.set("disable_events", "true");
  if (has_argument(arguments, {"version"})) {
    Output(STDOUT_FILENO).add(fmt::format("{} version {}\n", program.name, program.version()));
    return 0;
  }
  const auto line = read_flags(program, arguments, flags);
  if (!line.faults.empty()) return report_faults(line, program.osquery_compatible);
  if (store || flags.boolean("database_dump")) {
    Output output(STDOUT_FILENO);
    return store ? run_store_command(program.name, std::span(line.positional).subspan(1), flags, output)
                 : dump_database(flags, output);
  }
  sql::Services services;
  services.provide(flags);
  services.provide(program);
  services.provide(registry);
  const sql::ConnectionOptions about_config{.registry = &registry,
                                            .services = &services,
                                            .osquery_compatible = program.osquery_compatible,
                                            .hidden_tables = hidden_tables(flags, registry)};
  if (const auto ended = answer_about_config(program, flags, about_config)) return *ended;
  if (!can_do_all(flags, program.name)) return 1;
  if (agent) return run_agent(const_cast<char* const*>(argv), flags, program, registry);
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

  services.provide(manager);
  auto prometheus = prometheus_targets(configuration->prometheus);
  services.provide(prometheus);
  linux::DigestCache digests(static_cast<std::size_t>(std::max<std::int64_t>(flags.number("hash_cache_max"), 0)));
  if (!flags.boolean("disable_hash_cache")) services.provide(digests);

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
