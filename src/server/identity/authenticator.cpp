#include "server/identity/authenticator.h"

#include <soci/soci.h>

#include <algorithm>
#include <unordered_map>

#include "base/text.h"
#include "server/api/problem.h"
#include "server/identity/administrators.h"
#include "server/identity/channel.h"
#include "server/identity/sessions.h"
#include "server/identity/tokens.h"
#include "server/secret.h"

namespace osprey::server::identity {

// A session or a token that counts, as it was when it was read.
struct Authenticator::Credential {
  Caller caller;
  Timestamp used;
  Timestamp ends;  // 0: never
  Timestamp read;

  bool is_over(Timestamp now) const {
    if (ends.ms != 0 && ends <= now) return true;
    return caller.session != 0 && used.ms + kSessionIdleMs <= now.ms;
  }
};

struct Authenticator::Memory {
  std::mutex mutex;
  std::unordered_map<std::string, Credential> credentials;  // by hash
  std::uint64_t forgotten = 0;                              // how often all were
  std::unordered_map<std::int64_t, Timestamp> sessions_used, tokens_used;

  void forget() {
    const std::lock_guard lock(mutex);
    credentials.clear();
    ++forgotten;
  }
};

namespace {

std::unexpected<Error> refused(std::string what) {
  return api::problem(api::kForbidden, "credential", std::move(what));
}

bool changes_something(http::Method method) { return method != http::Method::get && method != http::Method::head; }

}  // namespace

Authenticator::Authenticator(db::Database& database, Clock clock, AuthenticatorOptions options)
    : database_(database), clock_(std::move(clock)), options_(options), memory_(std::make_unique<Memory>()) {
  const auto forget = [this] { memory_->forget(); };
  listening_.listen(database_, std::string(kChannel), [forget](const std::string&) { forget(); }, forget);
  thread_ = std::thread([this] { run(); });
}

Authenticator::~Authenticator() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  ending_changed_.notify_all();
  thread_.join();
  (void)flush();
}

Result<Caller> Authenticator::authenticate(const http::RequestHead& head) {
  auto authorization = head.header("authorization");
  if (equal_ignoring_case(take_field(authorization), "bearer")) return by_token(trim(authorization), head);
  const auto secret = session_secret(head);
  if (secret.empty()) return Caller{.address = head.peer};
  return by_session(secret, head);
}

Result<Caller> Authenticator::by_token(std::string_view secret, const http::RequestHead& head) {
  const auto wrong = [] { return refused("the API token is wrong, expired or revoked"); };
  if (!secret.starts_with(kTokenPrefix) || !is_secret(secret.substr(kTokenPrefix.size()))) return wrong();
  auto known = TRY(credential(sha256_hex(secret), true));
  if (known.caller.token == 0) return wrong();
  known.caller.address = head.peer;
  return std::move(known.caller);
}

Result<Caller> Authenticator::by_session(std::string_view secret, const http::RequestHead& head) {
  const auto wrong = [] { return refused("the session has ended; sign in again"); };
  if (!is_secret(secret)) return wrong();
  auto known = TRY(credential(sha256_hex(secret), false));
  if (known.caller.session == 0) return wrong();
  if (changes_something(head.method) && !equal_secrets(head.header("x-csrf-token"), csrf_token(secret)))
    return api::problem(kWrongCsrf, "X-CSRF-Token", "is missing or not this session's; GET /api/v1/me tells it");
  known.caller.address = head.peer;
  return std::move(known.caller);
}

