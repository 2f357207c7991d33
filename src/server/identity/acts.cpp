#include "server/identity/acts.h"

#include "server/activity/activity.h"
#include "server/api/problem.h"
#include "server/identity/administrators.h"
#include "server/identity/attempts.h"

namespace osprey::server::identity {

Result<void> need_session(const Caller& caller) {
  if (caller.session != 0) return {};
  return api::problem(api::kForbidden, "session", "sign in for this; an API token does not do");
}

Result<void> confirm_password(const api::Context& context, std::string_view password) {
  auto& database = *context.services.database;
  const auto id = context.caller.administrator;
  const Attempt attempt{name_key(context.caller.name), context.caller.address};
  TRY(begin_attempt(database, attempt, context.now));
  const auto hash = TRY(database.read([&](soci::session& sql) { return password_of(sql, id); }));
  if (!TRY(context.services.passwords->verify(password, hash)))
    return api::problem(api::kForbidden, "password", "is wrong");
  return database.write([&](db::Transaction& transaction) -> Result<void> {
    attempt_succeeded(transaction, attempt, context.now);
    return {};
  });
}

std::string subject_of(const Caller& caller) {
  return activity::subject("administrator", caller.administrator, caller.name);
}

}  // namespace osprey::server::identity
