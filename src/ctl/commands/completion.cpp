#include <fmt/format.h>

#include "ctl/commands/commands.h"

namespace osprey::ctl {
namespace {

// What may follow in each place: the words of the commands so far, as "hosts list", and what may stand there.
void describe(const CLI::App& app, const std::string& path, const std::string& inherited, std::string& cases) {
  std::string options = inherited;
  for (const auto* option : app.get_options())
    for (const auto& name : option->get_lnames()) options += " --" + name;
  std::string words = options;
  for (const auto* each : app.get_subcommands([](const CLI::App*) { return true; })) words += " " + each->get_name();
  cases += fmt::format("    '{}') words='{}' ;;\n", path, words.starts_with(' ') ? words.substr(1) : words);
  for (const auto* each : app.get_subcommands([](const CLI::App*) { return true; }))
    describe(*each, path.empty() ? each->get_name() : path + " " + each->get_name(), options, cases);
}

std::string commands_of(const CLI::App& app, const std::string& path) {
  std::string paths;
  for (const auto* each : app.get_subcommands([](const CLI::App*) { return true; })) {
    const auto own = path.empty() ? each->get_name() : path + " " + each->get_name();
    paths += (paths.empty() ? "'" : "|'") + own + "'";
    const auto below = commands_of(*each, own);
    if (!below.empty()) paths += "|" + below;
  }
  return paths;
}

std::string bash(const CLI::App& app) {
  std::string cases;
  describe(app, "", "", cases);
  return fmt::format(R"(# ospreyctl: bash completion. Source it, or put it into /etc/bash_completion.d/ospreyctl.
_ospreyctl() {{
  local path='' next word words
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    next="${{path:+$path }}$word"
    case "$next" in {}) path=$next ;; esac
  done
  case "$path" in
{}  esac
  case "${{COMP_WORDS[COMP_CWORD-1]}}" in
    --format) words='table json jsonl csv' ;;
    --role|--scope) words='view run_live manage administer' ;;
    --status) words="online late missing $words" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _ospreyctl ospreyctl
)",
                     commands_of(app, ""), cases);
}

}  // namespace

void add_completion(CLI::App& app, Session& session) {
  auto shell = std::make_shared<std::string>("bash");
  command(app, session, "completion", "A script that completes commands and options in a shell",
          [&session]() -> Result<int> {
            session.terminal.write(bash(*session.root));
            return kDone;
          })
      ->add_option("shell", *shell, "bash")
      ->required()
      ->check(CLI::IsMember({"bash"}))
      ->option_text("bash");
}

}  // namespace osprey::ctl
