#include "events/journal/event_rows.h"

#include <gmock/gmock.h>

#include "base/temporary_tree.h"
#include "events/journal/testing.h"
#include "sql/connection.h"
#include "sql/registry.h"

namespace osprey::events {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr sql::TableEntry kTables[] = {{"login_events", events::testing::login_events}};

// EVT-15, and beyond.md 0.1 [E].
class EventRowsTest : public TemporaryTree {
 protected:
  EventRowsTest() {
    auto opened = store::open_fifo({top / "journal", {{"others", 4 << 20}, {"logins", 4 << 20}}});
    if (!opened) throw std::runtime_error(opened.error().text());
    store_ = std::move(opened->store);
    journal_ = std::make_unique<Journal>(*store_, families_);
    reads_ = std::make_unique<EventReads>(*journal_);
    registry_.add(kTables);
    services_.provide(*reads_);
  }
  void log_in(std::int64_t time, std::string_view user) { append(time, events::testing::record_of(user)); }
  void append(std::int64_t time, std::string_view record) {
    const Journal::Row row{1, time, record};
    ASSERT_TRUE(journal_->append({&row, 1}));
  }
  // The first column of each row, as SQLite prints it.
  std::vector<std::string> ask(const std::string& sql);
  // A scheduled query's run, whose marks are kept from run to run.
  std::vector<std::string> run(const std::string& sql) {
    Marks marks(stored_);
    reads_->go_by(&marks);
    auto rows = ask(sql);
    reads_->go_by(nullptr);
    moved_ = marks.moved();
    stored_ = marks.stored();
    return rows;
  }

  const std::vector<std::string> families_ = {"others", "logins"};
  std::unique_ptr<store::FifoStore> store_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<EventReads> reads_;
  sql::Registry registry_;
  sql::Services services_;
  std::size_t warnings_ = 0;
  std::string stored_;
  bool moved_ = false;
};

std::vector<std::string> EventRowsTest::ask(const std::string& sql) {
  sql::Connection connection({.registry = &registry_, .services = &services_});
  connection.begin({});
  std::string_view text = sql;
  auto statement = connection.prepare(text);
  EXPECT_TRUE(statement) << statement.error().message;
  std::vector<std::string> rows;
  for (;;) {
    const auto row = (*statement)->step();
    EXPECT_TRUE(row) << row.error().message;
    if (!row || !*row) break;
    rows.emplace_back((*statement)->text(0));
  }
  warnings_ = connection.warnings().list().size();
  return rows;
}

TEST_F(EventRowsTest, WhoAsksSeesWhatIsKept) {
  EXPECT_THAT(ask("SELECT user FROM login_events"), IsEmpty());
  log_in(100, "ann");
  log_in(105, "bob");
  log_in(110, "cid");
  EXPECT_THAT(ask("SELECT user FROM login_events"), ElementsAre("ann", "bob", "cid"));
  EXPECT_THAT(ask("SELECT user FROM login_events WHERE time > 100 AND time < 110"), ElementsAre("bob"));
  EXPECT_THAT(ask("SELECT user FROM login_events WHERE time IN (100, 110)"), ElementsAre("ann", "cid"));
  EXPECT_THAT(ask("SELECT user FROM login_events WHERE time = 'never'"), IsEmpty());
  EXPECT_THAT(ask("SELECT eid FROM login_events WHERE user = 'bob'"), ElementsAre("0000000002"));
}

TEST_F(EventRowsTest, AScheduledQuerySeesEachRowOnce) {
  const auto query = "SELECT user FROM login_events";
  log_in(100, "ann");
  EXPECT_THAT(run(query), ElementsAre("ann"));
  EXPECT_TRUE(moved_);
  EXPECT_THAT(run(query), IsEmpty());
  EXPECT_FALSE(moved_);
  log_in(100, "bob");
  log_in(101, "cid");
  EXPECT_THAT(run(query), ElementsAre("bob", "cid"));
  EXPECT_THAT(ask(query), ElementsAre("ann", "bob", "cid")) << "whoever else asks";
}

// Both sides of the join are of the same moment, whatever comes between.
TEST_F(EventRowsTest, ARunThatReadsItTwiceSeesTheSameTwice) {
  log_in(100, "ann");
  log_in(100, "bob");
  const auto query = "SELECT a.user || b.user FROM login_events a, login_events b ORDER BY 1";
  EXPECT_THAT(run(query), ElementsAre("annann", "annbob", "bobann", "bobbob"));
  Marks marks(stored_);
  log_in(101, "cid");
  const auto stretch = marks.stretch(*journal_, 1, "logins");
  log_in(101, "dan");
  EXPECT_EQ(marks.stretch(*journal_, 1, "logins").last, stretch.last);
}

// A query with a time of its own wants that time, whatever it saw before; and it does not take what others wait for.
TEST_F(EventRowsTest, AskedForATimeMarksStayAsTheyAre) {
  log_in(100, "ann");
  EXPECT_THAT(run("SELECT user FROM login_events WHERE time >= 100"), ElementsAre("ann"));
  EXPECT_FALSE(moved_);
  EXPECT_THAT(run("SELECT user FROM login_events WHERE time >= 100"), ElementsAre("ann"));
}

TEST_F(EventRowsTest, DamageIsToldAndTheRestIsRead) {
  log_in(100, "ann");
  append(100, "\x7f");
  log_in(100, "bob");
  EXPECT_THAT(ask("SELECT user FROM login_events"), ElementsAre("ann", "bob"));
  EXPECT_EQ(warnings_, 1u);
  stored_ = "\xFF\xFF";
  EXPECT_THAT(run("SELECT user FROM login_events"), ElementsAre("ann", "bob"));
}

// The journal was lost and begun anew: its first rows are not behind the mark.
TEST_F(EventRowsTest, AMarkBeyondTheJournalIsForgotten) {
  for (int i = 0; i < 5; ++i) log_in(100, "ann");
  EXPECT_EQ(run("SELECT user FROM login_events").size(), 5u);
  journal_.reset();
  store_.reset();
  std::filesystem::remove_all(top / "journal");
  store_ = std::move(store::open_fifo({top / "journal", {{"others", 4 << 20}, {"logins", 4 << 20}}})->store);
  journal_ = std::make_unique<Journal>(*store_, families_);
  reads_ = std::make_unique<EventReads>(*journal_);
  services_.provide(*reads_);
  log_in(90, "bob");
  EXPECT_THAT(run("SELECT user FROM login_events"), ElementsAre("bob"));
}

}  // namespace
}  // namespace osprey::events
