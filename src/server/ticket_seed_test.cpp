#include "server/ticket_seed.h"

#include "server/db/test_database.h"

namespace osprey::server {
namespace {

using TicketSeedTest = db::DatabaseTest;
INSTANTIATE_TEST_SUITE_P(Databases, TicketSeedTest, db::both_dialects(), db::dialect_name);

TEST_P(TicketSeedTest, IsTheSameForAllUntilItIsReplaced) {
  migrate(ticket_seed_schema());
  const auto other = open_another();
  const Timestamp now{1'795'356'245'000};
  const auto first = *ticket_seed(database(), now);
  EXPECT_EQ(first.size(), 64U);
  EXPECT_EQ(*ticket_seed(*other, Timestamp{now.ms + kTicketSeedMs - 1}), first);
  const auto second = *ticket_seed(*other, Timestamp{now.ms + kTicketSeedMs});
  EXPECT_NE(second, first);
  EXPECT_EQ(*ticket_seed(database(), Timestamp{now.ms + kTicketSeedMs}), second);
}

}  // namespace
}  // namespace osprey::server
