#include "server/results/results.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <soci/soci.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <future>
#include <random>
#include <set>
#include <thread>

#include "server/api/problem.h"
#include "server/db/test_database.h"
#include "server/results/segment.h"

namespace osprey::server::results {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kDay = 86'400'000;
// Today's, so that nothing is too old.
const Timestamp kNoon{system_clock()().ms / kDay * kDay + kDay / 2};

std::string event(const std::string& query, const std::string& columns, const std::string& action = "added") {
  return fmt::format(R"({{"name":"{}","unixTime":1,"epoch":0,"counter":1,"columns":{},"action":"{}"}})", query, columns,
                     action);
}

std::string text_of(const Filter& filter) {
  std::string text = fmt::format(" status {} text '{}' prefix '{}'", filter.status, filter.text, filter.query_prefix);
  for (const std::int64_t host : filter.hosts) text += fmt::format(" host {}", host);
  for (const std::string& query : filter.queries) text += " query " + query;
  for (const ValueMatch& match : filter.values)
    text += fmt::format(" '{}' {} '{}'", match.column, match.how == ValueMatch::How::equals ? "=" : "~", match.value);
  if (filter.from) text += fmt::format(" from {}", filter.from->ms);
  if (filter.to) text += fmt::format(" to {}", filter.to->ms);
  return text;
}

class ResultsTest : public db::DatabaseTest {
 protected:
  void SetUp() override {
    migrate(schema());
    results_ = make_results(database());
  }
  Results& results() { return *results_; }
  void restart() {
    results_.reset();
    results_ = make_results(database());
  }

  Result<void> store(LogBatch batch) {
    std::promise<Result<void>> done;
    if (!results().store(std::move(batch), [&](const Result<void>& result) { done.set_value(result); }))
      return failure("", "refused");
    return done.get_future().get();
  }
  Result<void> store(std::vector<std::string> lines, std::int64_t host = 1, Timestamp received = kNoon) {
    return store(LogBatch{.host = host, .received = received, .lines = std::move(lines)});
  }

  // All that the filter finds, page by page.
  std::vector<Line> find(const Filter& filter, std::size_t page_size = 7) {
    std::vector<Line> found;
    std::optional<std::int64_t> before;
    do {
      const auto page = results().search(filter, before, page_size, 10s);
      EXPECT_TRUE(page) << page.error().text();
      if (!page) return found;
      EXPECT_LE(page->lines.size(), page_size);
      found.insert(found.end(), page->lines.begin(), page->lines.end());
      before = page->next;
    } while (before);
    return found;
  }
  std::vector<std::string> columns(const Filter& filter) {
    std::vector<std::string> found;
    for (const Line& line : find(filter)) found.push_back(line.row.columns);
    return found;
  }
  void keep(const Retention& retention) {
    ASSERT_TRUE(database().write(
        [&](db::Transaction& transaction) { return results().set_retention(transaction, retention); }));
  }
  std::int64_t count(const std::string& table) {
    return *database().read([&](soci::session& sql) {
      long long count = 0;
      sql << "SELECT count(*) FROM " + table, soci::into(count);
      return count;
    });
  }

