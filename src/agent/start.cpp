#include "agent/start.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <optional>
#include <span>

#include "agent/config/config_check.h"
#include "agent/daemon/agent.h"
#include "agent/events/event_switch.h"
#include "agent/flags/command_line.h"
#include "agent/flags/help.h"
#include "agent/remote/enroll_secret.h"
#include "agent/shell/output.h"
#include "agent/shell/run.h"
#include "agent/shell/shell.h"
#include "agent/sql_setup.h"
#include "agent/store_command/store_command.h"

namespace osprey::agent {
namespace {

using shell::Output;
using shell::say;

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

}  // namespace

int start(int argc, char** argv, sql::Registry& registry) {
  // A reader that has gone is an error of write(2), not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  const std::string_view path = argc > 0 ? argv[0] : "osprey";
  Program program;
  program.name = path.substr(path.rfind('/') + 1);  // npos + 1 is 0
  program.osquery_compatible = program.name.contains("osquery");
  program.start_time = std::time(nullptr);
  const Arguments arguments(argv + (argc > 0), argv + argc);

  const auto begins_with = [&](std::string_view word) {
    return !program.osquery_compatible && !arguments.empty() && arguments[0] == word;
  };
  const bool store = begins_with("store");
  const bool events = begins_with("events");
  if ((store || events) && has_argument(arguments, {"help", "h"})) {
    Output(STDOUT_FILENO).add(store ? store_help(program.name, Flags(false)) : events_help(program.name));
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
  hide_enroll_secret(argv, flags);
  if (!line.faults.empty()) return report_faults(line, program.osquery_compatible);
  if (store || events || flags.boolean("database_dump")) {
    Output output(STDOUT_FILENO);
    if (!store && !events) return dump_database(flags, output);
    const auto words = std::span(line.positional).subspan(1);
    return store ? run_store_command(program.name, words, flags, output)
                 : run_events_command(program.name, words, flags, output);
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
  return agent ? run_agent(argv, flags, program, registry) : shell::run(line, flags, program, registry);
}

}  // namespace osprey::agent
