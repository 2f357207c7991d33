#include "ctl/start.h"

#include <fmt/format.h>

#include "base/text.h"
#include "base/version.h"
#include "ctl/commands/commands.h"

namespace osprey::ctl {
namespace {

const std::map<std::string, Format> kFormats{
    {"table", Format::table}, {"json", Format::json}, {"jsonl", Format::jsonl}, {"csv", Format::csv}};

void set_up(CLI::App& app, Session& session) {
  app.set_version_flag("--version", fmt::format("ospreyctl {}", version()));
  app.require_subcommand(1);
  app.add_option("--format", session.format, "table, json, jsonl or csv; table")
      ->transform(CLI::Transformer(kFormats))
      ->option_text("FORMAT");
  app.add_option("--server", session.server_flag, "https://HOST[:PORT] instead of that signed in to (OSPREY_SERVER)");
  app.add_option("--authority", session.authority_flag,
                 "PEM file of who vouches for the server; left out: the system's (OSPREY_AUTHORITY)");
  app.footer(
      "Signed in once, everything else follows; OSPREY_SERVER and OSPREY_TOKEN do for programs.\n\n"
      "Examples:\n"
      "  ospreyctl login https://fleet.example.com:8443\n"
      "  ospreyctl secrets line | ssh root@web-1 sh\n"
      "  ospreyctl live \"SELECT name, version FROM os_version\" --all\n"
      "  ospreyctl diff fleet/ && ospreyctl apply fleet/");
  for (const auto add : {add_login, add_live, add_hosts, add_tags, add_items, add_folder, add_results, add_carves,
                         add_secrets, add_users, add_totp, add_activity, add_export, add_completion})
    add(app, session);
}

const CLI::App& deepest(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? app : deepest(*chosen.front());
}

// What CLI11 says of a word that is nothing, with the nearest that is something.
std::string explained(const CLI::App& app, const CLI::ParseError& error) {
  std::string message = error.what();
  const auto extra = app.remaining(true);
  if (extra.empty()) return message;
  const auto& word = extra.front();
  std::vector<std::string> names;
  for (const CLI::App* at = &deepest(app); at; at = at->get_parent()) {
    for (const auto* each : at->get_subcommands([](const CLI::App*) { return true; }))
      names.push_back(each->get_name());
    for (const auto* each : at->get_options()) names.push_back(each->get_name());
  }
  const auto near = nearest(word, {names.begin(), names.end()});
  message = fmt::format("there is no \"{}\" here", word);
  if (near) message += fmt::format("; \"{}\" is near", *near);
  return message;
}

}  // namespace

int start(int argc, char** argv) {
  Session session;
  CLI::App app("ospreyctl: a fleet of osprey's, from the command line", "ospreyctl");
  session.root = &app;
  set_up(app, session);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    session.terminal.note("ospreyctl: " + explained(app, error), Colour::red);
    session.terminal.note(
        fmt::format("see {} --help", deepest(app).get_parent() ? "ospreyctl " + deepest(app).get_name() : "ospreyctl"));
    return kFailed;
  }
  Session::catch_interrupts();
  const auto status = session.run();
  if (status) return *status;
  session.terminal.note("ospreyctl: " + status.error().text(), Colour::red);
  return session.interrupt().cancelled() ? kInterrupted : session.error_status;
}

}  // namespace osprey::ctl
