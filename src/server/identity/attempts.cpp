#include "server/identity/attempts.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <soci/soci.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "server/api/problem.h"

namespace osprey::server::identity {
namespace {

constexpr std::int64_t kAddressDays = 90;
constexpr std::int64_t kDayMs = 24LL * 60 * 60 * 1000;

struct Bucket {
  std::string name;
  int free;
};

// A lock that holds, in milliseconds from now.
std::int64_t left(soci::session& sql, const Bucket& bucket, Timestamp now) {
  std::int64_t until = 0;
  sql << "SELECT locked_until_at FROM sign_in_attempts WHERE bucket = :bucket", soci::use(bucket.name),
      soci::into(until);
  return std::clamp<std::int64_t>(until - now.ms, 0, kMostDelayMs);
}

std::string name_bucket(soci::session& sql, const Attempt& attempt, Timestamp now) {
  const auto source = source_of(attempt.address);
  const auto since = now.ms - kAddressDays * kDayMs;
  int own = 0;
  sql << "SELECT count(*) FROM sign_in_addresses WHERE name_key = :name AND address = :address AND seen_at > :since",
      soci::use(attempt.name_key), soci::use(source), soci::use(since), soci::into(own);
  // The name comes last: it may be anything.
  return own > 0 ? fmt::format("own {} {}", source, attempt.name_key) : "name " + attempt.name_key;
}

// The name's first: in one order everywhere.
std::array<Bucket, 2> buckets_of(soci::session& sql, const Attempt& attempt, Timestamp now) {
  return {Bucket{name_bucket(sql, attempt, now), kFreeTriesOfName},
          Bucket{"address " + source_of(attempt.address), kFreeTriesOfAddress}};
}

std::unexpected<Error> must_wait(std::int64_t ms) {
  return api::problem(api::kTooMany, "sign-in",
                      fmt::format("too many wrong tries; try again in {} s", (ms + 999) / 1000));
}

Result<std::int64_t> count(soci::session& sql, const Bucket& bucket, Timestamp now) {
  const auto forget = now.ms - kForgetMs;
  std::int64_t failures = 0;
  std::int64_t until = 0;
  sql << "INSERT INTO sign_in_attempts (bucket, failures, last_at, locked_until_at) VALUES (:bucket, 1, :now, 0) "
         "ON CONFLICT (bucket) DO UPDATE SET failures = CASE WHEN sign_in_attempts.last_at < :forget THEN 1 ELSE "
         "sign_in_attempts.failures + 1 END, last_at = excluded.last_at RETURNING failures, locked_until_at",
      soci::use(bucket.name), soci::use(now.ms), soci::use(forget), soci::into(failures), soci::into(until);
  // Others came first, between the look and the count.
  if (until > now.ms) return must_wait(std::min(until - now.ms, kMostDelayMs));
  if (const auto delay = delay_ms(failures, bucket.free); delay > 0) {
    const auto locked = now.ms + delay;
    sql << "UPDATE sign_in_attempts SET locked_until_at = :until WHERE bucket = :bucket", soci::use(locked),
        soci::use(bucket.name);
  }
  return failures;
}

}  // namespace

std::int64_t delay_ms(std::int64_t failures, int free) noexcept {
  if (failures < free) return 0;
  const auto doublings = std::min<std::int64_t>(failures - free, 20);
  return std::min<std::int64_t>(1000LL << doublings, kMostDelayMs);
}

std::string source_of(std::string_view address) {
  const std::string text(address);
  in6_addr bytes{};
  if (inet_pton(AF_INET6, text.c_str(), &bytes) != 1 || IN6_IS_ADDR_V4MAPPED(&bytes)) return text;
  std::memset(&bytes.s6_addr[8], 0, 8);
  std::array<char, INET6_ADDRSTRLEN> made{};
  inet_ntop(AF_INET6, &bytes, made.data(), made.size());
  return std::string(made.data()) + "/64";
}

Result<bool> begin_attempt(db::Database& database, const Attempt& attempt, Timestamp now) {
  // Most of a flood ends here, without a write.
  const auto wait = TRY(database.read([&](soci::session& sql) {
    std::int64_t longest = 0;
    for (const auto& bucket : buckets_of(sql, attempt, now)) longest = std::max(longest, left(sql, bucket, now));
    return longest;
  }));
  if (wait > 0) return must_wait(wait);
  return database.write([&](db::Transaction& transaction) -> Result<bool> {
    auto& sql = transaction.sql();
    const auto forget = now.ms - kForgetMs;
    sql << "DELETE FROM sign_in_attempts WHERE last_at < :forget", soci::use(forget);
    const auto buckets = buckets_of(sql, attempt, now);
    const auto of_name = TRY(count(sql, buckets[0], now));
    TRY(count(sql, buckets[1], now));
    return of_name == kFreeTriesOfName;
  });
}

void attempt_succeeded(db::Transaction& transaction, const Attempt& attempt, Timestamp now) {
  auto& sql = transaction.sql();
  const auto buckets = buckets_of(sql, attempt, now);
  sql << "DELETE FROM sign_in_attempts WHERE bucket = :bucket", soci::use(buckets[0].name);
  // Only this one is taken back: who has a password of his own does not get to guess others' for ever.
  sql << "UPDATE sign_in_attempts SET failures = failures - 1, locked_until_at = 0 WHERE bucket = :bucket",
      soci::use(buckets[1].name);
  const auto source = source_of(attempt.address);
  const auto old = now.ms - kAddressDays * kDayMs;
  sql << "DELETE FROM sign_in_addresses WHERE seen_at < :old", soci::use(old);
  sql << "INSERT INTO sign_in_addresses (name_key, address, seen_at) VALUES (:name, :address, :now) "
         "ON CONFLICT (name_key, address) DO UPDATE SET seen_at = excluded.seen_at",
      soci::use(attempt.name_key), soci::use(source), soci::use(now.ms);
}

void forget_attempts(db::Transaction& transaction, const std::string& name_key) {
  transaction.sql() << "DELETE FROM sign_in_attempts WHERE bucket = 'name ' || :name OR bucket IN (SELECT 'own ' || "
                       "address || ' ' || name_key FROM sign_in_addresses WHERE name_key = :same)",
      soci::use(name_key), soci::use(name_key);
}

}  // namespace osprey::server::identity
