#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "ctl/commands/commands.h"
#include "ctl/sign_in.h"
#include "ctl/trust.h"
#include "net/fingerprint.h"

namespace osprey::ctl {
namespace {

struct Wanted {
  Credentials credentials;
  std::string server, fingerprint, expire = "30d", scope;
};

class Login {
 public:
  Login(Session& session, const Wanted& wanted) : session_(session), wanted_(wanted) {}

  Result<int> run() {
    folder_ = TRY(settings_folder());
    auto settings = TRY(session_.settings());
    if (!wanted_.server.empty()) settings = effective(std::move(settings), wanted_.server, session_.authority_flag);
    settings.token.clear();
    if (!settings.authority.empty()) settings.authority = std::filesystem::absolute(settings.authority).string();
    if (settings.authority.empty() && settings.server.starts_with("https://")) TRY(find_trust(settings));

    auto api = TRY(session_.anonymous(settings));
    const auto password = TRY(sign_in(api, wanted_.credentials));
    const auto me = TRY(change_password_if_due(api, password));
    TRY(make_token(api, me, settings));
    // Best effort: the session ends by itself, too.
    static_cast<void>(api.post("/api/v1/sign_out"));
    TRY(write_settings(folder_, settings));
    return session_.say(
        fmt::format("signed in to {} as {} until {}", settings.server, settings.user, settings.expires));
  }

 private:
  // Those whom the system trusts may vouch for it; else it is shown, once, and pinned.
  Result<void> find_trust(Settings& settings) {
    auto api = TRY(session_.anonymous(settings));
    const auto answer = api.exchange("GET", "/healthz", nullptr);
    if (answer) return {};
    const auto shown = shown_certificate(settings.server);
    if (!shown) return std::unexpected(answer.error());
    if (wanted_.fingerprint.empty()) {
      session_.terminal.note(
          fmt::format("Nobody that this machine trusts vouches for {}. It shows:\n  {}\n  SHA-256 {}", settings.server,
                      shown->subject, shown->fingerprint));
      const auto agreed =
          confirm("Is this what `ospreyctl secrets line` shows to those signed in, and the server's log at its start?");
      if (!agreed)
        return failure(settings.server, "nobody can be asked without a terminal: --authority FILE, or --fingerprint");
      if (!*agreed) return failure(settings.server, "not trusted");
    } else if (!net::same_fingerprint(wanted_.fingerprint, shown->fingerprint)) {
      return failure(settings.server, "its fingerprint is another: " + shown->fingerprint);
    }
    settings.authority = TRY(write_beside_settings(folder_, "authority.pem", shown->pem));
    return {};
  }

  // A first password may do nothing but be changed.
  Result<json::value> change_password_if_due(Api& api, const std::string& password) {
    auto me = TRY(api.get("/api/v1/me"));
    if (text_at(me, "permission") != "signed_in") return me;
    session_.terminal.note("The password must be changed first.");
    const auto fresh = TRY(ask("new password:", true));
    if (TRY(ask("the same again:", true)) != fresh) return failure("new password", "they are not the same");
    const json::value body = json::object{{"password", password}, {"new_password", fresh}};
    const auto response = TRY(api.exchange("PUT", "/api/v1/me/password", &body));
    if (response.status >= 300) return std::unexpected(problem_of(response));
    return renew_session(api, response);
  }

  Result<void> make_token(Api& api, const json::value& me, Settings& settings) {
    const auto seconds = TRY(duration_seconds(wanted_.expire));
    char host[256] = "";
    ::gethostname(host, sizeof host - 1);
    settings.expires = time_from_now(seconds);
    settings.user = text_at(member_at(me, "administrator"), "name");
    const auto made = TRY(
        api.post("/api/v1/me/tokens",
                 json::object{{"name", fmt::format("ospreyctl on {}", host)},
                              {"scope", wanted_.scope.empty() ? std::string(text_at(me, "permission")) : wanted_.scope},
                              {"expires", settings.expires}}));
    settings.token = text_at(made, "secret");
    settings.token_id = number_at(member_at(made, "token"), "id");
    if (settings.token.empty()) return failure("the server's answer", "has no token");
    return {};
  }

  Session& session_;
  const Wanted& wanted_;
  std::string folder_;
};

Result<int> log_out(Session& session) {
  const auto folder = TRY(settings_folder());
  const auto settings = TRY(read_settings(folder));
  if (settings.token.empty()) return session.say("nobody is signed in");
  // The kept token, whatever the environment says.
  auto api = TRY(session.anonymous(settings));
  api.set_credentials({{"Authorization", "Bearer " + settings.token}});
  const auto revoked = api.remove(path_of({"me", "tokens", std::to_string(settings.token_id)}));
  TRY(forget_settings(folder));
  if (!revoked) session.terminal.note("the token was not revoked: " + revoked.error().text(), Colour::yellow);
  return session.say("signed out of " + settings.server);
}

}  // namespace

void add_login(CLI::App& app, Session& session) {
  auto wanted = std::make_shared<Wanted>();
  auto* login = command(app, session, "login", "Signs in and keeps a token that ends by itself",
                        [&session, wanted] { return Login(session, *wanted).run(); });
  login->add_option("server", wanted->server, "https://HOST[:PORT]; left out: that of the last time");
  login->add_option("--user", wanted->credentials.user, "Name; asked for if left out");
  login->add_option("--password-file", wanted->credentials.password_file,
                    "File with the password in its first line; - is standard input; left out: asked on the terminal");
  login->add_option("--code", wanted->credentials.code,
                    "One-time code of the authenticator; asked for where one is wanted");
  login->add_option("--fingerprint", wanted->fingerprint,
                    "SHA-256 of the server's authority (ospreyctl secrets line --fingerprint), instead of being asked "
                    "whether it is right");
  login->add_option("--expire", wanted->expire, "When the token ends: 12h, 30d")->capture_default_str();
  login->add_option("--scope", wanted->scope, "What the token may do; left out: all that you may")
      ->check(CLI::IsMember({"view", "run_live", "manage", "administer"}));
  login->footer(
      "Examples:\n  ospreyctl login https://fleet.example.com:8443 --user anna\n"
      "  ospreyctl login 127.0.0.1 --authority fleet/tls/authority.pem --user admin --password-file -");

  command(app, session, "logout", "Revokes the token and forgets it", [&session] { return log_out(session); });
  command(app, session, "whoami", "Who is signed in, where, and what they may do", [&session]() -> Result<int> {
    auto* api = TRY(session.api());
    const auto settings = TRY(session.settings());
    const auto me = TRY(api->get("/api/v1/me"));
    return session.show(json::object{{"server", settings.server},
                                     {"user", text_at(member_at(me, "administrator"), "name")},
                                     {"permission", text_at(me, "permission")},
                                     {"totp", truth_at(member_at(me, "administrator"), "totp")},
                                     {"token_expires", settings.expires}});
  });
}

}  // namespace osprey::ctl