 private:
  std::unique_ptr<Results> results_;
};
INSTANTIATE_TEST_SUITE_P(Databases, ResultsTest, db::both_dialects(), db::dialect_name);

// SRV-13
TEST_P(ResultsTest, LinesAreFoundNewestFirstByEachOfTheirParts) {
  ASSERT_TRUE(store({event("users", R"({"uid":"0","username":"root"})"),
                     event("users", R"({"uid":"1000","username":"bob"})", "removed")}));
  ASSERT_TRUE(store(
      {R"({"name":"pack_os_load","unixTime":1772719445,"snapshot":[{"load":1.5},{"load":2}],"action":"snapshot"})"}, 2,
      Timestamp{kNoon.ms + 5}));
  const auto all = find({});
  ASSERT_EQ(all.size(), 4U);
  EXPECT_EQ(all[0].row.columns, R"({"load":2})");
  EXPECT_EQ(all[0].host, 2);
  EXPECT_EQ(all[0].received.ms, kNoon.ms + 5);
  EXPECT_EQ(all[0].row.unix_ms, 1'772'719'445'000);
  EXPECT_EQ(all[3].row.columns, R"({"uid":"0","username":"root"})");
  EXPECT_GT(all[0].id, all[3].id);

  EXPECT_EQ(find({.hosts = {2}}).size(), 2U);
  EXPECT_EQ(find({.hosts = {1, 2, 3}}).size(), 4U);
  EXPECT_EQ(find({.queries = {"users"}}).size(), 2U);
  EXPECT_EQ(find({.queries = {"users", "pack_os_load"}}).size(), 4U);
  EXPECT_EQ(find({.query_prefix = "pack_os_"}).size(), 2U);
  EXPECT_EQ(find({.query_prefix = "os_"}).size(), 0U);
  EXPECT_EQ(find({.actions = {Action::removed, Action::snapshot}}).size(), 3U);
  EXPECT_EQ(find({.from = Timestamp{kNoon.ms + 1}}).size(), 2U);
  EXPECT_EQ(find({.to = Timestamp{kNoon.ms + 1}}).size(), 2U);
  EXPECT_THAT(columns({.values = {{"username", "bob"}}}), testing::ElementsAre(R"({"uid":"1000","username":"bob"})"));
  EXPECT_EQ(find({.values = {{"uid", "bob"}}}).size(), 0U);
  EXPECT_EQ(find({.values = {{"load", "2"}}}).size(), 1U);
  EXPECT_EQ(find({.values = {{"load", "1.5"}}}).size(), 1U);
  EXPECT_EQ(find({.values = {{"username", "oo", ValueMatch::How::contains}}}).size(), 1U);
  EXPECT_EQ(find({.values = {{"uid", "0"}, {"username", "bob"}}}).size(), 0U);
  EXPECT_EQ(find({.text = "rname\":\"b"}).size(), 0U);
  EXPECT_EQ(find({.text = "bob"}).size(), 1U);
}

TEST_P(ResultsTest, StatusLinesAreApart) {
  ASSERT_TRUE(store({event("users", "{}")}));
  ASSERT_TRUE(
      store(LogBatch{.host = 1,
                     .status = true,
                     .received = kNoon,
                     .lines = {R"({"severity":0,"filename":"a.cpp","line":1,"message":"it's <b>","version":"1"})",
                               R"({"severity":2,"filename":"b.cpp","line":2,"message":"bad","version":"1"})"}}));
  EXPECT_EQ(find({}).size(), 1U);
  EXPECT_EQ(find({.status = true}).size(), 2U);
  EXPECT_EQ(find({.status = true, .least_severity = 1}).size(), 1U);
  EXPECT_EQ(find({.status = true, .values = {{"line", "1"}}}).size(), 1U);
  EXPECT_EQ(find({.status = true, .values = {{"message", "it's <b>"}}}).size(), 1U);
}

TEST_P(ResultsTest, HostileTextIsTextEverywhere) {
  const std::vector<std::string> texts = {"'; DROP TABLE result_line; --",
                                          "<script>alert(1)</script>",
                                          "\\\"quoted\\\"",
                                          "a\\u0000b",
                                          "%_*?[]",
                                          ":v0 $1 ?1",
                                          "\\n\\t\\\\",
                                          "жук",
                                          "\xff\xfe",
                                          "\\ud800",
                                          std::string(70'000, 'x')};
  for (const std::string& text : texts) {
    ASSERT_TRUE(store({event(text, fmt::format(R"({{"{}":"{}"}})", text, text))})) << text.substr(0, 50);
    const Line line = find({}).front();
    if (line.row.kind == Kind::raw) continue;  // a lone surrogate is no JSON
    const auto [column, value] = columns_of(line.row.columns).at(0);
    EXPECT_EQ(find({.values = {{column, value}}}).size(), 1U) << text.substr(0, 50);
    EXPECT_EQ(find({.values = {{column, value, ValueMatch::How::contains}}}).size(), 1U) << text.substr(0, 50);
    EXPECT_EQ(find({.queries = {line.row.name}}).size(), 1U) << text.substr(0, 50);
    EXPECT_EQ(find({.text = value}).size(), 1U) << text.substr(0, 50);
    // Without a filter on the hosts' side, too.
    EXPECT_EQ(find({.hosts = {1}, .values = {{column, value}}}).size(), 1U) << text.substr(0, 50);
  }
  EXPECT_EQ(find({}, 3).size(), texts.size());
}

TEST_P(ResultsTest, BadLinesAreKeptAndDoNotHoldUpTheirBatch) {
  ASSERT_TRUE(store({"{", event("q", R"({"a":"1"})"), std::string(1 << 20, '['), "[1]", std::string("\0\xff", 2)}));
  const auto found = find({});
  ASSERT_EQ(found.size(), 5U);
  EXPECT_EQ(found[0].row.columns, "\\x00\\xFF");
  EXPECT_EQ(found[2].row.columns.size(), 1U << 20);
  EXPECT_EQ(results().counts().raw, 4U);
  EXPECT_EQ(results().counts().lines, 5U);
  EXPECT_EQ(find({.text = "[["}).size(), 1U);
}

TEST_P(ResultsTest, AnEmptyBatchIsStoredAtOnce) { EXPECT_TRUE(store(std::vector<std::string>{})); }

TEST_P(ResultsTest, ABatchLargerThanASegmentAndAcrossMidnight) {
  std::vector<std::string> lines;
  for (int i = 0; i < 20'000; ++i) lines.push_back(event("q", fmt::format(R"({{"n":"{}"}})", i)));
  const Timestamp midnight{kNoon.ms + kDay / 2};
  auto before = std::async(std::launch::async, [&] { return store(lines, 1, Timestamp{midnight.ms - 1}); });
  ASSERT_TRUE(before.get());
  ASSERT_TRUE(store(lines, 2, midnight));
  EXPECT_EQ(find({.values = {{"n", "19999"}}}).size(), 2U);
  EXPECT_EQ(find({.to = midnight, .values = {{"n", "8191"}}}).size(), 1U);
  EXPECT_EQ(find({.hosts = {2}}, 5000).size(), 20'000U);
  EXPECT_EQ(find({}, 4999).size(), 40'000U);
  const auto statistics = results().statistics();
  ASSERT_TRUE(statistics);
  EXPECT_EQ(statistics->rows, 40'000);
  ASSERT_EQ(statistics->days.size(), 2U);
  EXPECT_EQ(statistics->days[0].rows, 20'000);
  EXPECT_EQ(statistics->newest, midnight);
  EXPECT_GT(statistics->bytes, 0);
}

TEST_P(ResultsTest, PagesAreStableWhileLinesAreStored) {
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(store({event("q", fmt::format(R"({{"n":"{}"}})", i))}));
  const auto first = results().search({}, std::nullopt, 5, 10s);
  ASSERT_TRUE(first && first->next);
  ASSERT_TRUE(store({event("q", R"({"n":"new"})")}));
  const auto second = results().search({}, first->next, 5, 10s);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->lines.front().row.columns, R"({"n":"14"})");
  EXPECT_FALSE(first->exact);
  EXPECT_NEAR(static_cast<double>(first->estimate), 20, 5);
}

// Whatever is asked, the search answers what looking at every line does.
TEST_P(ResultsTest, FindsWhatLookingAtEveryLineFinds) {
  std::mt19937 random(GetParam() == db::Dialect::sqlite ? 5 : 6);
  const auto pick = [&](int below) { return static_cast<int>(random() % static_cast<unsigned>(below)); };
  const std::vector<std::string> values = {"\"a\"",      "\"1\"",        "1",
                                           "1.5",        "null",         "true",
                                           "\"\"",       "\"null\"",     "\"q\\\"uote\"",
                                           "[1,2]",      R"({"k":"a"})", R"("\"k\":\"a\"")",
                                           "\"true\"",   "\"[1,2]\"",    "-7",
                                           "\"\\u0000\""};
  const std::vector<std::string> keys = {"k", "key", "k\\\"", "", "l"};
  for (int b = 0; b < 60; ++b) {
    std::vector<std::string> lines;
    for (int i = pick(40); i >= 0; --i) {
      std::string columns = "{";
      for (const std::string& key : keys) {
        if (pick(2)) continue;
        columns += (columns.size() > 1 ? "," : "") +
                   fmt::format("\"{}\":{}", key, values[pick(static_cast<int>(values.size()))]);
      }
      lines.push_back(pick(20) ? event(fmt::format("q{}", pick(4)), columns + "}", pick(2) ? "added" : "removed")
                               : columns);
    }
    const Timestamp received{kNoon.ms + pick(1000) + (b / 30) * kDay};
    ASSERT_TRUE(store(
        LogBatch{.host = 1 + pick(30), .status = pick(10) == 0, .received = received, .lines = std::move(lines)}));
    // Some segments have filters of their own, some joined ones, the newest none.
    if (b == 20 || b == 40) {
      ASSERT_TRUE(results().maintain(Timestamp{system_clock()().ms + 2 * 3'600'000}));
    }
  }
  std::vector<Line> all = find({}, 1000);
  for (Line& line : find({.status = true}, 1000))
    if (line.row.kind == Kind::status) all.push_back(std::move(line));
  std::ranges::sort(all, std::ranges::greater{}, &Line::id);

  for (int n = 0; n < 150; ++n) {
    Filter filter;
    if (pick(8) == 0) filter.status = true;
    if (pick(3) == 0)
      for (int i = pick(20); i >= 0; --i) filter.hosts.push_back(1 + pick(32));
    if (pick(4) == 0)
      for (int i = pick(2); i >= 0; --i) filter.queries.push_back(fmt::format("q{}", pick(6)));
    if (pick(8) == 0) filter.query_prefix = "q";
    if (pick(4) == 0) filter.actions.push_back(pick(2) ? Action::added : Action::removed);
    if (pick(4) == 0) filter.from = Timestamp{kNoon.ms + pick(1000)};
    if (pick(4) == 0) filter.to = Timestamp{kNoon.ms + pick(1000) + kDay};
    for (int i = pick(3); i > 0; --i) {
      const auto cells = columns_of(all[static_cast<std::size_t>(pick(static_cast<int>(all.size())))].row.columns);
      if (cells.empty()) continue;
      const auto& cell = cells[static_cast<std::size_t>(pick(static_cast<int>(cells.size())))];
      filter.values.push_back({cell.first, cell.second, pick(4) ? ValueMatch::How::equals : ValueMatch::How::contains});
    }
    if (pick(8) == 0)
      filter.text = std::vector<std::string>{"k", "\"", "1", "a", "\\"}[static_cast<std::size_t>(pick(5))];
    std::vector<std::int64_t> expected, found;
    std::string rows;
    for (const Line& line : all)
      if (matches(filter, line)) {
        expected.push_back(line.id);
        rows += "\n" + line.row.columns;
      }
    for (const Line& line : find(filter, static_cast<std::size_t>(1 + pick(100)))) found.push_back(line.id);
    ASSERT_EQ(found, expected) << n << text_of(filter) << rows;
  }
}

TEST_P(ResultsTest, SmallCommitsGetTheirFilterLaterTogether) {
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(store({event("q", fmt::format(R"({{"n":"{}"}})", i))}));
  EXPECT_EQ(count("result_segment WHERE filter IS NULL"), 50);
  // Not while a transaction may still be under way.
  ASSERT_TRUE(results().maintain(system_clock()()));
  EXPECT_EQ(count("result_segment"), 50);
  ASSERT_TRUE(results().maintain(Timestamp{system_clock()().ms + 2 * 3'600'000}));
  EXPECT_EQ(count("result_segment"), 1);
  EXPECT_EQ(count("result_segment WHERE filter IS NULL"), 0);
  EXPECT_EQ(results().statistics()->rows, 50);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(find({.values = {{"n", std::to_string(i)}}}).size(), 1U);
  EXPECT_EQ(find({}).size(), 50U);
  ASSERT_TRUE(store({event("q", R"({"n":"new"})")}));
  EXPECT_EQ(find({.values = {{"n", "new"}}}).size(), 1U);
}

TEST_P(ResultsTest, LargeCommitsHaveTheirFilterAtOnce) {
  std::vector<std::string> lines;
  for (int i = 0; i < 3000; ++i) lines.push_back(event("q", fmt::format(R"({{"n":"{}"}})", i)));
  ASSERT_TRUE(store(lines));
  EXPECT_EQ(count("result_segment WHERE filter IS NULL"), 0);
  EXPECT_EQ(find({.values = {{"n", "2999"}}}).size(), 1U);
  EXPECT_EQ(find({.values = {{"n", "3000"}}}).size(), 0U);
}

TEST_P(ResultsTest, DaysThatAreTooOldAreDropped) {
  for (int day = 0; day < 5; ++day)
    ASSERT_TRUE(store({event("q", fmt::format(R"({{"day":"{}"}})", day))}, 1, Timestamp{kNoon.ms + day * kDay}));
  EXPECT_EQ(*results().retention(), Retention{});
  ASSERT_TRUE(database().write([&](db::Transaction& transaction) {
    return results().set_retention(transaction, {.days = 2, .bytes = 1LL << 40});
  }));
  restart();
  EXPECT_EQ(results().retention()->days, 2);
  ASSERT_TRUE(results().maintain(Timestamp{kNoon.ms + 4 * kDay}));
  EXPECT_THAT(columns({}), testing::ElementsAre(R"({"day":"4"})", R"({"day":"3"})"));
  EXPECT_EQ(results().statistics()->days.size(), 2U);
  // Late lines of a dropped day are stored all the same.
  ASSERT_TRUE(store({event("q", "{}")}));
}

TEST_P(ResultsTest, TheOldestDaysGoWhenThereIsTooMuch) {
  std::vector<std::string> lines;
  for (int i = 0; i < 3000; ++i)
    lines.push_back(event("q", fmt::format(R"({{"n":"{}","x":"{}"}})", i, std::string(500, 'x'))));
  for (int day = 0; day < 3; ++day) ASSERT_TRUE(store(lines, 1, Timestamp{kNoon.ms + day * kDay}));
  const std::int64_t bytes = results().statistics()->bytes;
  ASSERT_TRUE(database().write([&](db::Transaction& transaction) {
    return results().set_retention(transaction, {.days = 100, .bytes = bytes - bytes / 6});
  }));
  ASSERT_TRUE(results().maintain(Timestamp{kNoon.ms + 2 * kDay}));
  EXPECT_LE(results().statistics()->bytes, bytes - bytes / 6);
  EXPECT_EQ(find({.hosts = {1}}, 5000).size(), 6000U);
}

// More than may be kept, within one day.
TEST_P(ResultsTest, TheOldestLinesOfTodayGoWhenThereIsTooMuch) {
  const auto lines_of = [](int batch) {
    std::vector<std::string> lines;
    for (int i = 0; i < 1500; ++i)
      lines.push_back(event("q", fmt::format(R"({{"batch":"{}","x":"{}"}})", batch, std::string(500, 'x'))));
    return lines;
  };
  const auto there = [&](int batch) { return find({.values = {{"batch", std::to_string(batch)}}}, 5000).size(); };
  int batch = 0;
  for (; batch < 10; ++batch) ASSERT_TRUE(store(lines_of(batch), 1, kNoon));
  const std::int64_t bytes = results().statistics()->bytes;
  const std::int64_t most = bytes - bytes / 3;
  ASSERT_TRUE(database().write([&](db::Transaction& transaction) {
    return results().set_retention(transaction, {.days = 100, .bytes = most});
  }));
  ASSERT_TRUE(results().maintain(kNoon));
  EXPECT_EQ(there(0), 0U);
  EXPECT_EQ(there(9), 1500U);
  const auto kept = count("result_line");
  EXPECT_GT(kept, 1500 * 5);
  EXPECT_LT(kept, 1500 * 8);
  ASSERT_TRUE(results().maintain(kNoon));
  EXPECT_EQ(count("result_line"), kept) << "what has gone does not count any more";
  for (; batch < 14; ++batch) ASSERT_TRUE(store(lines_of(batch), 1, kNoon));
  ASSERT_TRUE(results().maintain(kNoon));
  EXPECT_LT(count("result_line"), 1500 * 8);
  EXPECT_EQ(there(13), 1500U);
}

TEST_P(ResultsTest, RetentionIsChecked) {
  std::map<std::string, std::int64_t> many;
  for (std::int64_t i = 0; i <= kMostQueriesWithDays; ++i) many[fmt::format("q{}", i)] = 1;
  for (const Retention& bad : {Retention{.days = 0}, Retention{.days = 1, .bytes = -1}, Retention{.days = 1'000'000},
                               Retention{.queries = {{"q", 0}}}, Retention{.queries = {{"q", kMostDays + 1}}},
                               Retention{.queries = {{"", 1}}}, Retention{.queries = {{std::string("a\0b", 3), 1}}},
                               Retention{.queries = {{std::string(1001, 'q'), 1}}}, Retention{.queries = many}}) {
    const auto set =
        database().write([&](db::Transaction& transaction) { return results().set_retention(transaction, bad); });
    ASSERT_FALSE(set);
    EXPECT_EQ(set.error().code, api::kInvalid) << set.error().text();
  }
  many.erase("q0");
  keep({.days = 3, .queries = many});
  EXPECT_EQ(results().retention()->queries, many);
  keep({.days = 3});
  EXPECT_EQ(*results().retention(), Retention{.days = 3});
}

// What stays is what looking at each line says, whatever retention was set when.
TEST_P(ResultsTest, QueriesAreKeptForDaysOfTheirOwn) {
  std::mt19937 random(GetParam() == db::Dialect::sqlite ? 7 : 8);
  const auto pick = [&](int below) { return static_cast<int>(random() % static_cast<unsigned>(below)); };
  using Stored = std::pair<int, std::string>;  // on which day, by which query
  std::vector<Stored> expected;
  Retention retention{.days = 4, .queries = {{"execs", 9}, {"noise", 1}, {"other'; --", 2}}};
  keep(retention);
  for (int today = 0; today < 24; ++today) {
    // Some come late, when the server's clock was set back.
    for (int i = 1 + pick(4); i > 0; --i) {
      const int day = std::max(0, today - (pick(4) ? 0 : pick(8)));
      std::vector<std::string> lines;
      for (int line = pick(6); line >= 0; --line) {
        const std::vector<std::string> names = {"execs", "noise", "other'; --", "plain", "more"};
        expected.emplace_back(day, names[static_cast<std::size_t>(pick(5))]);
        lines.push_back(event(expected.back().second, fmt::format(R"({{"day":"{}"}})", day)));
      }
      ASSERT_TRUE(store(lines, 1 + pick(3), Timestamp{kNoon.ms + day * kDay}));
    }
    if (pick(4) == 0) {
      retention = {.days = 1 + pick(10)};
      for (const char* name : {"execs", "noise", "more"})
        if (pick(2)) retention.queries[name] = 1 + pick(14);
      keep(retention);
    }
    ASSERT_TRUE(results().maintain(Timestamp{kNoon.ms + (today + 1) * kDay}));
    std::erase_if(expected, [&](const Stored& one) {
      const auto own = retention.queries.find(one.second);
      return today + 1 - one.first >= (own == retention.queries.end() ? retention.days : own->second);
    });
    std::ranges::sort(expected);
    std::vector<Stored> found;
    for (const Line& line : find({}, 100))
      found.emplace_back(static_cast<int>((line.received.ms - kNoon.ms) / kDay), line.row.name);
    std::ranges::sort(found);
    ASSERT_EQ(found, expected) << today << " days " << retention.days;
    for (const auto& [day, query] : std::set(expected.begin(), expected.end()))
      EXPECT_EQ(find({.queries = {query}, .values = {{"day", std::to_string(day)}}}).size(),
                static_cast<std::size_t>(std::ranges::count(expected, Stored(day, query))));
    EXPECT_EQ(find({.hosts = {1, 2, 3}}, 100).size(), expected.size());
    EXPECT_EQ(results().statistics()->rows, static_cast<std::int64_t>(expected.size()));
  }
}

TEST_P(ResultsTest, LinesOfNoQueryAreKeptForTheGeneralDays) {
  ASSERT_TRUE(store({"{", event("execs", "{}")}));
  ASSERT_TRUE(store(LogBatch{.host = 1,
                             .status = true,
                             .received = kNoon,
                             .lines = {R"({"severity":0,"filename":"a","line":1,"message":"m","version":"1"})"}}));
  keep({.days = 2, .queries = {{"execs", 1}}});
  ASSERT_TRUE(results().maintain(Timestamp{kNoon.ms + kDay}));
  EXPECT_EQ(find({}).size(), 1U);
  EXPECT_EQ(find({.status = true}).size(), 2U);
  keep({.days = 2, .queries = {{"execs", 3}}});
  ASSERT_TRUE(results().maintain(Timestamp{kNoon.ms + 2 * kDay}));
  EXPECT_EQ(find({.status = true}).size(), 0U);
}

// Ten of 3000 lines are kept longer.
std::vector<std::string> mostly_bulk(int day) {
  std::vector<std::string> lines;
  for (int i = 0; i < 3000; ++i)
    lines.push_back(event(i % 300 ? "bulk" : "execs",
                          fmt::format(R"({{"day":"{}","n":"{}","x":"{}"}})", day, i, std::string(500, 'x'))));
  return lines;
}

TEST_P(ResultsTest, TheRoomOfWhatWentIsGivenBack) {
  ASSERT_TRUE(store(mostly_bulk(0)));
  const std::int64_t bytes = results().statistics()->bytes;
  keep({.days = 1, .queries = {{"execs", 365}}});
  ASSERT_TRUE(results().maintain(Timestamp{kNoon.ms + 2 * kDay}));
  EXPECT_EQ(find({}).size(), 10U);
  EXPECT_LT(results().statistics()->bytes, bytes / 2);
  EXPECT_EQ(count("result_segment"), 1);
  EXPECT_EQ(count("result_segment WHERE filter IS NULL"), 0) << "it is made for those that stayed";
  EXPECT_EQ(find({.values = {{"n", "300"}}}).size(), 1U);
}

TEST_P(ResultsTest, WhatHasUsedUpMostOfItsDaysGoesFirstWhenThereIsTooMuch) {
  for (int day = 0; day < 4; ++day) ASSERT_TRUE(store(mostly_bulk(day), 1, Timestamp{kNoon.ms + day * kDay}));
  const std::int64_t bytes = results().statistics()->bytes;
  keep({.days = 20, .bytes = bytes - bytes / 6, .queries = {{"execs", 40}}});
  ASSERT_TRUE(results().maintain(Timestamp{kNoon.ms + 4 * kDay}));
  // The first day's bulk is at 4 of 20 days, the second's at 3; the first day's archive at 4 of 40.
  EXPECT_LE(results().statistics()->bytes, bytes - bytes / 6);
  EXPECT_EQ(find({.queries = {"execs"}}, 1000).size(), 40U);
  EXPECT_EQ(find({.queries = {"bulk"}, .from = Timestamp{kNoon.ms + kDay}}, 5000).size(), 3U * 2990);
  EXPECT_EQ(find({.queries = {"bulk"}}, 5000).size(), 3U * 2990);
  // With next to no room the archive goes, too, and of today's lines the oldest.
  keep({.days = 20, .bytes = 1, .queries = {{"execs", 40}}});
  ASSERT_TRUE(results().maintain(Timestamp{kNoon.ms + 4 * kDay}));
  EXPECT_EQ(find({}).size(), 0U);
}

class SweepTest : public ResultsTest {
 protected:
  const Timestamp now_{kNoon.ms + 3 * kDay};

  // The second of two commits may not be all that there is: a sweep waits.
  void begin() {
    for (int host = 1; host <= 2; ++host) ASSERT_TRUE(store({event("execs", "{}"), event("bulk", "{}")}, host));
    newest_is_of(now_);
    keep({.days = 2, .queries = {{"execs", 9}}});
    ASSERT_TRUE(results().maintain(now_));
    ASSERT_EQ(count("result_sweep WHERE done = 0 AND segment > 0"), 1);
  }
  void newest_is_of(Timestamp time) {
    ASSERT_TRUE(database().write([&](db::Transaction& transaction) -> Result<void> {
      transaction.sql()
          << "UPDATE result_segment SET created_at = :now WHERE id = (SELECT max(id) FROM result_segment)",
          soci::use(time.ms);
      return {};
    }));
  }
  void go_on() {
    newest_is_of(kNoon);
    ASSERT_TRUE(results().maintain(now_));
    ASSERT_EQ(count("result_sweep WHERE done = 0"), 0);
  }
};
INSTANTIATE_TEST_SUITE_P(Databases, SweepTest, db::both_dialects(), db::dialect_name);

TEST_P(SweepTest, AnotherServerGoesOnWithWhatOneBegan) {
  begin();
  EXPECT_EQ(find({.queries = {"execs"}}).size(), 2U);
  restart();
  go_on();
  EXPECT_EQ(find({}).size(), 2U);
  EXPECT_EQ(find({.queries = {"execs"}}).size(), 2U);
}

TEST_P(SweepTest, AHostThatIsRemovedMeanwhileDoesNotComeBack) {
  begin();
  ASSERT_TRUE(database().write([&](db::Transaction& transaction) { return results().remove_host(transaction, 1); }));
  go_on();
  EXPECT_EQ(find({}).size(), 1U);
  EXPECT_EQ(find({.hosts = {1}}).size(), 0U);
}

TEST_P(SweepTest, ARetentionThatIsSetMeanwhileCounts) {
  begin();
  keep({.days = 2, .queries = {{"bulk", 9}}});
  EXPECT_EQ(count("result_sweep WHERE done = 0"), 0);
  go_on();
  EXPECT_EQ(find({.queries = {"execs"}}).size(), 0U);
  // On SQLite one was deleted before.
  EXPECT_EQ(find({.queries = {"bulk"}}).size(), GetParam() == db::Dialect::sqlite ? 1U : 2U);
}

TEST_P(SweepTest, ADayThatIsOverForAllGoesWithItsSweep) {
  begin();
  ASSERT_TRUE(results().maintain(Timestamp{kNoon.ms + 9 * kDay}));
  EXPECT_EQ(find({}).size(), 0U);
  EXPECT_EQ(count("result_sweep"), 0);
  ASSERT_TRUE(store(mostly_bulk(9), 1, Timestamp{kNoon.ms + 9 * kDay}));
  ASSERT_TRUE(results().maintain(Timestamp{kNoon.ms + 12 * kDay}));
  EXPECT_EQ(find({}, 1000).size(), 10U) << "the next one begins";
}

// Nothing is gone through again that a new retention says nothing new of.
TEST_P(SweepTest, ANewRetentionSweepsOnlyWhatItConcerns) {
  begin();
  go_on();
  const auto term = [&] { return count("result_sweep WHERE done = 1 AND term = 2") ? 2 : 0; };
  EXPECT_EQ(term(), 2);
  keep({.days = 2, .queries = {{"execs", 20}, {"noise", 1}}});
  EXPECT_EQ(count("result_sweep WHERE done = 1 AND term = 19"), 1) << "there are execs alone";
  keep({.days = 30, .queries = {{"execs", 2}}});
  EXPECT_EQ(count("result_sweep WHERE done = 1 AND term = 1"), 1);
  ASSERT_TRUE(results().maintain(now_));
  EXPECT_EQ(find({}).size(), 0U);
}

// Hosts' clocks are only shown; the server's own may be set back and forth.
TEST_P(ResultsTest, ClocksAYearOffLoseNothing) {
  constexpr std::int64_t kYear = 365 * kDay;
  for (const std::int64_t off : {-kYear, std::int64_t{0}, kYear}) {
    const auto seconds = (kNoon.ms + off) / 1000;
    ASSERT_TRUE(store({fmt::format(R"({{"name":"host","unixTime":{},"columns":{{}},"action":"added"}})", seconds)}));
    ASSERT_TRUE(store({event("server", "{}")}, 1, Timestamp{kNoon.ms + off}));
  }
  EXPECT_EQ(find({.queries = {"server"}}).size(), 3U);
  EXPECT_EQ(find({.queries = {"host"}, .from = kNoon, .to = Timestamp{kNoon.ms + 1}}).size(), 3U);
  ASSERT_TRUE(results().maintain(kNoon));
  EXPECT_EQ(find({.queries = {"host"}}).size(), 3U) << "no host has lines dropped by dating them back";
}

TEST_P(ResultsTest, FacetsCountWhatIsCommon) {
  for (int i = 0; i < 30; ++i)
    ASSERT_TRUE(
        store({event(i % 3 ? "often" : "seldom", fmt::format(R"({{"user":"{}"}})", i % 2 ? "bob" : "root"))}, i % 5));
  const auto facets = results().facets({}, {.top = 3, .columns = {"user"}});
  ASSERT_TRUE(facets);
  EXPECT_EQ(facets->lines, 30);
  EXPECT_FALSE(facets->since);
  EXPECT_EQ(facets->hosts.size(), 3U);
  ASSERT_EQ(facets->queries.size(), 2U);
  EXPECT_EQ(facets->queries[0].value, "often");
  EXPECT_EQ(facets->queries[0].lines, 20);
  EXPECT_EQ(facets->columns.at("user").size(), 2U);
  const auto few = results().facets({}, {.most_lines = 10});
  ASSERT_TRUE(few);
  EXPECT_EQ(few->lines, 10);
  EXPECT_EQ(few->since, kNoon);
}

TEST_P(ResultsTest, ManyHostsAtOnceShareCommits) {
  std::atomic<int> stored{0};
  constexpr int kBatches = 500;
  for (int i = 0; i < kBatches; ++i)
    ASSERT_TRUE(results().store({.host = i, .received = kNoon, .lines = {event("q", "{}"), event("r", "{}")}},
                                [&](const Result<void>& result) { stored += result.has_value(); }));
  restart();  // waits for what is queued
  EXPECT_EQ(stored, kBatches);
  EXPECT_EQ(find({}, 300).size(), 2U * kBatches);
}

TEST_P(ResultsTest, WhatAHostSentGoesWithIt) {
  for (int host = 1; host <= 3; ++host) ASSERT_TRUE(store({event("q", "{}")}, host));
  ASSERT_TRUE(database().write([&](db::Transaction& transaction) { return results().remove_host(transaction, 2); }));
  EXPECT_EQ(find({.hosts = {2}}).size(), 0U);
  EXPECT_EQ(find({}).size(), 2U);
}

class KilledWriterTest : public db::DatabaseTest {
 protected:
  // Stores line after line and says over the pipe which have been acknowledged, until it is killed.
  [[noreturn]] void store_until_killed(int pipe) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const auto own = make_results(database());
    for (std::int32_t i = 0;; ++i) {
      const auto told = [pipe, i](const Result<void>& result) {
        if (result) (void)!::write(pipe, &i, sizeof i);
      };
      LogBatch batch{.host = 1, .received = kNoon, .lines = {event("q", fmt::format(R"({{"n":"{}"}})", i))}};
      while (!own->store(batch, told)) std::this_thread::sleep_for(1ms);
      if (i % 50 == 0) std::this_thread::sleep_for(1ms);
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Databases, KilledWriterTest, db::both_dialects(), db::dialect_name);

TEST_P(KilledWriterTest, EveryAcknowledgedLineIsInTheDatabase) {
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  const pid_t writer = ::fork();
  if (writer == 0) {
    migrate(schema());
    store_until_killed(pipe[1]);
  }
  ::close(pipe[1]);
  std::set<std::int32_t> acknowledged;
  for (std::int32_t number; ::read(pipe[0], &number, sizeof number) == sizeof number;) {
    acknowledged.insert(number);
    if (acknowledged.size() == 500) ::kill(writer, SIGKILL);
  }
  ::close(pipe[0]);
  ::waitpid(writer, nullptr, 0);
  ASSERT_GE(acknowledged.size(), 500U);

  const auto results = make_results(database());
  std::optional<std::int64_t> before;
  do {
    const auto page = results->search({}, before, 1000, 10s);
    ASSERT_TRUE(page) << page.error().text();
    for (const Line& line : page->lines) acknowledged.erase(std::stoi(columns_of(line.row.columns).at(0).second));
    before = page->next;
  } while (before);
  EXPECT_THAT(acknowledged, testing::IsEmpty());
}

class PostgresqlResultsTest : public ResultsTest {};
INSTANTIATE_TEST_SUITE_P(Databases, PostgresqlResultsTest, testing::Values(db::Dialect::postgresql), db::dialect_name);

TEST_P(PostgresqlResultsTest, TwoServersStoreBesideEachOther) {
  const auto other_database = open_another();
  const auto other = make_results(*other_database);
  std::atomic<int> stored{0};
  for (int i = 0; i < 100; ++i)
    for (Results* server : {&results(), other.get()})
      ASSERT_TRUE(
          server->store({.host = i, .received = Timestamp{kNoon.ms + i % 3 * kDay}, .lines = {event("q", "{}")}},
                        [&](const Result<void>& result) { stored += result.has_value(); }));
  while (stored < 200) std::this_thread::yield();
  std::set<std::int64_t> ids;
  for (const Line& line : find({}, 50)) ids.insert(line.id);
  EXPECT_EQ(ids.size(), 200U);
}

TEST_P(PostgresqlResultsTest, TwoServersSweepBesideEachOther) {
  for (int day = 0; day < 3; ++day)
    for (int i = 0; i < 40; ++i)
      ASSERT_TRUE(store({event("execs", "{}"), event("bulk", "{}")}, i, Timestamp{kNoon.ms + day * kDay}));
  keep({.days = 1, .queries = {{"execs", 9}}});
  const auto other_database = open_another();
  const auto other = make_results(*other_database);
  const auto keep_up = [](Results& server) {
    for (int i = 0; i < 20; ++i) (void)server.maintain(Timestamp{kNoon.ms + 4 * kDay});  // one may wait for the other
  };
  {
    const std::jthread beside([&] { keep_up(*other); });
    keep_up(results());
  }
  ASSERT_TRUE(results().maintain(Timestamp{kNoon.ms + 4 * kDay}));
  EXPECT_EQ(find({}, 100).size(), 120U);
  EXPECT_EQ(find({.queries = {"execs"}}, 100).size(), 120U);
}

TEST_P(PostgresqlResultsTest, GoneForAWhileNothingAcknowledgedIsLost) {
  int stored = 0;
  for (; stored < 10; ++stored) ASSERT_TRUE(store({event("q", "{}")}));
  db::test_cluster().stop(SIGKILL);
  const auto away = store({event("q", R"({"lost":"never acknowledged"})")});
  db::test_cluster().start();
  ASSERT_FALSE(away);
  EXPECT_EQ(away.error().code, db::kUnavailable);
  EXPECT_EQ(find({}).size(), 10U);
  EXPECT_TRUE(store({event("q", "{}")}));
  EXPECT_EQ(find({}).size(), 11U);
  EXPECT_EQ(results().counts().failed, 1U);
}

TEST_P(PostgresqlResultsTest, WhatWaitsIsBounded) {
  auto small = make_results(database(), {.queue_bytes = 100'000});
  int refused = 0;
  std::atomic<int> answered{0};
  int taken = 0;
  for (int i = 0; i < 2000; ++i) {
    const bool took = small->store({.host = 1,
                                    .received = kNoon,
                                    .lines = {event("q", std::string("{\"a\":\"") + std::string(10'000, 'x') + "\"}")}},
                                   [&](const Result<void>&) { ++answered; });
    took ? ++taken : ++refused;
  }
  EXPECT_GT(refused, 0);
  EXPECT_EQ(small->counts().refused, static_cast<std::uint64_t>(refused));
  small.reset();
  EXPECT_EQ(answered, taken);
}

}  // namespace
}  // namespace osprey::server::results
