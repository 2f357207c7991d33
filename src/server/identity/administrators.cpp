#include "server/identity/administrators.h"

#include <fmt/format.h>
#include <soci/soci.h>

#include <algorithm>

#include "base/text.h"
#include "base/utf8.h"
#include "server/activity/activity.h"
#include "server/api/problem.h"
#include "server/identity/attempts.h"
#include "server/identity/channel.h"
#include "server/identity/second_factor.h"
#include "server/identity/sessions.h"

namespace osprey::server::identity {
namespace {

constexpr std::size_t kMostName = 100;
constexpr std::string_view kColumns =
    "SELECT id, name, role, disabled, must_change_password, totp_on, created_at, signed_in_at FROM administrators ";

// One row of kColumns.
struct Row {
  Administrator administrator;
  std::string role;
  int disabled = 0, must_change = 0, totp = 0;
  std::int64_t signed_in = 0;

  template <class Statement>
  Statement&& into(Statement&& statement) {
    auto& a = administrator;
    statement, soci::into(a.id), soci::into(a.name), soci::into(role), soci::into(disabled), soci::into(must_change),
        soci::into(totp), soci::into(a.created.ms), soci::into(signed_in);
    return std::forward<Statement>(statement);
  }
  Administrator take() {
    administrator.role = api::named<Role>(role).value_or(Role::view);
    administrator.disabled = disabled != 0;
    administrator.must_change_password = must_change != 0;
    administrator.totp = totp != 0;
    administrator.signed_in = known(signed_in);
    return administrator;
  }
};

std::unexpected<Error> not_found(std::int64_t id) {
  return api::problem(api::kNotFound, fmt::format("administrator {}", id), "is not there");
}

std::unexpected<Error> name_taken(std::string_view name) {
  return api::problem(api::kConflict, fmt::format("administrator «{}»", name), "is there already; take another name");
}

bool has_name(soci::session& sql, const std::string& key, std::int64_t other_than) {
  int found = 0;
  sql << "SELECT count(*) FROM administrators WHERE name_key = :key AND id <> :id", soci::use(key),
      soci::use(other_than), soci::into(found);
  return found > 0;
}

void lock(db::Transaction& transaction) { transaction.sql() << "UPDATE administrators_lock SET changes = changes + 1"; }

// Whether anybody but `id` can administer.
Result<void> check_not_last(db::Transaction& transaction, const Administrator& administrator) {
  if (administrator.role != Role::administer || administrator.disabled) return {};
  int others = 0;
  transaction.sql() << "SELECT count(*) FROM administrators WHERE role = 'administer' AND disabled = 0 AND id <> :id",
      soci::use(administrator.id), soci::into(others);
  if (others > 0) return {};
  return api::problem(api::kConflict, subject_of(administrator),
                      "is the last who may administer; give somebody else that role first");
}

// C0, DEL, C1; zero-width and direction marks; U+2028 and U+2029; the byte order mark.
bool is_unseen(char32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || (c >= 0x200b && c <= 0x200f) ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

}  // namespace

api::Permission permission_of(Role role) noexcept {
  switch (role) {
    case Role::view:
      return api::Permission::view;
    case Role::run_live:
      return api::Permission::run_live;
    case Role::manage:
      return api::Permission::manage;
    case Role::administer:
      return api::Permission::administer;
  }
  return api::Permission::signed_in;
}

Result<void> check_name(std::string_view name) {
  if (!is_valid_utf8(name)) return api::problem(api::kInvalid, "name", "is not UTF-8");
  if (name.empty() || characters(name) > kMostName)
    return api::problem(api::kInvalid, "name", fmt::format("wants 1 to {} characters", kMostName));
  if (trim(name) != name) return api::problem(api::kInvalid, "name", "must not begin or end with a blank");
  for (auto rest = name; !rest.empty();)
    if (is_unseen(take_character(rest))) return api::problem(api::kInvalid, "name", "has a character that is not seen");
  return {};
}

std::string name_key(std::string_view name) { return to_lower(name); }

std::string subject_of(const Administrator& administrator) {
  return activity::subject("administrator", administrator.id, administrator.name);
}

Result<Administrator> create(db::Transaction& transaction, const NewAdministrator& made, Timestamp now) {
  TRY(check_name(made.name));
  const auto key = name_key(made.name);
  if (has_name(transaction.sql(), key, 0)) return name_taken(made.name);
  const std::string role(api::name_of(made.role));
  const int must_change = made.must_change_password;
  std::int64_t id = 0;
  transaction.sql() << "INSERT INTO administrators (name, name_key, role, password, must_change_password, disabled, "
                       "totp_key, totp_on, totp_used, created_at, signed_in_at) "
                       "VALUES (:name, :key, :role, :password, :must_change, 0, '', 0, 0, :now, 0) RETURNING id",
      soci::use(made.name), soci::use(key), soci::use(role), soci::use(made.password_hash), soci::use(must_change),
      soci::use(now.ms), soci::into(id);
  return find(transaction.sql(), id);
}

Result<Administrator> find(soci::session& sql, std::int64_t id) {
  Row row;
  row.into((sql << kColumns << "WHERE id = :id", soci::use(id)));
  if (!sql.got_data()) return not_found(id);
  return row.take();
}

Result<api::Page<Administrator>> list(soci::session& sql, const api::PageRequest& page) {
  const auto from = TRY(api::id_after(page.after));
  const auto wanted = page.limit + 1;
  Row row;
  soci::statement statement = row.into(
      (sql.prepare << kColumns << "WHERE id > :after ORDER BY id LIMIT :limit", soci::use(from), soci::use(wanted)));
  statement.execute();
  std::vector<Administrator> found;
  while (statement.fetch()) found.push_back(row.take());
  return api::page_by_id(std::move(found), page.limit);
}

Result<Administrator> change(db::Transaction& transaction, std::int64_t id, const AdministratorChange& wanted) {
  auto& sql = transaction.sql();
  lock(transaction);
  const auto before = TRY(find(sql, id));
  auto after = before;
  after.name = wanted.name.value_or(before.name);
  after.role = wanted.role.value_or(before.role);
  after.disabled = wanted.disabled.value_or(before.disabled);
  TRY(check_name(after.name));
  const auto key = name_key(after.name);
  if (has_name(sql, key, id)) return name_taken(after.name);
  const bool may_less = after.role < before.role || (after.disabled && !before.disabled);
  if (may_less) TRY(check_not_last(transaction, before));
  const std::string role(api::name_of(after.role));
  const int disabled = after.disabled;
  sql << "UPDATE administrators SET name = :name, name_key = :key, role = :role, disabled = :disabled WHERE id = :id",
      soci::use(after.name), soci::use(key), soci::use(role), soci::use(disabled), soci::use(id);
  if (after.role != before.role || after.disabled != before.disabled) end_sessions(transaction, id);
  tell_changed(transaction);
  return after;
}

Result<Administrator> remove(db::Transaction& transaction, std::int64_t id) {
  lock(transaction);
  const auto administrator = TRY(find(transaction.sql(), id));
  TRY(check_not_last(transaction, administrator));
  transaction.sql() << "DELETE FROM administrators WHERE id = :id", soci::use(id);
  tell_changed(transaction);
  return administrator;
}

void set_password(db::Transaction& transaction, std::int64_t id, const std::string& hash, bool must_change,
                  std::int64_t kept_session) {
  const int must = must_change;
  transaction.sql() << "UPDATE administrators SET password = :hash, must_change_password = :must WHERE id = :id",
      soci::use(hash), soci::use(must), soci::use(id);
  end_sessions(transaction, id, kept_session);
}

std::string password_of(soci::session& sql, std::int64_t id) {
  std::string hash;
  sql << "SELECT password FROM administrators WHERE id = :id", soci::use(id), soci::into(hash);
  return hash;
}

Result<std::optional<std::string>> make_first_administrator(db::Database& database, Passwords& passwords,
                                                            Timestamp now) {
  const auto count = [](soci::session& sql) {
    int found = 0;
    sql << "SELECT count(*) FROM administrators", soci::into(found);
    return found;
  };
  if (TRY(database.read(count)) > 0) return std::nullopt;
  const auto password = random_password();
  const auto hash = TRY(passwords.hash(password));
  return database.write([&](db::Transaction& transaction) -> Result<std::optional<std::string>> {
    lock(transaction);
    if (count(transaction.sql()) > 0) return std::nullopt;  // another server was first
    // Nobody but who starts the server has seen it.
    const NewAdministrator first{"admin", Role::administer, hash, /*must_change_password=*/false};
    TRY(create(transaction, first, now));
    return password;
  });
}

Result<std::string> reset_password(db::Database& database, Passwords& passwords, const std::string& name,
                                   Timestamp now) {
  const auto password = random_password();
  const auto hash = TRY(passwords.hash(password));
  const auto key = name_key(name);
  return database.write([&](db::Transaction& transaction) -> Result<std::string> {
    auto& sql = transaction.sql();
    std::int64_t id = 0;
    sql << "UPDATE administrators SET disabled = 0 WHERE name_key = :key RETURNING id", soci::use(key), soci::into(id);
    if (id == 0) return api::problem(api::kNotFound, fmt::format("administrator «{}»", name), "is not there");
    set_password(transaction, id, hash, true);
    remove_totp(transaction, id);
    forget_attempts(transaction, key);
    const auto administrator = TRY(find(sql, id));
    activity::record(transaction, Caller{.name = "console"}, now, {"password.reset", subject_of(administrator), {}});
    return password;
  });
}

}  // namespace osprey::server::identity
