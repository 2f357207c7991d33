#include "server/identity/sessions.h"

#include <fmt/format.h>
#include <soci/soci.h>

#include "base/text.h"
#include "server/api/problem.h"
#include "server/identity/channel.h"
#include "server/secret.h"

namespace osprey::server::identity {
namespace {

constexpr std::string_view kCookie = "osprey_session";
constexpr std::size_t kMostUserAgent = 200;

http::Headers cookie(std::string_view value, std::int64_t seconds) {
  return {{"set-cookie",
           fmt::format("{}={}; Path=/; Max-Age={}; Secure; HttpOnly; SameSite=Strict", kCookie, value, seconds)}};
}

}  // namespace

std::string begin_session(db::Transaction& transaction, std::int64_t administrator, const http::RequestHead& head,
                          Timestamp now) {
  auto& sql = transaction.sql();
  const auto idle_since = now.ms - kSessionIdleMs;
  sql << "DELETE FROM sessions WHERE expires_at <= :now OR (administrator = :administrator AND used_at <= :idle)",
      soci::use(now.ms), soci::use(administrator), soci::use(idle_since);
  const int kept = kMostSessions - 1;
  sql << "DELETE FROM sessions WHERE administrator = :administrator AND id NOT IN (SELECT id FROM sessions WHERE "
         "administrator = :same ORDER BY used_at DESC, id DESC LIMIT :kept)",
      soci::use(administrator), soci::use(administrator), soci::use(kept);
  const auto secret = random_secret();
  const auto hash = sha256_hex(secret);
  const auto agent = escape_invalid_utf8(head.header("user-agent").substr(0, kMostUserAgent));
  const auto expires = now.ms + kSessionMostMs;
  sql << "INSERT INTO sessions (administrator, hash, address, user_agent, created_at, used_at, expires_at) "
         "VALUES (:administrator, :hash, :address, :agent, :created, :used, :expires)",
      soci::use(administrator), soci::use(hash), soci::use(head.peer), soci::use(agent), soci::use(now.ms),
      soci::use(now.ms), soci::use(expires);
  return secret;
}

std::string rotate_session(db::Transaction& transaction, std::int64_t session) {
  const auto secret = random_secret();
  const auto hash = sha256_hex(secret);
  transaction.sql() << "UPDATE sessions SET hash = :hash WHERE id = :id", soci::use(hash), soci::use(session);
  tell_changed(transaction);
  return secret;
}

void end_sessions(db::Transaction& transaction, std::int64_t administrator, std::int64_t kept) {
  transaction.sql() << "DELETE FROM sessions WHERE administrator = :administrator AND id <> :kept",
      soci::use(administrator), soci::use(kept);
  tell_changed(transaction);
}

Result<void> end_session(db::Transaction& transaction, std::int64_t administrator, std::int64_t session) {
  std::int64_t ended = 0;
  transaction.sql() << "DELETE FROM sessions WHERE administrator = :administrator AND id = :id RETURNING id",
      soci::use(administrator), soci::use(session), soci::into(ended);
  if (ended == 0) return api::problem(api::kNotFound, fmt::format("session {}", session), "is not there");
  tell_changed(transaction);
  return {};
}

std::vector<Session> list_sessions(soci::session& sql, std::int64_t administrator, std::int64_t current,
                                   Timestamp now) {
  const auto idle_since = now.ms - kSessionIdleMs;
  Session session;
  soci::statement statement =
      (sql.prepare << "SELECT id, address, user_agent, created_at, used_at, expires_at FROM sessions WHERE "
                      "administrator = :administrator AND expires_at > :now AND used_at > :idle ORDER BY id DESC",
       soci::use(administrator), soci::use(now.ms), soci::use(idle_since), soci::into(session.id),
       soci::into(session.address), soci::into(session.user_agent), soci::into(session.created.ms),
       soci::into(session.used.ms), soci::into(session.expires.ms));
  statement.execute();
  std::vector<Session> found;
  while (statement.fetch()) found.emplace_back(session).current = session.id == current;
  return found;
}

std::string session_secret(const http::RequestHead& head) {
  std::string_view found;
  for (const auto& [name, value] : head.headers) {
    if (name != "cookie") continue;
    for (auto pair : split(value, ';')) {
      pair = trim(pair);
      if (take_until(pair, '=') != kCookie) continue;
      if (!found.empty() && found != pair) return {};
      found = pair;
    }
  }
  return std::string(found);
}

http::Headers session_cookie(std::string_view secret) { return cookie(secret, kSessionMostMs / 1000); }
http::Headers no_session_cookie() { return cookie("", 0); }

std::string csrf_token(std::string_view secret) { return hmac_sha256_hex(secret, "csrf"); }

}  // namespace osprey::server::identity
