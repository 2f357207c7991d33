#include "agent/shell/dot_commands.h"

#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>

#include "agent/shell/dot_tokens.h"
#include "agent/shell/schema_text.h"
#include "agent/shell/shell.h"
#include "base/text.h"

namespace osprey::agent::shell {
namespace {

using Words = std::vector<std::string>;  // the command and its arguments
using Leave = std::optional<int>;

struct Command {
  std::string_view name;
  std::size_t shortest;      // letters that a prefix must have
  std::size_t fewest, most;  // arguments
  Leave (*run)(Shell&, const Words&);
  std::string_view arguments;
  std::string_view help;
  bool own = false;  // not under osquery's name
};

std::span<const Command> commands();

bool is_on(const std::string& text) {
  const bool hexadecimal = text.starts_with("0x");
  if (const auto number = parse<std::int64_t>(hexadecimal ? text.substr(2) : text, hexadecimal ? 16 : 10))
    return *number != 0;
  for (const std::string_view word : {"on", "yes", "true"})
    if (equal_ignoring_case(text, word)) return true;
  for (const std::string_view word : {"off", "no", "false"})
    if (equal_ignoring_case(text, word)) return false;
  say(fmt::format("ERROR: Not a boolean value: \"{}\". Assuming \"no\".\n", text));
  return false;
}

std::string_view on_off(bool value) { return value ? "on" : "off"; }

Leave all(Shell& shell, const Words& words) {
  const auto& table = words[1];
  const auto error = shell.execute(fmt::format("SELECT * FROM {}", table));
  if (!error) return {};
  if (shell.compatible() && error->message.starts_with("no such table"))
    shell.complain(fmt::format("Error querying table: {}", table));
  else
    shell.report(*error, "Error: ");
  return {};
}

Leave socket(Shell& shell, const Words&) {
  shell.output().add(fmt::format("{}\n", shell.parts().flags.text("extensions_socket")));
  return {};
}

Leave connect(Shell& shell, const Words&) {
  shell.complain("Error: .connect is not built yet: extensions are a later part of osprey");
  return {};
}

Leave disconnect(Shell& shell, const Words&) {
  shell.complain("Error: Not connected to a socket");
  return {};
}

Leave bail(Shell& shell, const Words& words) {
  shell.settings().bail = is_on(words[1]);
  return {};
}

Leave echo(Shell& shell, const Words& words) {
  shell.settings().echo = is_on(words[1]);
  return {};
}

// Without an argument the status tells whether there were errors.
Leave leave(Shell& shell, const Words& words) {
  const auto status = words.size() > 1 ? parse<int>(words[1]).value_or(0) : 0;
  return status != 0 ? status & 0xFF : shell.finish();
}

Leave features(Shell& shell, const Words&) {
  for (const auto& flag : kFlags) {
    const bool named = flag.name.starts_with("disable_") || flag.name.starts_with("enable_");
    if (!named || flag.type != FlagType::boolean || flag.kind == FlagKind::unlisted) continue;
    shell.output().add(fmt::format("{}: {}\n", flag.name, shell.parts().flags.value(flag)));
  }
  return {};
}

Leave headers(Shell& shell, const Words& words) {
  shell.settings().header = is_on(words[1]);
  return {};
}

std::string command_list(bool compatible) {
  std::string text = "Type SQL, ended by a semicolon, or one of these:\n\n";
  for (const auto& command : commands()) {
    if (command.help.empty() || (compatible && command.own)) continue;
    const auto usage = fmt::format(".{} {}", command.name, command.arguments);
    text += fmt::format("{:<17}{}\n", usage, command.help);
  }
  text += "\n.types SELECT …; shows the columns of a query and their types.\n";
  if (!compatible) text += "Examples: .help processes   .schema users   .mode json\n";
  return text;
}

Leave help(Shell& shell, const Words& words) {
  if (shell.compatible()) {
    say(command_list(true));
    return {};
  }
  if (words.size() == 1) {
    shell.output().add(command_list(false));
    return {};
  }
  const auto& registry = shell.parts().registry;
  const auto* table = registry.find(words[1]);
  if (!table) table = registry.find_alias(words[1]);
  if (table)
    shell.output().add(table_help(*table));
  else
    shell.complain(fmt::format("Error: no such table: {}{}", words[1], shell.suggestion(words[1], registry.names())));
  return {};
}

struct ModeWord {
  std::string_view word;
  Mode mode;
  bool own = false;
};
constexpr auto kModes = std::to_array<ModeWord>({
    {"column", Mode::column},
    {"columns", Mode::column},
    {"csv", Mode::csv},
    {"line", Mode::line},
    {"lines", Mode::line},
    {"list", Mode::list},
    {"pretty", Mode::pretty},
    {"json", Mode::json, true},
    {"json_pretty", Mode::json_pretty, true},
});

Leave mode(Shell& shell, const Words& words) {
  const auto found = std::ranges::find(kModes, words[1], &ModeWord::word);
  if (found == kModes.end() || (found->own && shell.compatible())) {
    shell.complain(fmt::format("Error: mode should be one of: column csv line list pretty{}",
                               shell.compatible() ? "" : " json json_pretty"));
    return {};
  }
  auto& settings = shell.settings();
  settings.mode = found->mode;
  if (settings.mode == Mode::csv) settings.separator.assign(1, ',');
  return {};
}

Leave nullvalue(Shell& shell, const Words& words) {
  shell.settings().null_value = words[1];
  return {};
}

Leave print(Shell& shell, const Words& words) {
  shell.output().add(fmt::format("{}\n", fmt::join(words.begin() + 1, words.end(), " ")));
  return {};
}

Leave schema(Shell& shell, const Words& words) {
  const std::string_view prefix = words.size() > 1 ? std::string_view(words[1]) : "";
  bool any = false;
  for (const auto name : shell.parts().registry.names()) {
    if (!name.starts_with(prefix)) continue;
    const auto& table = *shell.parts().registry.find(name);
    shell.output().add(shell.compatible() ? schema_line(table) : schema_listing(table));
    shell.output().settle();
    any = true;
  }
  if (!any && !shell.compatible())
    shell.complain(fmt::format("Error: no table begins with {}{}", prefix,
                               shell.suggestion(prefix, shell.parts().registry.names())));
  return {};
}

Leave separator(Shell& shell, const Words& words) {
  constexpr std::size_t kLongest = 19;
  shell.settings().separator = words[1].substr(0, kLongest);
  return {};
}

Leave show(Shell& shell, const Words&) {
  const auto& flags = shell.parts().flags;
  const auto& settings = shell.settings();
  auto& output = shell.output();
  // Colours where osquery has them: on a terminal that is known to show them.
  const char* terminal = std::getenv("TERM");
  const bool bold = shell.interactive() && terminal && std::string_view(terminal).contains("xterm-256color");
  if (shell.compatible())
    output.add(fmt::format("{}osquery{} - being built, with love.\n{}\n", bold ? "\033[1m" : "", bold ? "\033[0m" : "",
                           std::string(45, '~')));
  output.add(fmt::format("{}\nusing SQLite {}\n", shell.parts().program.title(), sqlite3_libversion()));
  output.add(
      fmt::format("\nGeneral settings:\n"
                  "     Flagfile: {}\n"
                  "       Config: {} ({})\n"
                  "       Logger: {} ({})\n"
                  "  Distributed: {}\n"
                  "     Database: {}\n"
                  "   Extensions: {}\n"
                  "       Socket: {}\n",
                  flags.text("flagfile"), flags.text("config_plugin"), flags.text("config_path"),
                  flags.text("logger_plugin"), flags.text("logger_path"), flags.text("distributed_plugin"),
                  flags.boolean("disable_database") ? "ephemeral" : flags.text("database_path"),
                  flags.boolean("disable_extensions") ? "" : "core", flags.text("extensions_socket")));
  std::string widths;
  for (const int wide : settings.widths) widths += fmt::format("{} ", wide);
  output.add(
      fmt::format("\nShell settings:\n"
                  "         echo: {}\n"
                  "      headers: {}\n"
                  "         mode: {}\n"
                  "    nullvalue: \"{}\"\n"
                  "       output: {}\n"
                  "    separator: \"{}\"\n"
                  "        width: {}\n",
                  on_off(settings.echo), on_off(settings.header), mode_name(settings.mode), settings.null_value,
                  flags.text("output").empty() ? "stdout" : flags.text("output"), settings.separator, widths));
  output.add("\nNon-default flags/options:\n");
  for (const auto& flag : kFlags) {
    if (!is_listed(flag, shell.compatible()) || flags.value(flag) == flags.default_value(flag)) continue;
    output.add(fmt::format("  {}: {}\n", flag.name, flags.value(flag)));
  }
  return {};
}

Leave tables(Shell& shell, const Words& words) {
  const std::string_view prefix = words.size() > 1 ? std::string_view(words[1]) : "";
  // Always to standard output, wherever rows go.
  shell.output().flush();
  Output standard(STDOUT_FILENO);
  for (const auto name : shell.parts().registry.names())
    if (name.starts_with(prefix)) standard.add(fmt::format("  => {}\n", name));
  return {};
}

Leave timeout(Shell& shell, const Words& words) {
  sqlite3_busy_timeout(shell.connection().handle(), parse<int>(words[1]).value_or(0));
  return {};
}

Leave timer(Shell& shell, const Words& words) {
  shell.settings().timer = is_on(words[1]);
  return {};
}

Leave version(Shell& shell, const Words&) {
  shell.output().add(fmt::format("{}\nusing SQLite {}\n", shell.parts().program.title(), sqlite3_libversion()));
  return {};
}

Leave width(Shell& shell, const Words& words) {
  auto& widths = shell.settings().widths;
  widths.clear();
  for (std::size_t i = 1; i < words.size(); ++i) widths.push_back(parse<int>(words[i]).value_or(0));
  return {};
}

Leave wide(Shell& shell, const Words& words) {
  shell.settings().wide = is_on(words[1]);
  return {};
}

// In the order in which a prefix finds them.
constexpr auto kCommands = std::to_array<Command>({
    {"all", 1, 1, 1, all, "TABLE", "Print all rows of a table"},
    {"socket", 1, 0, 0, socket, "", "Print the path of the extension socket"},
    {"connect", 1, 1, 1, connect, "PATH", "Send queries to an extension socket (not built yet)"},
    {"disconnect", 1, 0, 0, disconnect, "", "Undo .connect"},
    {"bail", 3, 1, 1, bail, "ON|OFF", "Stop at the first error, when input is no terminal"},
    {"echo", 1, 1, 1, echo, "ON|OFF", "Print each line of input before its result"},
    {"exit", 1, 0, 1, leave, "[STATUS]", "Leave"},
    {"features", 1, 0, 0, features, "", "List what can be switched on and off"},
    {"headers", 1, 1, 1, headers, "ON|OFF", "Print column names in list, csv and column mode"},
    {"help", 1, 0, 1, help, "[TABLE]", "Show this, or what a table and its columns mean"},
    {"mode", 1, 1, 1, mode, "MODE", "Print rows as pretty, line, list, csv, column (json, json_pretty)"},
    {"nullvalue", 1, 1, 1, nullvalue, "TEXT", "Print this for NULL in line, list, csv and column mode"},
    {"print", 3, 0, 49, print, "WORD…", "Print words"},
    {"quit", 1, 0, 0, leave, "", "Leave"},
    {"schema", 1, 0, 1, schema, "[PREFIX]", "Show the columns of tables"},
    {"separator", 1, 1, 1, separator, "TEXT", "Print this between values in list and csv mode"},
    {"show", 1, 0, 0, show, "", "Show settings and flags"},
    {"summary", 1, 0, 0, show, "", "The same"},
    {"tables", 2, 0, 1, tables, "[PREFIX]", "List tables"},
    {"list", 2, 0, 1, tables, "", ""},
    {"timeout", 5, 1, 1, timeout, "", ""},
    {"timer", 5, 1, 1, timer, "ON|OFF", "Print the time that each statement took"},
    {"version", 1, 0, 0, version, "", "Print versions"},
    {"width", 1, 1, 49, width, "NUMBER…", "Set column mode's widths; negative is right-aligned"},
    {"wide", 4, 1, 1, wide, "ON|OFF", "Never cut values to fit the terminal", true},
});

std::span<const Command> commands() { return kCommands; }

}  // namespace

std::optional<int> run_dot_command(Shell& shell, std::string_view line) {
  line.remove_prefix(1);
  const auto words = dot_tokens(line);
  if (words.empty()) return std::nullopt;
  const auto& word = words[0];
  for (const auto& command : kCommands) {
    const auto arguments = words.size() - 1;
    if (word.size() < command.shortest || !command.name.starts_with(word)) continue;
    if (command.own && shell.compatible()) continue;
    const auto most = command.run == help && shell.compatible() ? 0 : command.most;
    if (arguments < command.fewest || arguments > most) continue;
    return command.run(shell, words);
  }
  auto text = fmt::format("Error: unknown command or invalid arguments:  \"{}\". Enter \".help\" for help", word);
  if (!shell.compatible()) {
    const auto known = std::ranges::find(kCommands, word, &Command::name);
    text = known == kCommands.end()
               ? fmt::format("Error: no such command: .{}{}", word, shell.suggestion(word, dot_command_names()))
               : fmt::format("Error: use: .{} {}", known->name, known->arguments);
  }
  shell.complain(text);
  return std::nullopt;
}

std::vector<std::string_view> dot_command_names() {
  std::vector<std::string_view> names = {"types"};
  names.reserve(1 + kCommands.size());
  for (const auto& command : kCommands) names.push_back(command.name);
  return names;
}

}  // namespace osprey::agent::shell
