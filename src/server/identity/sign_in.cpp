#include "server/identity/sign_in.h"

#include <soci/soci.h>

#include "server/activity/activity.h"
#include "server/api/problem.h"
#include "server/identity/administrators.h"
#include "server/identity/attempts.h"
#include "server/identity/second_factor.h"
#include "server/identity/sessions.h"

namespace osprey::server::identity {
namespace {

// What the database has on somebody of this name; id 0: nobody.
struct Known {
  std::int64_t id = 0;
  std::string name, password;
  int disabled = 0, totp = 0;
};

Known known_by(soci::session& sql, const std::string& key) {
  Known known;
  sql << "SELECT id, name, password, disabled, totp_on FROM administrators WHERE name_key = :key", soci::use(key),
      soci::into(known.id), soci::into(known.name), soci::into(known.password), soci::into(known.disabled),
      soci::into(known.totp);
  return known;
}

std::unexpected<Error> refused() { return api::problem(api::kForbidden, "sign-in", "name, password or code is wrong"); }

void record_lock(db::Database& database, const Known& known, const http::RequestHead& head, Timestamp now) {
  // That it could not be recorded does not open the lock.
  (void)database.write([&](db::Transaction& transaction) -> Result<void> {
    activity::record(transaction, Caller{.address = head.peer}, now,
                     {"sign_in.locked", activity::subject("administrator", known.id, known.name), {}});
    return {};
  });
}

}  // namespace

Result<SignedIn> sign_in(db::Database& database, Passwords& passwords, const SignIn& given,
                         const http::RequestHead& head, Timestamp now) {
  const Attempt attempt{name_key(given.name), head.peer};
  const bool locks = TRY(begin_attempt(database, attempt, now));
  const auto known = TRY(database.read([&](soci::session& sql) { return known_by(sql, attempt.name_key); }));
  const bool right = TRY(passwords.verify(given.password, known.password));
  if (!right || known.disabled) {
    if (locks && known.id != 0) record_lock(database, known, head, now);
    return refused();
  }
  if (known.totp && !given.code) return SignedIn{.code_wanted = true};
  return database.write([&](db::Transaction& transaction) -> Result<SignedIn> {
    auto& sql = transaction.sql();
    // As things stand now: a password may have been changed meanwhile.
    const auto still = known_by(sql, attempt.name_key);
    if (still.id != known.id || still.password != known.password || still.disabled) return refused();
    if (still.totp && !(given.code && take_code(transaction, still.id, *given.code, now))) return refused();
    attempt_succeeded(transaction, attempt, now);
    sql << "UPDATE administrators SET signed_in_at = :now WHERE id = :id", soci::use(now.ms), soci::use(still.id);
    SignedIn answer{.session_secret = begin_session(transaction, still.id, head, now)};
    const Caller caller{.administrator = still.id, .name = still.name, .address = head.peer};
    activity::record(transaction, caller, now,
                     {"session.begun", activity::subject("administrator", still.id, still.name), {}});
    return answer;
  });
}

}  // namespace osprey::server::identity
