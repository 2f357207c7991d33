#include "server/enrollment/failures.h"

#include <soci/soci.h>

#include "server/enrollment/latest_first.h"

namespace osprey::server::enrollment {
namespace {

constexpr std::size_t kMostIdentifier = 256;

}  // namespace

void Failures::add(std::string_view secret, std::string_view address, std::string_view reason,
                   std::string_view identifier, Timestamp now) {
  const std::lock_guard lock(mutex_);
  Kind kind(secret, address, reason);
  // A flood from everywhere is one line for each reason.
  if (pending_.size() >= kMostPending && !pending_.contains(kind)) kind = Kind("many", "many", reason);
  auto& attempts = pending_[kind];
  if (attempts.count++ == 0) attempts.first = now;
  attempts.last = now;
  attempts.identifier = identifier.substr(0, kMostIdentifier);
}

Result<void> Failures::write(db::Database& database) {
  std::map<Kind, Attempts> taken;
  {
    const std::lock_guard lock(mutex_);
    taken.swap(pending_);
  }
  if (taken.empty()) return {};
  auto written = database.write([&](db::Transaction& transaction) -> Result<void> {
    auto& sql = transaction.sql();
    for (const auto& [kind, attempts] : taken) {
      const auto& [secret, address, reason] = kind;
      sql << "INSERT INTO enrollment_failure (secret, address, reason, identifier, attempts, first_at, last_at) VALUES "
             "(:secret, :address, :reason, :identifier, :attempts, :first, :last) "
             "ON CONFLICT (secret, address, reason) DO UPDATE SET identifier = excluded.identifier, "
             "attempts = enrollment_failure.attempts + excluded.attempts, last_at = excluded.last_at",
          soci::use(secret), soci::use(address), soci::use(reason), soci::use(attempts.identifier),
          soci::use(attempts.count), soci::use(attempts.first.ms), soci::use(attempts.last.ms);
    }
    sql << "DELETE FROM enrollment_failure WHERE id IN (SELECT id FROM enrollment_failure "
           "ORDER BY last_at DESC, id DESC LIMIT 1000000 OFFSET :most)",
        soci::use(kMost);
    return {};
  });
  if (!written) {
    const std::lock_guard lock(mutex_);
    for (auto& [kind, attempts] : taken) {
      auto& later =
          pending_.try_emplace(kind, Attempts{attempts.identifier, 0, attempts.first, attempts.last}).first->second;
      later.count += attempts.count;
      later.first = attempts.first;
    }
  }
  return written;
}

Result<api::Page<Failure>> list_failures(db::Database& database, const api::PageRequest& page) {
  Failure row;
  return latest_first<Failure>(
      database, "SELECT id, last_at, secret, address, reason, identifier, attempts, first_at FROM enrollment_failure",
      page,
      [&](auto& statement) -> auto& {
        statement, soci::into(row.secret), soci::into(row.address), soci::into(row.reason), soci::into(row.identifier),
            soci::into(row.attempts), soci::into(row.first_at.ms);
        return statement;
      },
      [&](Timestamp last) {
        row.last_at = last;
        return row;
      });
}

}  // namespace osprey::server::enrollment
