#include "server/enrollment/secrets.h"

#include <fmt/format.h>
#include <soci/soci.h>

#include <algorithm>

#include "base/text.h"
#include "server/activity/activity.h"
#include "server/api/problem.h"
#include "server/db/bytes.h"
#include "server/enrollment/digest.h"
#include "server/enrollment/enrollment.h"
#include "server/secret.h"

namespace osprey::server::enrollment {
namespace {

constexpr std::size_t kLeastText = 8;
constexpr std::size_t kMostText = 256;
constexpr std::string_view kDefaultName = "default";

std::string join(const std::vector<hosts::TagId>& tags) { return fmt::format("{}", fmt::join(tags, " ")); }

std::vector<hosts::TagId> split_tags(std::string_view text) {
  std::vector<hosts::TagId> tags;
  for (const auto word : osprey::fields(text))
    if (const auto tag = parse<hosts::TagId>(word)) tags.push_back(*tag);
  return tags;
}

// The columns of a secret, as `SELECT` and soci::into want them.
struct Row {
  static constexpr std::string_view kSelect =
      "SELECT id, name, secret, tags, expires_at, use_limit, uses, last_used_at, created_at, created_by, revoked_at "
      "FROM enrollment_secret ";
  std::int64_t id = 0;
  std::string name, text, tags, created_by;
  std::int64_t expires_at = 0, use_limit = 0, uses = 0, last_used_at = 0, created_at = 0, revoked_at = 0;

  template <class Statement>
  Statement& bind(Statement& statement) {
    using soci::into;
    statement, into(id), into(name), into(text), into(tags), into(expires_at), into(use_limit), into(uses),
        into(last_used_at), into(created_at), into(created_by), into(revoked_at);
    return statement;
  }
  Secret secret() const {
    return {.id = id,
            .name = name,
            .tags = split_tags(tags),
            .expires_at = known(expires_at),
            .use_limit = use_limit == 0 ? std::nullopt : std::optional(use_limit),
            .uses = uses,
            .last_used_at = known(last_used_at),
            .created_at = {created_at},
            .created_by = created_by,
            .revoked_at = known(revoked_at)};
  }
};

// The one row that `where` finds by its one parameter, :key.
template <class Key>
std::optional<Row> row_where(soci::session& sql, std::string_view where, const Key& key) {
  Row row;
  {
    auto once = (sql << Row::kSelect << where, soci::use(key, "key"));
    row.bind(once);
  }
  return sql.got_data() ? std::optional(row) : std::nullopt;
}

Result<Row> row_by_id(soci::session& sql, std::int64_t id) {
  auto row = row_where(sql, "WHERE id = :key", id);
  if (!row) return api::problem(api::kNotFound, fmt::format("secret {}", id), "there is none");
  return *row;
}

}  // namespace

ShownSecret shown(Secret secret, const tags::Tags& tags) {
  ShownSecret made{std::move(secret), {}};
  for (const auto& tag : tags.all())
    if (std::ranges::find(made.tags, tag.id) != made.tags.end()) made.tag_names.push_back(tag.name);
  return made;
}

std::string subject_of(std::int64_t id, std::string_view name) {
  return activity::subject("enrollment secret", id, name);
}

Result<void> check_secret_text(std::string_view text) {
  if (text.size() < kLeastText || text.size() > kMostText)
    return api::problem(api::kInvalid, "secret", fmt::format("must have {} to {} bytes", kLeastText, kMostText));
  if (!std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; }))
    return api::problem(api::kInvalid, "secret", "must be of printable ASCII characters without spaces");
  return {};
}