namespace {

// What the database says of the credential with this hash; nobody's if nothing.
struct Row {
  Caller caller;
  std::string role, scope;
  int disabled = 0, must_change = 0;
  std::int64_t used = 0, ends = 0, revoked = 0;
};

Row read_session(soci::session& sql, const std::string& hash) {
  Row row;
  sql << "SELECT s.id, a.id, a.name, a.role, a.disabled, a.must_change_password, s.used_at, s.expires_at "
         "FROM sessions s JOIN administrators a ON a.id = s.administrator WHERE s.hash = :hash",
      soci::use(hash), soci::into(row.caller.session), soci::into(row.caller.administrator),
      soci::into(row.caller.name), soci::into(row.role), soci::into(row.disabled), soci::into(row.must_change),
      soci::into(row.used), soci::into(row.ends);
  return row;
}

Row read_token(soci::session& sql, const std::string& hash) {
  Row row;
  sql << "SELECT t.id, a.id, a.name, a.role, a.disabled, t.scope, t.used_at, t.expires_at, t.revoked_at FROM "
         "api_tokens t JOIN administrators a ON a.id = t.administrator WHERE t.hash = :hash",
      soci::use(hash), soci::into(row.caller.token), soci::into(row.caller.administrator), soci::into(row.caller.name),
      soci::into(row.role), soci::into(row.disabled), soci::into(row.scope), soci::into(row.used), soci::into(row.ends),
      soci::into(row.revoked);
  return row;
}

api::Permission permission_of(const Row& row) {
  if (row.must_change) return api::Permission::signed_in;
  const auto of = [](const std::string& name) {
    const auto role = api::named<Role>(name);
    return role ? permission_of(*role) : api::Permission::signed_in;
  };
  return row.scope.empty() ? of(row.role) : std::min(of(row.role), of(row.scope));
}

}  // namespace

Result<Authenticator::Credential> Authenticator::credential(const std::string& hash, bool is_token) {
  const auto now = clock_();
  std::uint64_t generation = 0;
  Timestamp used;
  {
    const std::lock_guard lock(memory_->mutex);
    generation = memory_->forgotten;
    const auto found = memory_->credentials.find(hash);
    if (found != memory_->credentials.end()) {
      auto& known = found->second;
      used = known.used;
      const bool fresh = known.read.ms + options_.remember_ms > now.ms && known.read <= now;
      if (fresh && !known.is_over(now)) {
        known.used = now;
        (is_token ? memory_->tokens_used
                  : memory_->sessions_used)[is_token ? known.caller.token : known.caller.session] = now;
        return known;
      }
      memory_->credentials.erase(found);
    }
  }
  const auto row = TRY(
      database_.read([&](soci::session& sql) { return is_token ? read_token(sql, hash) : read_session(sql, hash); }));
  // What is used here may not be written down yet.
  Credential read{.caller = row.caller, .used = std::max(Timestamp{row.used}, used), .ends = {row.ends}, .read = now};
  read.caller.permission = permission_of(row);
  const auto id = is_token ? row.caller.token : row.caller.session;
  if (id == 0 || row.disabled || row.revoked != 0 || read.is_over(now)) return Credential{};
  read.used = now;
  const std::lock_guard lock(memory_->mutex);
  (is_token ? memory_->tokens_used : memory_->sessions_used)[id] = now;
  if (generation == memory_->forgotten) {
    if (memory_->credentials.size() >= options_.remembered) memory_->credentials.clear();
    memory_->credentials.insert_or_assign(hash, read);
  }
  return read;
}

Result<void> Authenticator::flush() {
  std::unordered_map<std::int64_t, Timestamp> sessions, tokens;
  {
    const std::lock_guard lock(memory_->mutex);
    sessions.swap(memory_->sessions_used);
    tokens.swap(memory_->tokens_used);
  }
  if (sessions.empty() && tokens.empty()) return {};
  return database_.write([&](db::Transaction& transaction) -> Result<void> {
    const auto write = [&](const std::unordered_map<std::int64_t, Timestamp>& times, const char* statement) {
      // By id: two servers that write the same rows do so in one order.
      for (const auto& [id, time] : std::map(times.begin(), times.end()))
        transaction.sql() << statement, soci::use(time.ms, "used"), soci::use(id, "id");
    };
    write(sessions, "UPDATE sessions SET used_at = :used WHERE id = :id AND used_at < :used");
    write(tokens, "UPDATE api_tokens SET used_at = :used WHERE id = :id AND used_at < :used");
    return {};
  });
}

void Authenticator::run() {
  std::unique_lock lock(mutex_);
  while (!ending_changed_.wait_for(lock, options_.flush, [&] { return ending_; })) {
    lock.unlock();
    (void)flush();  // while the database is gone nobody's session ends for being idle too late
    lock.lock();
  }
}

}  // namespace osprey::server::identity
