// Sessions: what signing in gives a browser. The cookie holds a secret of which the database has the hash.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "server/api/fields.h"
#include "server/db/database.h"
#include "server/http/message.h"
#include "server/identity/caller.h"
#include "server/time.h"

namespace osprey::server::identity {

inline constexpr std::int64_t kSessionIdleMs = 60 * 60 * 1000;       // without a request
inline constexpr std::int64_t kSessionMostMs = 12 * 60 * 60 * 1000;  // in any case
inline constexpr int kMostSessions = 50;                             // an administrator; the oldest give way

struct Session {
  std::int64_t id = 0;
  std::string address;
  std::string user_agent;
  Timestamp created;
  Timestamp used;
  Timestamp expires;
  bool current = false;
  static constexpr std::string_view kTypeName = "Session";
  static constexpr auto fields() {
    using api::field;
    return std::tuple(field("id", &Session::id, "Number of the session."),
                      field("address", &Session::address, "Address it was begun from."),
                      field("user_agent", &Session::user_agent, "What the browser called itself."),
                      field("created", &Session::created, "When it was begun."),
                      field("used", &Session::used, "Last request, within half a minute or so."),
                      field("expires", &Session::expires, "When it ends at the latest."),
                      field("current", &Session::current, "It is the one that asks."));
  }
};

// Begins a session; the secret is told to the browser and to nobody else.
std::string begin_session(db::Transaction& transaction, std::int64_t administrator, const http::RequestHead& head,
                          Timestamp now);
// The session goes on under a new secret: what one may do has changed, so whoever knew the old one is out.
std::string rotate_session(db::Transaction& transaction, std::int64_t session);
void end_sessions(db::Transaction& transaction, std::int64_t administrator, std::int64_t kept = 0);
// kNotFound: it is none of this administrator's.
Result<void> end_session(db::Transaction& transaction, std::int64_t administrator, std::int64_t session);
// The latest first.
std::vector<Session> list_sessions(soci::session& sql, std::int64_t administrator, std::int64_t current, Timestamp now);

// The secret in the request's cookie; empty without one, or with several that differ: another site on a neighbouring
// name may have planted one.
std::string session_secret(const http::RequestHead& head);
// `set-cookie`.
http::Headers session_cookie(std::string_view secret);
http::Headers no_session_cookie();
// What X-CSRF-Token must be in this session. Made from the secret, which scripts cannot read.
std::string csrf_token(std::string_view secret);

}  // namespace osprey::server::identity
