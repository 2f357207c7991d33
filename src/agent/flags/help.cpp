#include "agent/flags/help.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/flags/flags.h"

namespace osprey::agent {
namespace {

// A flag that takes a value is shown with what kind.
std::string usage(const FlagDeclaration& flag) {
  const auto dashes = flag.name.size() == 1 ? "-" : "--";
  switch (flag.type) {
    case FlagType::boolean:
      return flag.default_value == "true" ? fmt::format("--[no]{}", flag.name) : fmt::format("{}{}", dashes, flag.name);
    case FlagType::text:
      return fmt::format("{}{} TEXT", dashes, flag.name);
    default:
      return fmt::format("{}{} NUMBER", dashes, flag.name);
  }
}

std::string help_line(const FlagDeclaration& flag) {
  std::string line = fmt::format("  {:<34} {}", usage(flag), flag.meaning);
  if (flag.type == FlagType::boolean && flag.default_value == "true") line += " [yes]";
  const auto initial = default_of(flag, false);
  if (flag.type != FlagType::boolean && !initial.empty()) line += fmt::format(" [{}]", initial);
  return line + '\n';
}

struct GroupTitle {
  FlagGroup group;
  std::string_view title;
};
constexpr auto kGroups = std::to_array<GroupTitle>({
    {FlagGroup::input, "What to run"},
    {FlagGroup::output, "How rows are printed"},
    {FlagGroup::sql, "Tables and SQL"},
    {FlagGroup::config, "Configuration"},
    {FlagGroup::process, "The process"},
    {FlagGroup::schedule, "Schedule"},
    {FlagGroup::distributed, "Live queries and carves"},
    {FlagGroup::tls, "Server"},
    {FlagGroup::logger, "Logs"},
    {FlagGroup::kafka, "Kafka"},
    {FlagGroup::database, "Database"},
    {FlagGroup::events, "Events"},
    {FlagGroup::audit, "Audit"},
    {FlagGroup::watchdog, "Limits"},
    {FlagGroup::extensions, "Extensions"},
    {FlagGroup::yara, "YARA"},
});

bool in_help(const FlagDeclaration& flag) { return flag.kind != FlagKind::hidden && flag.kind != FlagKind::unlisted; }

// What runs one query and prints rows means nothing to the agent.
bool is_for_shell(const FlagDeclaration& flag) {
  return flag.kind == FlagKind::shell || flag.group == FlagGroup::input || flag.group == FlagGroup::output;
}

std::string agent_usage(std::string_view program) {
  return fmt::format(
      "{0} runs the queries of a configuration by their schedule and logs what changes.\n\n"
      "Usage: {0} [FLAG…]\n\n"
      "  {0} --config_path /etc/osprey/osprey.conf\n"
      "  {0} --config_check --config_path ./my.conf\n\n"
      "Flags take one dash or two, --name=value or --name value, --noname for no.\n",
      program);
}

std::string shell_usage(std::string_view program) {
  return fmt::format(
      "{0} answers SQL about this host.\n\n"
      "Usage: {0} [FLAG…] [SQL | .COMMAND]     without either it reads statements from standard input\n\n"
      "  {0} \"SELECT name, pid FROM processes ORDER BY resident_size DESC LIMIT 5\"\n"
      "  {0} --json \"SELECT * FROM listening_ports JOIN processes USING (pid)\"\n"
      "  {0} \".help users\"\n\n"
      "Flags take one dash or two, --name=value or --name value, --noname for no.\n",
      program);
}

std::string own_help(std::string_view program, bool agent) {
  auto text = agent ? agent_usage(program) : shell_usage(program);
  for (const auto state : {FlagState::built, FlagState::not_yet}) {
    if (state == FlagState::not_yet) text += "\nTaken as osquery takes them, but without effect yet:\n";
    for (const auto& [group, title] : kGroups) {
      std::string lines;
      for (const auto& flag : kFlags)
        if (flag.group == group && in_help(flag) && flag.state == state && !(agent && is_for_shell(flag)))
          lines += help_line(flag);
      if (!lines.empty()) text += fmt::format("\n{}\n{}", title, lines);
    }
  }
  return text;
}

// The form that osquery's help has: six lines at the margin, each flag below as "    --name VALUE  meaning".
std::string osquery_help(std::string_view program, bool agent) {
  const auto line = [](const FlagDeclaration& flag) {
    return fmt::format("    --{}{}  {}\n", flag.name, flag.type == FlagType::boolean ? "" : " VALUE", described(flag));
  };
  const auto group = [&](FlagKind kind) {
    std::string lines;
    for (const auto& flag : kFlags)
      if (flag.kind == kind && flag.name != "flagfile") lines += line(flag);
    return lines;
  };
  auto text = fmt::format(
      "osquery {}: SQL about this host\n"
      "Usage: {} [FLAG]...{}\n\n"
      "Flags of the command line and flag files:\n\n{}{}\n"
      "Flags that the configuration may set too, under \"options\":\n\n{}",
      agent ? "agent" : "shell", program, agent ? "" : " [SQL]", line(*find_flag("flagfile")),
      group(FlagKind::command_line), group(FlagKind::option));
  if (agent) return text;
  return text + fmt::format("\nFlags of the shell:\n\n{}\nType .help in the shell for its commands.\n",
                            group(FlagKind::shell));
}

}  // namespace

std::string help_text(std::string_view program, bool agent, bool osquery_compatible) {
  return osquery_compatible ? osquery_help(program, agent) : own_help(program, agent);
}

std::optional<std::string> completion_script(std::string_view shell, std::string_view program) {
  std::string text;
  if (shell == "bash") {
    std::string names;
    for (const auto& flag : kFlags)
      if (in_help(flag)) names += fmt::format("--{} ", flag.name);
    return fmt::format(
        "_{0}() {{\n"
        "  local word=${{COMP_WORDS[COMP_CWORD]}}\n"
        "  case ${{COMP_WORDS[COMP_CWORD-1]}} in\n"
        "    --root) COMPREPLY=($(compgen -d -- \"$word\")); return ;;\n"
        "    --output|--query_file|--config_path|--flagfile) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n"
        "    -A) COMPREPLY=($(compgen -W \"$({0} .tables 2>/dev/null | sed 's/.*=> //')\" -- \"$word\")); return ;;\n"
        "  esac\n"
        "  COMPREPLY=($(compgen -W \"{1}\" -- \"$word\"))\n"
        "}}\n"
        "complete -F _{0} {0}\n",
        program, names);
  }
  if (shell == "zsh") {
    text = fmt::format("#compdef {}\n_arguments \\\n", program);
    for (const auto& flag : kFlags) {
      if (!in_help(flag)) continue;
      std::string meaning;
      for (const char c : flag.meaning) {
        if (c == '\'') meaning += "'\\'";
        if (c == '[' || c == ']' || c == ':') meaning += '\\';
        meaning += c;
      }
      text += fmt::format("  '--{}{}[{}]{}' \\\n", flag.name, flag.type == FlagType::boolean ? "" : "=", meaning,
                          flag.type == FlagType::boolean ? "" : ":value:_files");
    }
    return text + "  '*:SQL:'\n";
  }
  if (shell == "fish") {
    for (const auto& flag : kFlags) {
      if (!in_help(flag)) continue;
      std::string meaning;
      for (const char c : flag.meaning) meaning += c == '\'' ? std::string("\\'") : std::string(1, c);
      text += fmt::format("complete -c {} -{} {} {}-d '{}'\n", program, flag.name.size() == 1 ? "s" : "l", flag.name,
                          flag.type == FlagType::boolean ? "" : "-r ", meaning);
    }
    return text;
  }
  return std::nullopt;
}

}  // namespace osprey::agent
