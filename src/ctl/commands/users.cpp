#include <fmt/format.h>

#include "ctl/commands/commands.h"

namespace osprey::ctl {
namespace {

struct Wanted {
  std::string name, role, new_name, scope, expire = "90d";
  std::int64_t id = 0;
  bool disable = false, enable = false, remove_totp = false, revoke_tokens = false, yes = false, everybody = false;
};

CLI::IsMember is_role() { return CLI::IsMember({"view", "run_live", "manage", "administer"}); }

Result<std::string> number_of(Api& api, const std::string& name) {
  json::array all;
  TRY(api.each({"administrators"}, {}, [&](const json::value& user) {
    all.push_back(user);
    return true;
  }));
  return std::to_string(number_at(TRY(find_named(all, "user", name)), "id"));
}

// What is told this once: to standard output, so that it can be piped into a vault.
Result<int> show_once(Session& session, const json::value& answer, std::string_view member, std::string_view said) {
  if (session.format != Format::table) return session.show(answer);
  session.terminal.note(said);
  session.terminal.write(fmt::format("{}\n", text_at(answer, member)));
  return kDone;
}

Result<int> edit(Session& session, const Wanted& wanted) {
  auto* api = TRY(session.api());
  json::object body;
  if (!wanted.new_name.empty()) body["name"] = wanted.new_name;
  if (!wanted.role.empty()) body["role"] = wanted.role;
  if (wanted.disable || wanted.enable) body["disabled"] = wanted.disable;
  if (body.empty()) return failure("", "what is to change? --role, --name, --disable or --enable");
  const auto number = TRY(number_of(*api, wanted.name));
  TRY(api->patch(path_of({"administrators", number}), body));
  return session.say(fmt::format("{} changed", wanted.name));
}

void add_tokens(CLI::App& app, Session& session) {
  auto* tokens = group(app, "tokens", "API tokens: for programs");
  auto wanted = std::make_shared<Wanted>();
  auto* listed = command(*tokens, session, "list", "One's own tokens", [&session, wanted] {
    const std::vector<Column> columns{{"ID", "id"},           {"NAME", "name"}, {"SCOPE", "scope"},
                                      {"CREATED", "created"}, {"USED", "used"}, {"EXPIRES", "expires"},
                                      {"REVOKED", "revoked"}};
    return wanted->everybody ? session.list({"tokens"}, {}, columns) : session.list({"me", "tokens"}, {}, columns);
  });
  listed->add_flag("--everybody", wanted->everybody, "Everybody's");
  auto* revoked = command(*tokens, session, "revoke", "Ends a token", [&session, wanted]() -> Result<int> {
    auto* api = TRY(session.api());
    const auto id = std::to_string(wanted->id);
    TRY(api->remove(wanted->everybody ? path_of({"tokens", id}) : path_of({"me", "tokens", id})));
    return session.say("revoked");
  });
  revoked->add_option("id", wanted->id, "Its number")->required();
  revoked->add_flag("--everybody", wanted->everybody, "Whoever owns it");
}

}  // namespace

void add_users(CLI::App& app, Session& session) {
  auto* users = group(app, "users", "Administrators and their roles");
  command(*users, session, "list", "All of them", [&session] {
    return session.list({"administrators"}, {},
                        {{"ID", "id"},
                         {"NAME", "name"},
                         {"ROLE", "role"},
                         {"DISABLED", "disabled"},
                         {"TOTP", "totp"},
                         {"SIGNED IN", "signed_in"}});
  });
  auto wanted = std::make_shared<Wanted>();
  auto* created = command(
      *users, session, "create", "Makes one, and prints the first password once", [&session, wanted]() -> Result<int> {
        auto* api = TRY(session.api());
        const auto made =
            TRY(api->post(path_of({"administrators"}), json::object{{"name", wanted->name}, {"role", wanted->role}}));
        return show_once(session, made, "password", "the password, to be changed on signing in; it is told this once:");
      });
  created->add_option("--role", wanted->role, "view, run_live, manage or administer; each includes those before it")
      ->required()
      ->check(is_role());
  auto* edited = command(*users, session, "edit", "Changes one; another role, or disabling, ends the sessions",
                         [&session, wanted] { return edit(session, *wanted); });
  edited->add_option("--role", wanted->role, "What they may do from now on")->check(is_role());
  edited->add_option("--name", wanted->new_name, "A new name");
  auto* disable = edited->add_flag("--disable", wanted->disable, "Cannot sign in; tokens do not count");
  edited->add_flag("--enable", wanted->enable, "Can sign in again")->excludes(disable);
  auto* removed = command(*users, session, "remove", "Removes one with all sessions and tokens",
                          [&session, wanted]() -> Result<int> {
                            auto* api = TRY(session.api());
                            const auto number = TRY(number_of(*api, wanted->name));
                            TRY(session.confirmed(wanted->yes, fmt::format("Remove {}?", wanted->name)));
                            TRY(api->remove(path_of({"administrators", number})));
                            return session.say(fmt::format("{} removed", wanted->name));
                          });
  removed->add_flag("--yes", wanted->yes, "Does not ask");
  auto* reset = command(
      *users, session, "reset", "Gives one a random password, printed once; sessions end",
      [&session, wanted]() -> Result<int> {
        auto* api = TRY(session.api());
        const auto number = TRY(number_of(*api, wanted->name));
        const auto made = TRY(
            api->post(path_of({"administrators", number, "reset_password"}),
                      json::object{{"remove_totp", wanted->remove_totp}, {"revoke_tokens", wanted->revoke_tokens}}));
        return show_once(session, made, "password", "the password, to be changed on signing in; it is told this once:");
      });
  reset->add_flag("--remove-totp", wanted->remove_totp, "One-time codes go, too: the telephone is lost");
  reset->add_flag("--revoke-tokens", wanted->revoke_tokens, "API tokens go, too: somebody else was in");
  for (auto* each : {created, edited, removed, reset}) each->add_option("name", wanted->name, "The name")->required();
  add_tokens(app, session);
}

}  // namespace osprey::ctl
