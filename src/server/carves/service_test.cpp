#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <soci/soci.h>

#include "server/api/problem.h"
#include "server/carves/carves.h"
#include "server/db/test_database.h"

namespace osprey::server::carves {
namespace {

using testing::SizeIs;

class CarvesTest : public db::DatabaseTest {
 protected:
  void SetUp() override {
    migrate(schema());
    carves = make(database(), {.carve_bytes = 1000, .all_bytes = 50, .block_bytes = 100, .open_a_host = 2});
  }
  static Start start(std::string id = "c1") {
    return {.block_count = 3, .block_size = 10, .carve_size = 25, .carve_id = std::move(id), .request_id = "live:4"};
  }
  CarveId whole(std::string id, std::int64_t at) {
    const auto session = *carves->begin(1, start(std::move(id)), {at});
    EXPECT_TRUE(carves->block(0, session, 0, "0123456789", {at}));
    EXPECT_TRUE(carves->block(0, session, 1, "0123456789", {at}));
    EXPECT_TRUE(carves->block(0, session, 2, "01234", {at}));
    return carves->list(1, INT64_MAX, 1)->at(0).id;
  }
  std::unique_ptr<Carves> carves;
};
INSTANTIATE_TEST_SUITE_P(Databases, CarvesTest, db::both_dialects(), db::dialect_name);

TEST_P(CarvesTest, BlocksBecomeAWhole) {
  const auto session = carves->begin(1, start(), {1});
  ASSERT_TRUE(session) << session.error().text();
  EXPECT_TRUE(carves->block(0, *session, 2, "01234", {2}));
  EXPECT_TRUE(carves->block(0, *session, 0,
                            std::string("\0"
                                        "123\xff'\\\n89",
                                        10),
                            {3}));
  EXPECT_TRUE(carves->block(0, *session, 0,
                            std::string("\0"
                                        "123\xff'\\\n89",
                                        10),
                            {3}))
      << "its reply was lost";
  EXPECT_EQ(carves->find(1)->state, State::receiving);
  EXPECT_TRUE(carves->block(0, *session, 1, "abcdefghij", {4}));
  EXPECT_TRUE(carves->block(0, *session, 1, "abcdefghij", {5}));
  const auto carve = *carves->find(1);
  EXPECT_EQ(carve.state, State::complete);
  EXPECT_EQ(carve.request_id, "live:4");
  EXPECT_THAT(carve.sha256, SizeIs(64));
  EXPECT_EQ(*carves->read(1, 0), std::string("\0"
                                             "123\xff'\\\n89",
                                             10));
  EXPECT_FALSE(carves->read(1, 3));
}

TEST_P(CarvesTest, TheSameCarveGoesOnWithWhatIsThere) {
  const auto first = *carves->begin(1, start(), {1});
  EXPECT_TRUE(carves->block(0, first, 0, "0123456789", {2}));
  const auto second = *carves->begin(1, start(), {3});
  EXPECT_NE(first, second);
  EXPECT_FALSE(carves->block(0, first, 1, "0123456789", {4}));
  EXPECT_TRUE(carves->block(0, second, 1, "0123456789", {4}));
  EXPECT_TRUE(carves->block(0, second, 2, "01234", {4}));
  EXPECT_EQ(carves->find(1)->state, State::complete);
}

TEST_P(CarvesTest, RefusesWhatCannotBe) {
  auto wrong = start();
  wrong.block_count = 0;
  EXPECT_FALSE(carves->begin(1, wrong, {1}));
  wrong = start();
  wrong.block_size = 101;
  EXPECT_FALSE(carves->begin(1, wrong, {1}));
  wrong = start();
  wrong.carve_size = 31;
  EXPECT_FALSE(carves->begin(1, wrong, {1}));
  wrong = start();
  wrong.carve_size = 20;
  EXPECT_FALSE(carves->begin(1, wrong, {1})) << "two blocks would do";
  wrong = start("");
  EXPECT_FALSE(carves->begin(1, wrong, {1}));
  wrong = {.block_count = UINT64_MAX, .block_size = UINT64_MAX, .carve_size = UINT64_MAX, .carve_id = "x"};
  EXPECT_FALSE(carves->begin(1, wrong, {1}));
  const auto session = *carves->begin(1, start(), {1});
  EXPECT_EQ(carves->block(0, "guessed", 0, "0123456789", {1}).error().code, api::kForbidden);
  EXPECT_FALSE(carves->block(0, session, 3, "01234", {1}));
  EXPECT_FALSE(carves->block(0, session, 0, "short", {1}));
  EXPECT_FALSE(carves->block(0, session, 2, "0123456789", {1}));
  ASSERT_TRUE(carves->begin(1, start("c2"), {1}));
  EXPECT_EQ(carves->begin(1, start("c3"), {1}).error().code, api::kTooMany);
  EXPECT_TRUE(carves->begin(2, start("c3"), {1})) << "another host";
}

TEST_P(CarvesTest, ANameIsNeverAPath) {
  const auto session = carves->begin(1, start("../../etc/passwd'; drop table carves; --"), {1});
  ASSERT_TRUE(session);
  EXPECT_EQ(carves->find(1)->carve_id, "../../etc/passwd'; drop table carves; --");
}

TEST_P(CarvesTest, AnotherHostsKeyIsOfNoUseForASession) {
  const auto session = *carves->begin(1, start(), {1});
  EXPECT_EQ(carves->block(2, session, 0, "0123456789", {2}).error().code, api::kForbidden);
  EXPECT_TRUE(carves->block(1, session, 0, "0123456789", {2}));
  EXPECT_TRUE(carves->block(0, session, 1, "0123456789", {2})) << "older agents show no key";
}

// The server ends, or loses the database, between the last block and the checksum.
TEST_P(CarvesTest, WhatIsWholeIsCompletedWhateverHappened) {
  const auto undo = [&] {
    ASSERT_TRUE(database().write([](db::Transaction& transaction) -> Result<void> {
      transaction.sql() << "UPDATE carves SET state = 0, sha256 = ''";
      return {};
    }));
  };
  const auto session = *carves->begin(1, start(), {1});
  for (const auto& [block, data] : {std::pair(0, "0123456789"), std::pair(1, "0123456789"), std::pair(2, "01234")})
    ASSERT_TRUE(carves->block(0, session, static_cast<std::uint64_t>(block), data, {2}));
  const auto sum = carves->find(1)->sha256;
  undo();
  ASSERT_TRUE(carves->block(0, session, 2, "01234", {3})) << "its host had no reply and sends it again";
  EXPECT_EQ(carves->find(1)->state, State::complete);
  EXPECT_EQ(carves->find(1)->sha256, sum);
  undo();
  ASSERT_TRUE(carves->maintain({1000}));
  EXPECT_EQ(carves->find(1)->state, State::receiving) << "somebody may be at it";
  ASSERT_TRUE(carves->maintain({86'400'000 * 2}));
  EXPECT_EQ(carves->find(1)->state, State::complete);
}

TEST_P(CarvesTest, ACarveThatWasGivenUpMayBeginAnewAndOneThatIsThereMayNot) {
  const auto first = *carves->begin(1, start(), {1});
  ASSERT_TRUE(carves->block(0, first, 0, "9876543210", {1}));
  ASSERT_TRUE(carves->maintain({86'400'002}));
  ASSERT_EQ(carves->find(1)->state, State::abandoned);
  const auto id = whole("c1", 86'400'003);
  EXPECT_EQ(*carves->read(id, 0), "0123456789");
  EXPECT_EQ(carves->begin(1, start(), {86'400'004}).error().code, api::kConflict);
}

TEST_P(CarvesTest, WithItsNodeKeyAHostsSessionsEnd) {
  const auto stolen = *carves->begin(1, start(), {1});
  const auto other = *carves->begin(2, start(), {1});
  ASSERT_TRUE(carves->block(0, stolen, 0, "9876543210", {1}));
  ASSERT_TRUE(database().write([&](db::Transaction& transaction) { return carves->end_sessions(transaction, 1); }));
  EXPECT_EQ(carves->block(0, stolen, 1, "0123456789", {2}).error().code, api::kForbidden);
  EXPECT_TRUE(carves->block(0, other, 1, "0123456789", {2}));
  EXPECT_EQ(*carves->read(whole("c1", 3), 0), "0123456789") << "nothing of what came before";
}

TEST_P(CarvesTest, ARemovedHostsCarvesGo) {
  const auto gone = whole("a", 1);
  ASSERT_TRUE(carves->begin(2, start("b"), {1}));
  ASSERT_TRUE(database().write([&](db::Transaction& transaction) { return carves->remove_host(transaction, 1); }));
  EXPECT_FALSE(carves->find(gone));
  EXPECT_FALSE(carves->read(gone, 0));
  EXPECT_THAT(*carves->list(2, INT64_MAX, 9), SizeIs(1));
}

TEST_P(CarvesTest, WhatIsOnlyAnnouncedPushesNothingOut) {
  const auto first = whole("a", 1);
  const auto second = whole("b", 2);
  for (const hosts::HostId host : {2, 3, 4})
    for (const auto* id : {"c", "d"}) ASSERT_TRUE(carves->begin(host, start(id), {3}));
  ASSERT_TRUE(carves->maintain({4}));
  EXPECT_TRUE(carves->find(first));
  EXPECT_TRUE(carves->find(second));
}

TEST_P(CarvesTest, WhatIsBeingReceivedIsBounded) {
  int taken = 0;
  int code = 0;
  for (const hosts::HostId host : {1, 2, 3, 4}) {
    const auto session = *carves->begin(host, start(), {1});
    for (const std::uint64_t block : {0, 1})
      if (const auto stored = carves->block(0, session, block, "0123456789", {1}))
        ++taken;
      else
        code = stored.error().code;
  }
  EXPECT_EQ(taken, 5) << "room for 50 bytes";
  EXPECT_EQ(code, api::kTooMany);
}

TEST_P(CarvesTest, TheOldestGoForRoomAndAge) {
  const auto first = whole("a", 1000);
  const auto second = whole("b", 2000);
  const auto third = whole("c", 3000);
  ASSERT_TRUE(carves->maintain({3000}));
  EXPECT_FALSE(carves->find(first)) << "75 bytes, and room for 50";
  EXPECT_TRUE(carves->find(second));
  ASSERT_TRUE(carves->begin(1, start("d"), {4000}));
  ASSERT_TRUE(carves->maintain({4000 + 86'400'001}));
  EXPECT_EQ(carves->list(1, INT64_MAX, 1)->at(0).state, State::abandoned);
  ASSERT_TRUE(carves->maintain({3000 + 30 * 86'400'000LL + 1}));
  EXPECT_FALSE(carves->find(third));
}

}  // namespace
}  // namespace osprey::server::carves
