// The parts together: how they begin and end while others are at work. What they do is for tests/integration.
#include "server/server.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <soci/soci.h>

#include <atomic>
#include <thread>

#include "server/db/test_database.h"
#include "server/http/testing.h"

namespace osprey::server {
namespace {

class ServerLifeTest : public db::DatabaseTest {
 protected:
  Options options(std::uint16_t port = 0) const {
    Options made;
    made.data = (top / "data").string();
    made.database = url;
    made.port = port;
    made.insecure_http = true;
    made.workers = 2;
    return made;
  }
};
INSTANTIATE_TEST_SUITE_P(Databases, ServerLifeTest, db::both_dialects(), db::dialect_name);

// Another server, as far as this one sees it: changes of everything, and of tags, which others hear of from them.
void change(db::Database& database, int number) {
  static_cast<void>(database.write([&](db::Transaction& transaction) -> Result<void> {
    transaction.sql() << "UPDATE tags SET rank = :rank", soci::use(number);
    for (const auto* channel : {"hosts", "queries", "live", "enrollment", "identity"})
      transaction.notify(channel, fmt::format("asked {}", number));
    transaction.notify("tags", "changed other");
    return {};
  }));
}

// Run by the sanitizers too, which see what such an end leaves behind.
TEST_P(ServerLifeTest, ServersEndWhileTheDatabaseTellsOfChanges) {
  {
    ASSERT_TRUE(serve(options(), system_clock()));
  }
  ASSERT_TRUE(database().write([](db::Transaction& transaction) -> Result<void> {
    for (int i = 0; i < 50; ++i) {
      const auto name = fmt::format("tag-{}", i);
      transaction.sql() << "INSERT INTO tags (name, description, rank, revision, created_at, changed_at) "
                           "VALUES (:name, '', 0, 0, 0, 0)",
          soci::use(name);
    }
    return {};
  }));
  std::atomic<bool> over = false;
  std::jthread others([&] {
    for (int i = 0; !over; ++i) {
      change(database(), i);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));  // SQLite has no queue of writers
    }
  });
  for (int i = 0; i < 5; ++i) {
    const auto server = serve(options(), system_clock());
    EXPECT_TRUE(server) << server.error().text();
  }
  over = true;
}

// A balancer, and hosts that have waited, come the moment that the port is open.
TEST_P(ServerLifeTest, RequestsAreAnsweredFromTheFirstMomentOn) {
  const std::string body = R"({"node_key":")" + std::string(64, 'a') + "\"}";
  const auto request = fmt::format(
      "POST /config HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}", body.size(), body);
  auto server = serve(options(), system_clock());
  ASSERT_TRUE(server) << server.error().text();
  const auto port = (*server)->port();
  server->reset();
  std::atomic<bool> over = false;
  std::atomic<int> answered = 0;
  std::jthread host([&] {
    while (!over) {
      http::testing::Client client(port);
      if (client.fd() >= 0 && client.ask(request).status != 0) ++answered;
    }
  });
  for (int i = 0; i < 5; ++i) {
    const int before = answered;
    const auto again = serve(options(port), system_clock());
    if (!again) continue;  // somebody else has the port now
    for (int tries = 0; tries < 4000 && answered == before; ++tries)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_GT(answered, before);
  }
  over = true;
}

}  // namespace
}  // namespace osprey::server
