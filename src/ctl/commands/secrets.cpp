#include <fmt/format.h>

#include "ctl/commands/commands.h"
#include "ctl/files.h"

namespace osprey::ctl {
namespace {

struct Wanted {
  std::string name, expire, text_file;
  std::vector<std::string> tags;
  std::int64_t uses = 0;
  bool flags = false, secret = false, certificate = false, fingerprint = false;
};

Result<json::value> find_secret(Api& api, const std::string& name) {
  const auto all = TRY(api.get(path_of({"enrollment", "secrets"})));
  if (!name.empty()) {
    // A name of one in use may have been that of a revoked one before.
    json::array in_use;
    for (const auto& secret : items_of(all))
      if (member_at(secret, "revoked_at").is_null()) in_use.push_back(secret);
    return find_named(in_use, "secret", name);
  }
  for (const auto& secret : items_of(all))
    if (member_at(secret, "revoked_at").is_null()) return secret;
  return failure("secrets", "there is none in use: ospreyctl secrets create NAME");
}

Result<int> create(Session& session, const Wanted& wanted) {
  auto* api = TRY(session.api());
  json::object body{{"name", wanted.name}, {"tags", json::array(wanted.tags.begin(), wanted.tags.end())}};
  if (!wanted.expire.empty()) body["expires_at"] = time_from_now(TRY(duration_seconds(wanted.expire)));
  if (wanted.uses > 0) body["use_limit"] = wanted.uses;
  if (!wanted.text_file.empty()) {
    auto text = TRY(read_file(wanted.text_file));
    while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
    body["secret"] = text;
  }
  TRY(api->post(path_of({"enrollment", "secrets"}), body));
  return session.say(fmt::format("made; what enrols a host: ospreyctl secrets line {}", wanted.name));
}

// The one piece of `line` that is wanted.
Result<std::string> piece_of(const json::value& line, const Wanted& wanted) {
  if (wanted.fingerprint && text_at(line, "fingerprint").empty())
    return failure("fingerprint", "there is none: the server's certificate is one that hosts trust by themselves");
  std::string text;
  if (wanted.flags)
    for (const auto& flag : items_of(member_at(line, "flags"))) text += cell_text(flag) + "\n";
  else
    text = text_at(line, wanted.secret        ? "secret"
                         : wanted.certificate ? "certificate"
                         : wanted.fingerprint ? "fingerprint"
                                              : "shell");
  if (!text.ends_with('\n')) text += '\n';
  return text;
}

Result<int> show_line(Session& session, const Wanted& wanted) {
  auto* api = TRY(session.api());
  const auto secret = std::to_string(number_at(TRY(find_secret(*api, wanted.name)), "id"));
  const auto line = TRY(api->get(path_of({"enrollment", "secrets", secret, "line"})));
  if (session.format != Format::table) return session.show(line);
  session.terminal.write(TRY(piece_of(line, wanted)));
  const auto fingerprint = text_at(line, "fingerprint");
  const bool whole = !wanted.flags && !wanted.certificate && !wanted.fingerprint && !wanted.secret;
  if (whole && !fingerprint.empty())
    session.terminal.note(
        fmt::format("The server's authority, to compare with what a first login shows:\n  SHA-256 {}", fingerprint));
  return kDone;
}

}  // namespace

void add_secrets(CLI::App& app, Session& session) {
  auto* secrets = group(app, "secrets", "Secrets that hosts enrol with");
  command(*secrets, session, "list", "All of them, revoked ones too; without their texts", [&session] {
    return session.list_whole(path_of({"enrollment", "secrets"}), {{"ID", "id"},
                                                                   {"NAME", "name"},
                                                                   {"TAGS", "tags"},
                                                                   {"USES", "uses"},
                                                                   {"LIMIT", "use_limit"},
                                                                   {"EXPIRES", "expires_at"},
                                                                   {"REVOKED", "revoked_at"},
                                                                   {"LAST USED", "last_used_at"}});
  });

  auto wanted = std::make_shared<Wanted>();
  auto* made =
      command(*secrets, session, "create", "Makes a secret", [&session, wanted] { return create(session, *wanted); });
  made->add_option("name", wanted->name, "Its name")->required();
  made->add_option("--tag", wanted->tags, "Tag that hosts get when they enrol with it; may be said several times");
  made->add_option("--expire", wanted->expire, "When it ends: 12h, 30d");
  made->add_option("--uses", wanted->uses, "How many hosts it may bring into the fleet");
  made->add_option("--text-file", wanted->text_file, "File with its text, - is standard input; left out: a random one");

  auto* line = command(*secrets, session, "line", "What enrols a host: a line for its root shell",
                       [&session, wanted] { return show_line(session, *wanted); });
  line->add_option("name", wanted->name, "The secret; left out: the first in use");
  line->add_flag("--flags", wanted->flags, "The flags for ospreyd or osqueryd instead");
  line->add_flag("--certificate", wanted->certificate, "The PEM of who vouches for the server instead");
  line->add_flag("--fingerprint", wanted->fingerprint, "The SHA-256 of that instead, for login --fingerprint");
  line->add_flag("--secret", wanted->secret, "The secret's text instead");
  for (const auto* each : {"--flags", "--certificate", "--fingerprint", "--secret"})
    for (const auto* other : {"--flags", "--certificate", "--fingerprint", "--secret"})
      if (each != other) line->get_option(each)->excludes(other);
  line->footer(
      "Examples:\n  ospreyctl secrets line | ssh root@web-1 sh\n"
      "  ospreyctl secrets line laptops --flags > osquery.flags\n"
      "  ospreyctl secrets line --fingerprint");

  command(*secrets, session, "revoke", "No host enrols with it any more; those that have stay",
          [&session, wanted]() -> Result<int> {
            auto* api = TRY(session.api());
            const auto secret = TRY(find_secret(*api, wanted->name));
            TRY(api->remove(path_of({"enrollment", "secrets", std::to_string(number_at(secret, "id"))})));
            return session.say("revoked");
          })
      ->add_option("name", wanted->name, "Its name or number")
      ->required();

  command(*secrets, session, "failures", "Enrolments that were refused, and why", [&session] {
    return session.list({"enrollment", "failures"}, {},
                        {{"SECRET", "secret"},
                         {"ADDRESS", "address"},
                         {"REASON", "reason"},
                         {"IDENTIFIER", "identifier"},
                         {"ATTEMPTS", "attempts"},
                         {"LAST", "last_at"}});
  });
}

}  // namespace osprey::ctl
