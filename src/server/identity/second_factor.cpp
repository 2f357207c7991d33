#include "server/identity/second_factor.h"

#include <fmt/format.h>
#include <soci/soci.h>

#include "base/hex.h"
#include "base/text.h"
#include "server/api/problem.h"
#include "server/identity/channel.h"
#include "server/identity/totp.h"
#include "server/secret.h"

namespace osprey::server::identity {
namespace {

struct Totp {
  std::string key;
  int on = 0;
  std::int64_t used = 0;
};

Totp totp_of(soci::session& sql, std::int64_t administrator) {
  Totp totp;
  sql << "SELECT totp_key, totp_on, totp_used FROM administrators WHERE id = :id", soci::use(administrator),
      soci::into(totp.key), soci::into(totp.on), soci::into(totp.used);
  totp.key = from_hex(totp.key).value_or("");
  return totp;
}

std::string plain(std::string_view code) {
  std::string made;
  for (const char c : to_lower(code))
    if (c != ' ' && c != '-') made += c;
  return made;
}

// Whether `code` is right, and nobody has used it before; it is used now.
bool take_totp(soci::session& sql, std::int64_t administrator, const Totp& totp, std::string_view code, Timestamp now) {
  const auto step = totp_step(totp.key, code, now, totp.used);
  if (!step) return false;
  std::int64_t taken = 0;
  sql << "UPDATE administrators SET totp_used = :step WHERE id = :id AND totp_used < :same RETURNING id",
      soci::use(*step), soci::use(administrator), soci::use(*step), soci::into(taken);
  return taken != 0;
}

// 80 bits: a plain hash is enough to keep it by.
std::string recovery_code() {
  auto code = base32(random_bytes(10));
  for (const auto at : {12, 8, 4}) code.insert(at, 1, '-');
  return code;
}

}  // namespace

Result<std::string> begin_totp(db::Transaction& transaction, std::int64_t administrator) {
  if (totp_of(transaction.sql(), administrator).on)
    return api::problem(api::kConflict, "codes", "are wanted already; turn them off first");
  const auto key = random_totp_key();
  const auto text = hex(key);
  transaction.sql() << "UPDATE administrators SET totp_key = :key, totp_used = 0 WHERE id = :id", soci::use(text),
      soci::use(administrator);
  return key;
}

Result<std::vector<std::string>> confirm_totp(db::Transaction& transaction, std::int64_t administrator,
                                              std::string_view code, Timestamp now) {
  auto& sql = transaction.sql();
  const auto totp = totp_of(sql, administrator);
  if (totp.on || totp.key.empty())
    return api::problem(api::kConflict, "codes", "have not been set up; ask for a key first");
  if (!take_totp(sql, administrator, totp, plain(code), now))
    return api::problem(api::kInvalid, "code", "is not the one of this moment; are both clocks right?");
  sql << "UPDATE administrators SET totp_on = 1 WHERE id = :id", soci::use(administrator);
  sql << "DELETE FROM recovery_codes WHERE administrator = :id", soci::use(administrator);
  std::vector<std::string> codes;
  for (std::size_t i = 0; i < kRecoveryCodes; ++i) {
    codes.push_back(recovery_code());
    const auto hash = sha256_hex(plain(codes.back()));
    sql << "INSERT INTO recovery_codes (administrator, hash) VALUES (:id, :hash)", soci::use(administrator),
        soci::use(hash);
  }
  tell_changed(transaction);
  return codes;
}

void remove_totp(db::Transaction& transaction, std::int64_t administrator) {
  auto& sql = transaction.sql();
  sql << "UPDATE administrators SET totp_on = 0, totp_key = '', totp_used = 0 WHERE id = :id", soci::use(administrator);
  sql << "DELETE FROM recovery_codes WHERE administrator = :id", soci::use(administrator);
  tell_changed(transaction);
}

bool take_code(db::Transaction& transaction, std::int64_t administrator, std::string_view code, Timestamp now) {
  auto& sql = transaction.sql();
  const auto given = plain(code);
  const auto totp = totp_of(sql, administrator);
  if (totp.on && take_totp(sql, administrator, totp, given, now)) return true;
  const auto hash = sha256_hex(given);
  std::int64_t taken = 0;
  sql << "DELETE FROM recovery_codes WHERE administrator = :id AND hash = :hash RETURNING administrator",
      soci::use(administrator), soci::use(hash), soci::into(taken);
  return taken != 0;
}

}  // namespace osprey::server::identity
