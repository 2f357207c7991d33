#include "server/identity/tokens.h"

#include <fmt/format.h>
#include <soci/soci.h>

#include "server/activity/activity.h"
#include "server/api/problem.h"
#include "server/identity/channel.h"
#include "server/secret.h"

namespace osprey::server::identity {
namespace {

constexpr std::string_view kColumns = "id, administrator, name, scope, created_at, used_at, expires_at, revoked_at";

// One row of kColumns.
struct Row {
  ApiToken token;
  std::string scope;
  std::int64_t used = 0, expires = 0, revoked = 0;

  template <class Statement>
  Statement&& into(Statement&& statement) {
    statement, soci::into(token.id), soci::into(token.administrator), soci::into(token.name), soci::into(scope),
        soci::into(token.created.ms), soci::into(used), soci::into(expires), soci::into(revoked);
    return std::forward<Statement>(statement);
  }
  ApiToken take() {
    token.scope = api::named<Role>(scope).value_or(Role::view);
    token.used = known(used);
    token.expires = known(expires);
    token.revoked = known(revoked);
    return token;
  }
};

}  // namespace

std::string subject_of(const ApiToken& token) { return activity::subject("token", token.id, token.name); }

Result<MadeToken> create(db::Transaction& transaction, const NewToken& made, Timestamp now) {
  auto& sql = transaction.sql();
  if (made.expires && *made.expires <= now)
    return api::problem(api::kInvalid, "expires", "lies in the past; leave it out for a token that does not end");
  TRY(check_name(made.name));
  int valid = 0;
  sql << "SELECT count(*) FROM api_tokens WHERE administrator = :administrator AND revoked_at = 0",
      soci::use(made.administrator), soci::into(valid);
  if (valid >= kMostTokens)
    return api::problem(api::kConflict, "tokens", fmt::format("there are {} already; revoke some", valid));
  const auto secret = std::string(kTokenPrefix) + random_secret();
  const auto hash = sha256_hex(secret);
  const std::string scope(api::name_of(made.scope));
  const auto expires = made.expires.value_or(Timestamp{}).ms;
  std::int64_t id = 0;
  sql << "INSERT INTO api_tokens (administrator, name, scope, hash, created_at, used_at, expires_at, revoked_at) "
         "VALUES (:administrator, :name, :scope, :hash, :now, 0, :expires, 0) RETURNING id",
      soci::use(made.administrator), soci::use(made.name), soci::use(scope), soci::use(hash), soci::use(now.ms),
      soci::use(expires), soci::into(id);
  MadeToken answer{.secret = secret};
  answer.token = {.id = id,
                  .administrator = made.administrator,
                  .name = made.name,
                  .scope = made.scope,
                  .created = now,
                  .expires = made.expires};
  return answer;
}

Result<ApiToken> revoke_token(db::Transaction& transaction, std::int64_t administrator, std::int64_t id,
                              Timestamp now) {
  Row row;
  row.into((transaction.sql() << "UPDATE api_tokens SET revoked_at = :now WHERE id = :id AND revoked_at = 0 AND "
                                 "(administrator = :administrator OR :all = 0) RETURNING "
                              << kColumns,
            soci::use(now.ms), soci::use(id), soci::use(administrator), soci::use(administrator)));
  if (row.token.id == 0)
    return api::problem(api::kNotFound, fmt::format("token {}", id), "is not there, or revoked already");
  tell_changed(transaction);
  return row.take();
}

void revoke_tokens(db::Transaction& transaction, std::int64_t administrator, Timestamp now) {
  transaction.sql()
      << "UPDATE api_tokens SET revoked_at = :now WHERE administrator = :administrator AND revoked_at = 0",
      soci::use(now.ms), soci::use(administrator);
  tell_changed(transaction);
}

Result<api::Page<ApiToken>> list_tokens(soci::session& sql, std::int64_t administrator, const api::PageRequest& page) {
  const auto from = TRY(api::id_after(page.after));
  const auto wanted = page.limit + 1;
  Row row;
  soci::statement statement = row.into(
      (sql.prepare << "SELECT " << kColumns
                   << " FROM api_tokens WHERE id > :after AND (administrator = :administrator OR :all = 0) ORDER BY id "
                      "LIMIT :limit",
       soci::use(from), soci::use(administrator), soci::use(administrator), soci::use(wanted)));
  statement.execute();
  std::vector<ApiToken> found;
  while (statement.fetch()) found.push_back(row.take());
  return api::page_by_id(std::move(found), page.limit);
}

}  // namespace osprey::server::identity
