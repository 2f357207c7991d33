#include "agent/logging/line_units.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace osprey::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

LogDelivery delivery(std::string text, bool continues = false, bool goes_on = false) {
  return {.next = {}, .record = {.text = std::move(text), .continues = continues, .goes_on = goes_on}};
}

TEST(LineUnits, ARecordIsAUnitOfItsLines) {
  const std::vector<LogDelivery> records{delivery("one\ntwo\n"), delivery("three\n")};
  const LineUnits units(records, 100);
  ASSERT_THAT(units.units(), SizeIs(2));
  EXPECT_THAT(units.units()[0].lines, ElementsAre("one", "two"));
  EXPECT_THAT(units.units()[1].lines, ElementsAre("three"));
}

TEST(LineUnits, ALineInPartsIsOneUnitWithWhatItsRecordsHoldBesides) {
  const std::vector<LogDelivery> records{delivery("a\nbe", false, true), delivery("gin", true, true),
                                         delivery("ning\nc\n", true), delivery("d\n")};
  const LineUnits units(records, 100);
  ASSERT_THAT(units.units(), SizeIs(2));
  EXPECT_THAT(units.units()[0].lines, ElementsAre("a", "beginning", "c"));
  EXPECT_THAT(units.units()[0].records, SizeIs(3));
  EXPECT_THAT(units.units()[1].lines, ElementsAre("d"));
}

TEST(LineUnits, ALineWithoutItsEndWaitsForTheNextOffer) {
  const std::vector<LogDelivery> records{delivery("a\n"), delivery("beg", false, true), delivery("inn", true, true)};
  const LineUnits units(records, 100);
  ASSERT_THAT(units.units(), SizeIs(1));
  EXPECT_THAT(units.units()[0].lines, ElementsAre("a"));
}

TEST(LineUnits, ALineThatNoOfferHoldsIsLostOnce) {
  const std::vector<LogDelivery> first{delivery("a\nbeg", false, true), delivery("inn", true, true)};
  const LineUnits begun(first, 100);
  ASSERT_THAT(begun.units(), SizeIs(1));
  EXPECT_THAT(begun.units()[0].lines, ElementsAre("a"));
  EXPECT_THAT(begun.units()[0].records, SizeIs(2));
  EXPECT_EQ(begun.units()[0].lost_lines, 1);
  EXPECT_EQ(begun.units()[0].lost_bytes, 6);

  const std::vector<LogDelivery> second{delivery("ing", true, true), delivery("!\nb\n", true), delivery("c\n")};
  const LineUnits ended(second, 100);
  ASSERT_THAT(ended.units(), SizeIs(2));
  EXPECT_THAT(ended.units()[0].lines, ElementsAre("b"));
  EXPECT_EQ(ended.units()[0].lost_lines, 0) << "it was counted when its beginning was lost";
  EXPECT_EQ(ended.units()[0].lost_bytes, 4);
}

TEST(LineUnits, ALineThatIsTooLongIsCountedAndTheOthersGoOn) {
  const std::vector<LogDelivery> records{delivery("12345\n123456\n1\n")};
  const LineUnits units(records, 5);
  ASSERT_THAT(units.units(), SizeIs(1));
  EXPECT_THAT(units.units()[0].lines, ElementsAre("12345", "1"));
  EXPECT_EQ(units.units()[0].lost_lines, 1);
  EXPECT_EQ(units.units()[0].lost_bytes, 6);
}

TEST(LineUnits, NothingIsNothing) {
  EXPECT_THAT(LineUnits({}, 5).units(), IsEmpty());
  const std::vector<LogDelivery> records{delivery("")};
  const LineUnits units(records, 5);
  ASSERT_THAT(units.units(), SizeIs(1));
  EXPECT_THAT(units.units()[0].lines, IsEmpty());
}

TEST(LineUnits, AStatusIsOneLineWhateverItHolds) {
  std::vector<LogDelivery> records{delivery("1 2 3 4 file two\nlines")};
  records[0].record.kind = LineKind::status;
  EXPECT_THAT(LineUnits(records, 100).units()[0].lines, ElementsAre("1 2 3 4 file two\nlines"));
}

}  // namespace
}  // namespace osprey::agent