Result<std::int64_t> add_secret(db::Transaction& transaction, const NewSecret& secret, Timestamp now) {
  const db::Bytes hash{std::string(bytes_of(digest_of(secret.text)))};
  const auto expires_at = secret.expires_at.value_or(Timestamp{}).ms;
  const auto use_limit = secret.use_limit.value_or(0);
  const auto tags = join(secret.tags);
  std::int64_t taken = 0;
  auto& sql = transaction.sql();
  sql << "SELECT count(*) FROM enrollment_secret WHERE name = :name AND revoked_at = 0", soci::use(secret.name),
      soci::into(taken);
  if (taken != 0)
    return api::problem(api::kConflict, fmt::format("secret «{}»", secret.name), "is there already; revoke it first");
  sql << "SELECT count(*) FROM enrollment_secret WHERE secret_hash = :hash", soci::use(hash), soci::into(taken);
  if (taken != 0) return api::problem(api::kConflict, "secret", "another one has this text; each needs its own");
  std::int64_t id = 0;
  sql << "INSERT INTO enrollment_secret (name, secret, secret_hash, tags, expires_at, use_limit, created_at, "
         "created_by) VALUES (:name, :secret, :hash, :tags, :expires, :most, :created, :by) RETURNING id",
      soci::use(secret.name), soci::use(secret.text), soci::use(hash), soci::use(tags), soci::use(expires_at),
      soci::use(use_limit), soci::use(now.ms), soci::use(secret.created_by), soci::into(id);
  return id;
}

Result<Secret> revoke_secret(db::Transaction& transaction, std::int64_t id, Timestamp now) {
  auto row = TRY(row_by_id(transaction.sql(), id));
  if (row.revoked_at == 0) {
    row.revoked_at = now.ms;
    transaction.sql() << "UPDATE enrollment_secret SET revoked_at = :now WHERE id = :id", soci::use(row.revoked_at),
        soci::use(row.id);
  }
  return row.secret();
}

Result<std::pair<Secret, std::string>> read_secret(db::Transaction& transaction, std::int64_t id) {
  const auto row = TRY(row_by_id(transaction.sql(), id));
  return std::pair(row.secret(), row.text);
}

Result<std::vector<Secret>> list_secrets(db::Database& database) {
  return database.read([](soci::session& sql) {
    std::vector<Secret> secrets;
    Row row;
    auto prepared = (sql.prepare << Row::kSelect << "ORDER BY id");
    soci::statement statement(row.bind(prepared));
    statement.execute();
    while (statement.fetch()) secrets.push_back(row.secret());
    return secrets;
  });
}

Result<std::vector<std::string>> secrets_with(db::Database& database, hosts::TagId tag) {
  std::vector<std::string> users;
  for (const auto& secret : TRY(list_secrets(database)))
    if (!secret.revoked_at && std::ranges::find(secret.tags, tag) != secret.tags.end())
      users.push_back(subject_of(secret.id, secret.name));
  return users;
}

std::optional<Secret> find_secret(db::Transaction& transaction, std::string_view text) {
  const db::Bytes hash{std::string(bytes_of(digest_of(text)))};
  const auto row = row_where(transaction.sql(), "WHERE secret_hash = :key", hash);
  return row ? std::optional(row->secret()) : std::nullopt;
}

std::optional<Secret> secret_by_id(db::Transaction& transaction, std::int64_t id) {
  const auto row = row_by_id(transaction.sql(), id);
  return row ? std::optional(row->secret()) : std::nullopt;
}

std::string_view refusal_of(const Secret& secret, Timestamp now) noexcept {
  if (secret.revoked_at) return "revoked";
  if (secret.expires_at && *secret.expires_at <= now) return "expired";
  return {};
}

bool count_use(db::Transaction& transaction, std::int64_t id, Timestamp now) {
  auto& sql = transaction.sql();
  soci::statement statement =
      (sql.prepare
           << "UPDATE enrollment_secret SET uses = uses + 1, last_used_at = :now WHERE id = :id AND revoked_at = 0 "
              "AND (use_limit = 0 OR uses < use_limit)",
       soci::use(now.ms), soci::use(id));
  statement.execute(true);
  return statement.get_affected_rows() == 1;
}

Result<bool> make_default_secret(db::Database& database, Timestamp now) {
  const auto made = database.write([&](db::Transaction& transaction) -> Result<bool> {
    std::int64_t secrets = 0;
    transaction.sql() << "SELECT count(*) FROM enrollment_secret", soci::into(secrets);
    if (secrets != 0) return false;
    NewSecret secret;
    secret.name = kDefaultName;
    secret.text = random_secret();
    TRY(add_secret(transaction, secret, now));
    return true;
  });
  // Another server was faster.
  if (!made && made.error().code == db::kDuplicate) return false;
  return made;
}

}  // namespace osprey::server::enrollment
