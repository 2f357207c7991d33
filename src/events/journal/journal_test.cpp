#include "events/journal/journal.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <chrono>
#include <random>

#include "base/temporary_tree.h"

namespace osprey::events {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

// EVT-15
class JournalTest : public TemporaryTree {
 protected:
  JournalTest() { open(); }
  void open() {
    journal_.reset();
    store_.reset();
    auto opened = store::open_fifo({top / "journal", {{"execs", 4 << 20}, {"exits", 4 << 20}}});
    if (!opened) throw std::runtime_error(opened.error().text());
    store_ = std::move(opened->store);
    journal_ = std::make_unique<Journal>(*store_, std::vector<std::string>{"execs", "exits"});
  }
  void append(std::int64_t time, std::string_view record, std::size_t family = 0) {
    const Journal::Row row{family, time, record};
    const auto done = journal_->append({&row, 1});
    ASSERT_TRUE(done) << done.error().text();
  }
  static std::vector<std::string> rows(JournalCursor cursor) {
    std::vector<std::string> all;
    for (; cursor.valid(); cursor.next()) all.push_back(fmt::format("{}:{}", cursor.time(), cursor.record()));
    EXPECT_TRUE(cursor.status());
    return all;
  }

  // A hundred rows a second, that cannot be compressed.
  void flood(int seconds, std::int64_t from) {
    std::mt19937_64 random(1);
    for (int second = 0; second < seconds; ++second) {
      std::vector<std::string> records(100, std::string(kRecord, '\0'));
      std::vector<Journal::Row> rows;
      for (auto& record : records) {
        for (auto& byte : record) byte = static_cast<char>(random());
        rows.push_back({0, from + second, record});
      }
      ASSERT_TRUE(journal_->append(rows));
    }
  }
  // What is being joined with other files goes the next time.
  bool drops_before(std::int64_t time) {
    const auto kept = journal_->counts(0).kept;
    for (const auto until = std::chrono::steady_clock::now() + 30s; std::chrono::steady_clock::now() < until;) {
      EXPECT_TRUE(journal_->drop_before(0, time));
      if (journal_->counts(0).kept < kept) return true;
    }
    return false;
  }

