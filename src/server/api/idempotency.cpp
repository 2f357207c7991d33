#include "server/api/idempotency.h"

#include <fmt/format.h>
#include <soci/soci.h>

#include <boost/json.hpp>
#include <chrono>
#include <thread>

#include "server/api/problem.h"
#include "server/db/rider.h"
#include "server/secret.h"

namespace osprey::server::api {
namespace {

constexpr db::Migration kMigrations[] = {{.both = R"(
CREATE TABLE idempotency_keys (
  hash TEXT NOT NULL PRIMARY KEY,
  request TEXT NOT NULL,
  used_at BIGINT NOT NULL,
  answer TEXT NOT NULL);
CREATE INDEX idempotency_keys_used_at ON idempotency_keys (used_at);
)"}};

// How long one waits for the answer to the same request that another worker or server has just carried out.
constexpr int kLooks = 20;
constexpr std::chrono::milliseconds kLookEvery{50};

struct Use {
  std::string hash;     // of caller and key
  std::string cipher;   // what the answer is encrypted with
  std::string request;  // hash of what was asked
};

struct Found {
  std::string request;  // empty: the key is new
  std::string answer;   // encrypted; empty: not known
};

Found look(soci::session& sql, const Use& use, Timestamp now) {
  Found found;
  const auto since = now.ms - kIdempotencyMs;
  sql << "SELECT request, answer FROM idempotency_keys WHERE hash = :hash AND used_at > :since", soci::use(use.hash),
      soci::use(since), soci::into(found.request), soci::into(found.answer);
  return found;
}

std::string written(const http::Response& response) {
  boost::json::array headers;
  for (const auto& [name, value] : response.headers) headers.push_back(boost::json::array{name, value});
  return boost::json::serialize(
      boost::json::array{response.status, response.content_type, std::move(headers), response.body});
}

http::Response read(std::string_view text) {
  const auto value = boost::json::parse(text);
  const auto& parts = value.as_array();
  http::Response response{.status = parts.at(0).to_number<unsigned>(),
                          .content_type = std::string(parts.at(1).as_string())};
  for (const auto& header : parts.at(2).as_array())
    response.headers.emplace_back(header.at(0).as_string(), header.at(1).as_string());
  response.headers.emplace_back("idempotency-replayed", "true");
  response.body = std::string(parts.at(3).as_string());
  return response;
}

// The answer to a request whose key was used before, perhaps a moment ago by another worker or server that has not
// answered yet.
http::Response again(db::Database& database, const Use& use, Timestamp now) {
  for (int i = 0; i < kLooks; ++i) {
    if (i > 0) std::this_thread::sleep_for(kLookEvery);
    const auto found = database.read([&](soci::session& sql) { return look(sql, use, now); });
    if (!found) return problem_response(found.error());
    if (found->request != use.request)
      return problem_response(422, "this Idempotency-Key was used for another request; take a new one");
    if (const auto answer = unseal(use.cipher, found->answer)) return read(*answer);
  }
  return problem_response(
      409,
      "the request with this Idempotency-Key was carried out, or is being so, and its answer is not "
      "there; try again, and if that goes on look whether what it makes is there");
}

}  // namespace

http::Response once(db::Database& database, const identity::Caller& caller, std::string_view key,
                    const http::Request& request, Timestamp now, const std::function<http::Response()>& run) {
  const auto named = fmt::format("{}\n{}", caller.administrator, key);
  const Use use{
      .hash = sha256_hex("idempotency key\n" + named),
      .cipher = sha256("idempotency answer\n" + named),
      .request = sha256_hex(fmt::format("{}\n{}\n{}", http::name_of(request.method), request.target, request.body))};
  const auto before = database.read([&](soci::session& sql) { return look(sql, use, now); });
  if (!before) return problem_response(before.error());
  if (!before->request.empty()) return again(database, use, now);

  bool other_was_first = false;
  db::Rider rider([&](db::Transaction& transaction) -> Result<void> {
    auto& sql = transaction.sql();
    const auto old = now.ms - kIdempotencyMs;
    sql << "DELETE FROM idempotency_keys WHERE used_at <= :old", soci::use(old);
    std::string taken;
    sql << "INSERT INTO idempotency_keys (hash, request, used_at, answer) VALUES (:hash, :request, :now, '') "
           "ON CONFLICT (hash) DO NOTHING RETURNING hash",
        soci::use(use.hash), soci::use(use.request), soci::use(now.ms), soci::into(taken);
    other_was_first = taken.empty();
    if (other_was_first) return problem(kConflict, "Idempotency-Key", "is in use");
    return {};
  });
  auto response = run();
  if (other_was_first) return again(database, use, now);
  if (!rider.arrived()) return response;  // nothing was made
  const auto answer = seal(use.cipher, written(response));
  // Without it the request is still never carried out twice.
  (void)database.write([&](db::Transaction& transaction) -> Result<void> {
    transaction.sql() << "UPDATE idempotency_keys SET answer = :answer WHERE hash = :hash", soci::use(answer),
        soci::use(use.hash);
    return {};
  });
  return response;
}

db::Schema schema() { return {"api", kMigrations}; }

}  // namespace osprey::server::api
