#include "server/api/idempotency.h"

#include <gmock/gmock.h>
#include <soci/soci.h>

#include <atomic>
#include <latch>
#include <thread>

#include "server/api/problem.h"
#include "server/db/test_database.h"

namespace osprey::server::api {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr Timestamp kNow{1'800'000'000'000};
constexpr db::Migration kThings[] = {{.both = "CREATE TABLE things (id {id}, name TEXT NOT NULL);"}};

class IdempotencyTest : public db::DatabaseTest {
 protected:
  IdempotencyTest() { migrate(schema(), db::Schema{"things", kThings}); }

  http::Response make(std::string key, std::string name, Timestamp now = kNow, db::Database* server = nullptr) {
    auto& at = server ? *server : database();
    http::Request request;
    request.method = http::Method::post;
    request.target = request.path = "/things";
    request.body = name;
    return once(at, caller, key, request, now, [&] { return make_thing(at, name); });
  }
  int count() {
    return *database().read([](soci::session& sql) {
      int found = 0;
      sql << "SELECT count(*) FROM things", soci::into(found);
      return found;
    });
  }

  identity::Caller caller{.administrator = 1};
  std::atomic<int> runs = 0;

 private:
  http::Response make_thing(db::Database& at, const std::string& name) {
    ++runs;
    auto made = at.write([&](db::Transaction& transaction) -> Result<long long> {
      long long id = 0;
      transaction.sql() << "INSERT INTO things (name) VALUES (:name) RETURNING id", soci::use(name), soci::into(id);
      if (name == "bad") return problem(kInvalid, "name", "is bad");
      return id;
    });
    if (!made) return problem_response(made.error());
    return {.status = 201,
            .headers = {{"location", "/things/" + std::to_string(*made)}},
            .body = "secret of " + name + " " + std::to_string(*made)};
  }
};
INSTANTIATE_TEST_SUITE_P(Databases, IdempotencyTest, db::both_dialects(), db::dialect_name);

TEST_P(IdempotencyTest, TheSameRequestIsAnsweredAsTheFirstTime) {
  const auto first = make("key", "a");
  const auto second = make("key", "a", {kNow.ms + kIdempotencyMs - 1});
  EXPECT_EQ(first.status, 201);
  EXPECT_EQ(second.status, 201);
  EXPECT_EQ(second.body, first.body);
  EXPECT_EQ(second.headers[0], first.headers[0]);
  EXPECT_EQ(second.headers[1].first, "idempotency-replayed");
  EXPECT_EQ(count(), 1);
  EXPECT_EQ(runs, 1);
}

TEST_P(IdempotencyTest, AfterADayAKeyIsNewAgain) {
  make("key", "a");
  EXPECT_EQ(make("key", "b", {kNow.ms + kIdempotencyMs}).status, 201);
  EXPECT_EQ(count(), 2);
}

TEST_P(IdempotencyTest, AnotherRequestWithTheKeyIsRefused) {
  make("key", "a");
  EXPECT_EQ(make("key", "b").status, 422);
  caller.administrator = 2;  // whose keys are his own
  EXPECT_EQ(make("key", "b").status, 201);
  EXPECT_EQ(count(), 2);
}

TEST_P(IdempotencyTest, WhatMadeNothingMayBeTriedAgain) {
  EXPECT_EQ(make("key", "bad").status, 422);
  EXPECT_EQ(make("key", "good").status, 201);
  EXPECT_EQ(count(), 1);
}

TEST_P(IdempotencyTest, AnAnswerThatWasLostIsAConflictAndNothingIsMadeAgain) {
  make("key", "a");
  ASSERT_TRUE(database().write([](db::Transaction& transaction) -> Result<void> {
    transaction.sql() << "UPDATE idempotency_keys SET answer = ''";
    return {};
  }));
  EXPECT_EQ(make("key", "a").status, 409);
  EXPECT_EQ(count(), 1);
}

TEST_P(IdempotencyTest, TheDatabaseDoesNotTellTheAnswer) {
  make("key", "a");
  const auto kept = *database().read([](soci::session& sql) {
    std::string hash, answer;
    sql << "SELECT hash, answer FROM idempotency_keys", soci::into(hash), soci::into(answer);
    return hash + answer;
  });
  EXPECT_THAT(kept, Not(HasSubstr("secret")));
  EXPECT_THAT(kept, Not(HasSubstr("key")));
}

TEST_P(IdempotencyTest, ManyAtOnceOverTwoServersMakeOne) {
  const auto other = GetParam() == db::Dialect::postgresql ? open_another() : nullptr;
  constexpr int kThreads = 8;
  std::latch start(kThreads);
  std::vector<http::Response> answers(kThreads);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i)
    threads.emplace_back([&, i] {
      start.arrive_and_wait();
      answers[static_cast<std::size_t>(i)] = make("key", "a", kNow, i % 2 ? other.get() : nullptr);
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(count(), 1);
  for (const auto& answer : answers) EXPECT_EQ(answer.body, answers[0].body);
}

}  // namespace
}  // namespace osprey::server::api
