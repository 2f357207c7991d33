#include "agent/shell/run.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <span>

#include "agent/flags/command_line.h"
#include "agent/flags/help.h"
#include "agent/log.h"
#include "agent/shell/interactive.h"
#include "agent/shell/shell.h"
#include "base/text.h"
#include "linux/files/digest_cache.h"

namespace osprey::agent::shell {
namespace {

constexpr int kCatastrophic = 78;  // osquery's exit status for what ends everything
constexpr auto kDefaultFlagFile = "/etc/osquery/osquery.flags.default";

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

CommandLine read_flags(std::string_view program, Arguments arguments, Flags& flags) {
  const auto sources = host_sources();
  const bool names_a_file = std::ranges::any_of(
      arguments, [](std::string_view one) { return one.starts_with("--flagfile") || one.starts_with("-flagfile"); });
  if (!names_a_file && ::access(kDefaultFlagFile, R_OK) == 0) {
    flags.set("flagfile", kDefaultFlagFile);
    CommandLine before;
    if (const auto text = sources.read_file(kDefaultFlagFile)) read_flag_file(*text, program, sources, flags, before);
  }
  return read_command_line(arguments, program, sources, flags);
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

void warn(const Program& program, std::string_view text) {
  say(program.osquery_compatible ? log_line(protocol::Severity::warning, text) : fmt::format("warning: {}\n", text));
}

// Options of the configuration win over the command line.
void set_options(const Config& config, const Program& program, Flags& flags) {
  for (const auto& [name, value] : config.options) {
    const auto* flag = find_flag(name);
    if (name.starts_with("custom_"))
      flags.set_custom(name, value);
    else if (!flag || flag->kind == FlagKind::own || flag->kind == FlagKind::unlisted)
      warn(program, fmt::format("Cannot set unknown or invalid flag: {}", name));
    else if (flag->kind == FlagKind::command_line || flag->kind == FlagKind::shell || flag->kind == FlagKind::agent)
      warn(program, fmt::format("The CLI only flag --{} set via config file will be ignored, please use a flagfile or "
                                "pass it to the process at startup",
                                name));
    else
      flags.set(*flag, value);
  }
}

Result<void> read_config(const std::string& path, Program& program, Config& config) {
  const auto sources = TRY(config_sources(path));
  const auto form = program.osquery_compatible ? ConfigForm::strict : ConfigForm::lenient;
  std::optional<Error> first;
  for (const auto& source : sources) {
    auto applied = apply_source(source, form, read_config_file, config);
    if (applied) continue;
    if (program.osquery_compatible)
      say(log_line(
          protocol::Severity::error,
          fmt::format("updateSource failed to parse config, of source: {} and content: {}", source.name, source.text)));
    if (!first) first = applied.error();
  }
  for (const auto& text : config.warnings) warn(program, text);
  program.config_hash = config_hash(sources);
  program.config_valid = true;
  if (!first) return {};
  if (program.osquery_compatible)
    return failure("Error reading config",
                   first->message.ends_with(kTooDeep)
                       ? "Error validating the config JSON: Configuration has too many nesting levels!"
                       : "Error parsing the config JSON");
  return std::unexpected(*first);
}

// Reads the configuration where something asks for it. A status: the program ends with it.
std::optional<int> take_config(Flags& flags, Program& program, Config& config) {
  const std::string path(flags.text("config_path"));
  const bool check = flags.boolean("config_check");
  const bool dump = flags.boolean("config_dump");
  const bool asked = check || dump || flags.is_set("config_path") || !flags.text("pack").empty();
  if (flags.text("config_plugin") != "filesystem") {
    if (!asked) return std::nullopt;
    say(fmt::format("Cannot activate {} config plugin: it is not built yet\n", flags.text("config_plugin")));
    return kCatastrophic;
  }
  // osquery reads its configuration always, and we do under its name.
  if (!asked && !program.osquery_compatible) return std::nullopt;
  if (dump) {
    if (const auto sources = config_sources(path)) {
      for (const auto& source : *sources) fmt::print("{{\"{}\": {}}}\n", source.name, source.text);
      return 0;
    }
  }
  const auto read = read_config(path, program, config);
  if (read) {
    set_options(config, program, flags);
    return check ? std::optional(0) : std::nullopt;
  }
  const auto& error = read.error();
  if (!program.osquery_compatible) {
    say(fmt::format("Error: configuration {}\n", error.text()));
    return 1;
  }
  if (!check) return std::nullopt;
  const bool missing = error.subject == path;
  say(missing ? fmt::format("Error reading config: config file does not exist: {}\n", path)
              : fmt::format("{}\n", error.text()));
  return 1;
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

  if (has_argument(arguments, {"help", "h", "helpfull", "helpshort"})) {
    Output(STDOUT_FILENO).add(help_text(program.name, program.osquery_compatible));
    return 0;
  }
  Flags flags;
  flags.set("disable_events", "true");
  if (has_argument(arguments, {"version"})) {
    Output(STDOUT_FILENO).add(fmt::format("{} version {}\n", program.name, program.version()));
    return 0;
  }
  const auto line = read_flags(program.name, arguments, flags);
  if (!line.faults.empty()) return report_faults(line, program.osquery_compatible);
  if (is_agent(program.name, arguments)) {
    say(fmt::format("{}: the agent is not built yet\n", program.name));
    return kCatastrophic;
  }
  if (!can_do_all(flags, program.name)) return 1;
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

  Config config;
  if (const auto ended = take_config(flags, program, config)) return *ended;

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
  Shell shell({flags, program, registry, services, config, root}, output);
  const int status = run_asked(shell, flags, line);
  output.flush();
  if (output.failed() && output.failed() != EPIPE && status == 0) {
    say(fmt::format("Error: cannot write: {}\n", std::strerror(output.failed())));
    return 1;
  }
  return status;
}

}  // namespace osprey::agent::shell