  static constexpr std::size_t kRecord = 1000;
  std::unique_ptr<store::FifoStore> store_;
  std::unique_ptr<Journal> journal_;
};

TEST(Place, SortsAsItsKeyDoes) {
  std::vector<Place> places;
  for (const std::uint32_t epoch : {0u, 1u, 256u})
    for (const std::int64_t time : {INT64_MIN, std::int64_t{-1}, std::int64_t{0}, std::int64_t{1'800'000'000}})
      for (const std::uint64_t eid : {0ull, 1ull, 255ull, 256ull}) places.push_back({epoch, time, eid});
  for (const auto& one : places) {
    EXPECT_EQ(Place::parse(one.key()), one);
    for (const auto& other : places) EXPECT_EQ(one < other, one.key() < other.key());
  }
  EXPECT_EQ(Place::parse("short"), std::nullopt);
}

TEST_F(JournalTest, RowsComeInTheirOrderAndOverRestarts) {
  EXPECT_THAT(rows(journal_->read(0)), IsEmpty());
  append(100, "a");
  append(100, "b");
  append(105, "other", 1);
  open();
  append(101, "c");
  EXPECT_THAT(rows(journal_->read(0)), ElementsAre("100:a", "100:b", "101:c"));
  EXPECT_EQ(journal_->last(0), (Place{0, 101, 3}));
}

TEST_F(JournalTest, AStretchOfTimeIsRead) {
  for (const int time : {100, 101, 101, 103, 104}) append(time, "x");
  EXPECT_THAT(rows(journal_->read(0, {101, 103})), ElementsAre("101:x", "101:x", "103:x"));
  EXPECT_THAT(rows(journal_->read(0, {.low = 104})), ElementsAre("104:x"));
  EXPECT_THAT(rows(journal_->read(0, {.high = 100})), ElementsAre("100:x"));
  EXPECT_THAT(rows(journal_->read(0, {102, 102})), IsEmpty());
  EXPECT_THAT(rows(journal_->read(0, {103, 101})), IsEmpty());
}

TEST_F(JournalTest, AReaderGoesOnWhereItWas) {
  append(100, "a");
  append(100, "b");
  const auto last = journal_->last(0);
  append(100, "c");
  EXPECT_THAT(rows(journal_->read(0, {}, last)), ElementsAre("100:c"));
  EXPECT_THAT(rows(journal_->read(0, {}, journal_->last(0))), IsEmpty());
  EXPECT_THAT(rows(journal_->read(0, {}, {}, last)), ElementsAre("100:a", "100:b")) << "what came later is not seen";
}

TEST_F(JournalTest, ALittleDisorderIsKeptInOrder) {
  append(100, "a");
  append(99, "b");
  EXPECT_THAT(rows(journal_->read(0)), ElementsAre("100:a", "100:b"));
  EXPECT_EQ(journal_->last(0).epoch, 0u);
}

// Whatever the clock does a reader sees each row once, and a stretch of time has its rows.
TEST_F(JournalTest, TheClockMayBeSetBack) {
  append(3000, "a");
  append(3001, "b");
  const auto seen = journal_->last(0);
  append(1500, "c");
  append(3001, "d");
  append(1400, "e");
  open();
  append(1401, "f");
  EXPECT_THAT(rows(journal_->read(0, {}, seen)), ElementsAre("1500:c", "3001:d", "1400:e", "1401:f"));
  EXPECT_THAT(rows(journal_->read(0, {1400, 1500})), ElementsAre("1500:c", "1400:e", "1401:f"));
  EXPECT_THAT(rows(journal_->read(0, {3001, 3001})), ElementsAre("3001:b", "3001:d"));
}

// What was waited for long: it has its own time, and a reader does not look at an epoch for each.
TEST_F(JournalTest, RowsMayComeLate) {
  append(3000, "a");
  const auto seen = journal_->last(0);
  for (int i = 0; i < 100; ++i) {
    append(3000 + i, "on time");
    append(2900 + i, "late");
  }
  EXPECT_LE(journal_->last(0).epoch, 1u);
  append(2999, "late");
  EXPECT_THAT(rows(journal_->read(0, {2998, 3001})),
              ElementsAre("3000:a", "3000:on time", "3001:on time", "2998:late", "2999:late", "2999:late"));
  EXPECT_THAT(rows(journal_->read(0, {.high = 2900})), ElementsAre("2900:late"));
  EXPECT_THAT(rows(journal_->read(0, {2900, 2900})), ElementsAre("2900:late"));
  EXPECT_THAT(rows(journal_->read(0, {.low = 3099})), ElementsAre("3099:on time"));
  EXPECT_EQ(rows(journal_->read(0, {}, seen)).size(), 201u);
  const auto half = journal_->last(0);
  open();
  append(3100, "b");
  append(2400, "a clock that was set back");
  append(2401, "c");
  EXPECT_THAT(rows(journal_->read(0, {}, half)), ElementsAre("3100:b", "2400:a clock that was set back", "2401:c"));
  EXPECT_THAT(rows(journal_->read(0, {2400, 2401})), ElementsAre("2400:a clock that was set back", "2401:c"));
}

TEST_F(JournalTest, OnceNothingComesLateRowsAreReadExactly) {
  append(3000, "a");
  append(2900, "late");
  append(3600, "b");
  EXPECT_EQ(journal_->last(0).epoch, 1u);
  append(3601, "c");
  EXPECT_EQ(journal_->last(0).epoch, 2u);
  append(3700, "d");
  EXPECT_EQ(journal_->last(0).epoch, 2u);
  EXPECT_THAT(rows(journal_->read(0, {2900, 3601})), ElementsAre("3000:a", "2900:late", "3600:b", "3601:c"));
}

TEST_F(JournalTest, ALateRowLetsNothingGoEarly) {
  flood(20, 10'000);
  append(9'900, "late");
  open();
  ASSERT_TRUE(journal_->drop_before(0, 10'000));
  EXPECT_EQ(journal_->counts(0).kept, 2'001u);
}

// Counts how often it is gone to a place.
class CountingStore : public store::FifoStore {
 public:
  explicit CountingStore(store::FifoStore& store) : store_(store) {}
  Result<void> write(std::span<const store::FifoRow> rows) override { return store_.write(rows); }
  Result<void> sync() override { return store_.sync(); }
  std::unique_ptr<store::Cursor> cursor(std::size_t family, std::string_view first,
                                        std::string_view last) const override {
    ++cursors;
    return store_.cursor(family, first, last);
  }
  std::optional<std::string> first_key(std::size_t family) const override { return store_.first_key(family); }
  std::optional<std::string> last_key(std::size_t family) const override { return store_.last_key(family); }
  Result<void> drop_while(std::size_t family, const Goes& goes) override { return store_.drop_while(family, goes); }
  Result<void> set_cap(std::size_t family, std::uint64_t bytes) override { return store_.set_cap(family, bytes); }
  std::uint64_t file_bytes(std::size_t family) const override { return store_.file_bytes(family); }
  std::uint64_t disk_bytes() const override { return store_.disk_bytes(); }
  std::optional<std::string> damage() const override { return store_.damage(); }

  mutable std::size_t cursors = 0;

 private:
  store::FifoStore& store_;
};

// Two inputs, one of which is far behind.
TEST_F(JournalTest, RowsThatComeMuchTooLateInTurnsWithOthersAreReadInFewWalks) {
  constexpr int kEach = 1000;
  std::vector<Journal::Row> all;
  for (int i = 0; i < kEach; ++i) {
    all.push_back({0, 10'000 + i, "on time"});
    all.push_back({0, 5'000 + i, "late"});
  }
  ASSERT_TRUE(journal_->append(all));
  EXPECT_EQ(journal_->last(0).epoch, 2U * (kEach - 1) + 2);
  CountingStore store(*store_);
  const Journal journal(store, {"execs", "exits"});
  EXPECT_EQ(rows(journal.read(0)).size(), all.size());
  EXPECT_EQ(store.cursors, 1U);
  EXPECT_THAT(rows(journal.read(0, {5'001, 5'001})), ElementsAre("5001:late"));
  EXPECT_THAT(rows(journal.read(0, {10'998, 10'998})), ElementsAre("10998:on time"));
  EXPECT_LT(store.cursors, 100U);
  // A large epoch is not walked through.
  std::vector<Journal::Row> many;
  for (int i = 0; i < 10 * kEach; ++i) many.push_back({1, i < 9 * kEach ? 20'000 + i : i, "x"});
  ASSERT_TRUE(journal_->append(many));
  const Journal other(store, {"execs", "exits"});
  store.cursors = 0;
  EXPECT_THAT(rows(other.read(1, {20'000, 20'000})), ElementsAre("20000:x"));
  EXPECT_THAT(rows(other.read(1, {9'500, 9'500})), ElementsAre("9500:x"));
  EXPECT_LT(store.cursors, 10U);
}

// What stands before it is as old as it was: queries have not read it yet.
TEST_F(JournalTest, ASetBackClockLetsNothingGoEarly) {
  flood(20, 10'000);
  append(9'000, "set back");
  ASSERT_TRUE(journal_->drop_before(0, 8'999));
  EXPECT_EQ(journal_->counts(0).kept, 2'001u);
  EXPECT_TRUE(drops_before(9'001)) << "all of the flood is older than what came then";
  EXPECT_EQ(rows(journal_->read(0)).back(), "9000:set back");
}

TEST_F(JournalTest, EachRowIsKeptOrCounted) {
  flood(200, 1000);
  // What is above the cap goes in the background.
  JournalCounts counts;
  std::size_t read;
  do {
    counts = journal_->counts(0);
    read = rows(journal_->read(0)).size();
  } while (journal_->counts(0).kept != counts.kept);
  EXPECT_EQ(counts.appended, 20'000u);
  EXPECT_EQ(counts.kept, read);
  EXPECT_EQ(counts.kept + counts.dropped, counts.appended);
  EXPECT_GT(counts.dropped, 10'000u);
  EXPECT_GT(counts.kept * kRecord, 3u << 20) << "live rows stay near the cap";

  EXPECT_TRUE(drops_before(2000));
  EXPECT_EQ(journal_->counts(0).kept + journal_->counts(0).dropped, 20'000u);
  open();
  append(3000, "new");
  EXPECT_EQ(journal_->last(0).eid, 20'001u) << "what has gone is not numbered again";
  EXPECT_EQ(journal_->counts(0).appended, 20'001u);
}

}  // namespace
}  // namespace osprey::events
