#include <fmt/format.h>

#include "ctl/commands/commands.h"
#include "ctl/sign_in.h"

namespace osprey::ctl {
namespace {

constexpr int kTries = 3;

bool is_on(const json::value& me) { return truth_at(member_at(me, "administrator"), "totp"); }

// One's own account, signed in anew: no token may touch the second factor.
class Account {
 public:
  Account(Session& session, const std::string& password_file) : session_(session), password_file_(password_file) {}

  Result<int> turn_on() {
    if (is_on(TRY(who())))
      return failure("one-time codes", "are on; for a new key: ospreyctl totp off, then ospreyctl totp on");
    auto api = TRY(sign_in_anew());
    const auto key = TRY(api.post("/api/v1/me/totp", json::object{{"password", password_}}));
    TRY(
        show_on_terminal(fmt::format("Type this key into an authenticator, or let it read the address as a picture:\n"
                                     "  key      {}\n"
                                     "  address  {}\n"
                                     "They are shown this once, and count when a code of theirs is right.\n",
                                     text_at(key, "key"), text_at(key, "uri"))));
    const auto codes = TRY(confirm_code(api));
    sign_out(api);
    if (session_.format != Format::table) return session_.show(codes);
    session_.terminal.note(
        "From now on signing in wants a code. One's other sessions have ended, tokens have not.\n"
        "Recovery codes, for the day the authenticator is lost: each counts once. They are told this once:");
    for (const auto& code : items_of(member_at(codes, "recovery_codes")))
      session_.terminal.write(cell_text(code) + "\n");
    return kDone;
  }

  Result<int> turn_off() {
    if (!is_on(TRY(who()))) return session_.say("one-time codes are off already");
    auto api = TRY(sign_in_anew());
    const json::value body = json::object{{"password", password_}};
    TRY(changed(api, "POST", "/api/v1/me/totp/remove", body));
    sign_out(api);
    return session_.say("one-time codes are off: signing in wants the password alone");
  }

 private:
  Result<json::value> who() {
    auto* api = TRY(session_.api());
    auto me = TRY(api->get("/api/v1/me"));
    name_ = text_at(member_at(me, "administrator"), "name");
    return me;
  }

  Result<Api> sign_in_anew() {
    const auto settings = TRY(session_.settings());
    auto api = TRY(session_.anonymous(settings));
    session_.terminal.note(fmt::format("Signing in as {}: this wants the password, not a token.", name_));
    password_ = TRY(sign_in(api, {.user = name_, .password_file = password_file_, .code = {}}));
    return api;
  }

  // The answer of a change after which the session has another secret.
  static Result<net::HttpClientResponse> changed(Api& api, const std::string& method, const std::string& target,
                                                 const json::value& body) {
    auto response = TRY(api.exchange(method, target, &body));
    if (response.status >= 300) return std::unexpected(problem_of(response));
    TRY(renew_session(api, response));
    return response;
  }

  Result<json::value> confirm_code(Api& api) {
    for (int tried = 1;; ++tried) {
      const auto code = TRY(ask("code that the authenticator shows now:", false));
      const json::value body = json::object{{"code", code}};
      const auto response = changed(api, "PUT", "/api/v1/me/totp", body);
      if (response) return json::parse(response->body);
      if (tried == kTries || session_.interrupt().cancelled()) {
        session_.terminal.note("One-time codes were not turned on; forget that key.", Colour::yellow);
        return std::unexpected(response.error());
      }
      session_.terminal.note(response.error().text(), Colour::yellow);
    }
  }

  // Best effort: the session ends by itself, too.
  static void sign_out(Api& api) { static_cast<void>(api.post("/api/v1/sign_out")); }

  Session& session_;
  const std::string& password_file_;
  std::string name_;
  std::string password_;
};

}  // namespace

void add_totp(CLI::App& app, Session& session) {
  auto* totp = group(app, "totp", "One's own second factor: one-time codes of an authenticator");
  totp->footer(
      "The key is shown on the terminal, whatever standard output is; recovery codes go to standard output.\n"
      "Whoever has lost both: ospreyctl users reset NAME --remove-totp, by another administrator;\n"
      "or osprey-server reset_password NAME on the server's machine.\n\n"
      "Examples:\n  ospreyctl totp on\n  ospreyctl totp on > recovery-codes.txt\n  ospreyctl totp off");
  auto file = std::make_shared<std::string>();
  auto* on =
      command(*totp, session, "on", "Turns codes on: shows a key, asks for its first code, prints recovery codes",
              [&session, file] { return Account(session, *file).turn_on(); });
  auto* off = command(*totp, session, "off", "Turns codes off; asks for one more",
                      [&session, file] { return Account(session, *file).turn_off(); });
  for (auto* each : {on, off})
    each->add_option("--password-file", *file,
                     "File with the password in its first line; - is standard input; left out: asked on the terminal");
}

}  // namespace osprey::ctl
