// The differential beside a naive one: random results, small and large, with restarts, runs that are dropped, and every
// write of the store dying or failing once (SCH-01 to SCH-06, contract 5 of the design).
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <random>
#include <set>

#include "agent/differential/differential.h"
#include "agent/differential/testing.h"

namespace osprey::agent {
namespace {

using agent::testing::Agent;
using Rows = std::multiset<int>;

// So low that a few hundred rows take every path: both forms, staging, an index rewritten and in place, the sweep.
constexpr DifferentialOptions kLow = {.small_bytes = 3000, .batch_bytes = 2500, .record_bytes = 700, .part_rows = 4};

// A row is a number and text made of it.
std::string sql_of(const std::vector<int>& order) {
  return fmt::format(
      "select value as id, printf('%.*c', value % 40, 'x') as text, value / 2.0 as half from json_each('[{}]')",
      fmt::join(order, ","));
}

struct Change {
  std::uint64_t epoch;
  std::uint64_t counter;
  std::string action;
  int id;
  auto operator<=>(const Change&) const = default;
};

// What a line says; a batch line is several changes, or with id -1 none at all.
std::vector<Change> changes_of(const std::vector<std::string>& lines) {
  namespace json = boost::json;
  std::vector<Change> all;
  for (const auto& text : lines) {
    const auto line = json::parse(text).as_object();
    const auto epoch = json::value_to<std::uint64_t>(line.at("epoch"));
    const auto counter = json::value_to<std::uint64_t>(line.at("counter"));
    const auto add = [&](const json::value& columns, std::string_view action) {
      const auto number = [&](const char* name) {
        return std::stod(std::string(std::string_view(columns.at(name).as_string())));
      };
      const int id = static_cast<int>(number("id"));
      EXPECT_EQ(number("half"), id / 2.0);
      EXPECT_EQ(columns.at("text").as_string().size(), static_cast<std::size_t>(std::max(1, id % 40)));
      all.push_back({epoch, counter, std::string(action), id});
    };
    if (const auto* batch = line.if_contains("diffResults")) {
      const auto before = all.size();
      for (const auto* action : {"removed", "added"})
        for (const auto& row : batch->at(action).as_array()) add(row, action);
      if (all.size() == before) all.push_back({epoch, counter, "none", -1});
    } else {
      add(line.at("columns"), line.at("action").as_string());
    }
  }
  return all;
}

// The rules, for one query.
class Model {
 public:
  std::vector<Change> run(const std::vector<int>& order, const RunPlan& plan) {
    const Rows now(order.begin(), order.end());
    const bool fresh = !known_ || epoch_ != plan.epoch;
    auto left = fresh ? Rows{} : rows_;
    std::vector<int> added;
    for (const int row : order) {
      if (const auto found = left.find(row); found != left.end())
        left.erase(found);
      else
        added.push_back(row);
    }
    if (fresh)
      counter_ = 0;
    else if (!added.empty() || !left.empty())
      ++counter_;
    std::vector<Change> changes;
    if (plan.removed)
      for (const int row : left) changes.push_back({plan.epoch, counter_, "removed", row});
    for (const int row : added) changes.push_back({plan.epoch, counter_, "added", row});
    if (fresh && added.empty() && !plan.event_format) changes.push_back({plan.epoch, counter_, "none", -1});
    known_ = true;
    epoch_ = plan.epoch;
    rows_ = now;
    return changes;
  }
  std::size_t distinct() const { return std::set(rows_.begin(), rows_.end()).size(); }

 private:
  bool known_ = false;
  std::uint64_t epoch_ = 0;
  std::uint64_t counter_ = 0;
  Rows rows_;
};

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  int below(int bound) { return static_cast<int>(engine_() % static_cast<unsigned>(bound)); }
  bool once_in(int times) { return below(times) == 0; }

  // The next result: mostly as before with a few rows more and less, at times quite another.
  std::vector<int> next(std::vector<int> rows) {
    switch (below(8)) {
      case 0:
        rows.clear();
        break;
      case 1:
        rows.assign(static_cast<std::size_t>(below(400)), 0);
        for (int& row : rows) row = below(300);
        break;
      case 2:
        for (int i = below(200); i > 0; --i) rows.push_back(1000 + below(100'000));
        break;
      case 3:
        std::ranges::shuffle(rows, engine_);
        break;
      case 4:
        if (rows.size() > 40) rows.resize(rows.size() / 8);
        break;
      default:
        for (int i = below(6); i > 0; --i) rows.push_back(below(300));
        for (int i = below(6); i > 0 && !rows.empty(); --i)
          rows.erase(rows.begin() + below(static_cast<int>(rows.size())));
    }
    return rows;
  }

 private:
  std::mt19937 engine_;
};

// Nothing but what the last result needs is kept.
void expect_no_litter(store::Store& disk, const Model& model) {
  std::size_t rows = 0;
  std::set<std::string> index;
  for (auto cursor = disk.cursor(store::Family::queries, {}, {}); cursor->valid(); cursor->next()) {
    const auto key = cursor->key();
    EXPECT_FALSE(key.starts_with("staged."));
    rows += key.starts_with("row.");
    if (key.starts_with("index.")) index.emplace(key.substr(0, 6 + 16));
  }
  EXPECT_EQ(index.size(), rows > 0 ? 1u : 0u);
  EXPECT_TRUE(rows == 0 || rows == model.distinct()) << rows;
}

// Sorted within each run: pieces of a large removal come one after the other.
std::vector<Change> sorted(std::vector<Change> changes) {
  std::ranges::sort(changes);
  return changes;
}

TEST(DifferentialModel, RandomResultsDifferAsTheRulesSay) {
  std::size_t large = 0;
  for (unsigned seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Agent agent(kLow);
    Model model;
    RunPlan plan{.name = "q", .sql = "select"};
    std::vector<int> rows;
    for (int step = 0; step < 40; ++step) {
      rows = random.next(std::move(rows));
      plan.event_format = !random.once_in(3);
      plan.removed = !random.once_in(6);
      if (random.once_in(12)) ++plan.epoch;
      if (random.once_in(8)) plan.sql += " ";
      if (random.once_in(5)) {
        ASSERT_TRUE(agent.open(kLow));
      }
      if (random.once_in(6)) {  // a query that fails at its end
        EXPECT_FALSE(agent.run(sql_of(random.next(rows)) + "; select no_such_column", plan));
      }
      const auto outcome = agent.run(sql_of(rows), plan);
      ASSERT_TRUE(outcome) << outcome.error().text();
      const auto expected = model.run(rows, plan);
      const auto told = changes_of(agent.lines());
      ASSERT_EQ(sorted(told), sorted(expected)) << "step " << step;
      const auto first_added = std::ranges::find(told, "added", &Change::action);
      EXPECT_EQ(std::find_if(first_added, told.end(), [](const Change& c) { return c.action == "removed"; }),
                told.end());
      if (outcome->removed < 10) {
        EXPECT_TRUE(std::ranges::is_sorted(told.begin(), first_added));
      }
      expect_no_litter(*agent.disk, model);
      large += sql_of(rows).size() > 1000;
    }
  }
  EXPECT_GT(large, 100u);
}

// A history of results through every path, and what a faultless agent tells of it.
struct History {
  std::vector<std::vector<int>> results;
  std::vector<RunPlan> plans;
  std::vector<Change> expected;
  Model model;
};

History history(unsigned seed) {
  Random random(seed);
  History history;
  RunPlan plan{.name = "q", .sql = "select"};
  std::vector<int> rows;
  for (int i = 0; i < 60; ++i) rows.push_back(random.below(90));
  for (int step = 0; step < 5; ++step) {
    if (step > 0) rows = random.next(std::move(rows));
    if (random.once_in(6)) ++plan.epoch;
    plan.event_format = !random.once_in(3);
    history.results.push_back(rows);
    history.plans.push_back(plan);
    std::ranges::copy(history.model.run(rows, plan), std::back_inserter(history.expected));
  }
  return history;
}

// Lives through the history while the point of that number is struck. False: there is no such point.
bool live_through(const History& history, store::Fault fault, std::uint64_t number) {
  Agent agent(kLow);
  bool struck = false;
  bool dead = false;
  const Agent::Faults faults = [&](store::FaultPoint point) {
    if (dead) return store::Fault::failure;
    if (struck || point.number != number) return store::Fault::none;
    struck = true;
    dead = fault == store::Fault::die;
    return fault;
  };
  std::vector<Change> told;
  const auto take = [&] {
    std::ranges::copy(changes_of(agent.take()), std::back_inserter(told));
    agent.acknowledge();
  };
  const auto restart = [&] {
    dead = false;
    EXPECT_TRUE(agent.open(kLow));
    take();
  };
  // False: it is to be done again, by an agent that is whole again where it died.
  const auto survives = [&](const auto& action) {
    bool done = false;
    try {
      done = action();
      EXPECT_TRUE(done || struck);
    } catch (const store::Death&) {
      restart();
    }
    return done;
  };
  if (!survives([&] { return agent.open(kLow, faults).has_value(); })) restart();
  for (std::size_t i = 0; i < history.results.size(); ++i) {
    while (!survives([&] { return agent.run(sql_of(history.results[i]), history.plans[i]).has_value(); })) {
    }
    survives([&] {
      take();
      return true;
    });
  }
  // Lines may come again where their sink's word that it has them was lost.
  const auto twice = sorted(told);
  const auto once = sorted(history.expected);
  EXPECT_TRUE(std::ranges::includes(twice, once));
  std::set<Change> kinds(once.begin(), once.end());
  for (const auto& change : twice) EXPECT_TRUE(kinds.contains(change)) << change.action << ' ' << change.id;
  expect_no_litter(*agent.disk, history.model);
  EXPECT_TRUE(agent.told.empty());
  return struck;
}

// Lives through histories with every write struck once. A death strikes before the write and once it has taken effect;
// what only fails has had no effect, as the store promises.
std::size_t strike_every_write(store::Fault fault, unsigned histories) {
  const std::uint64_t step = fault == store::Fault::die ? 1 : 2;
  std::size_t points = 0;
  for (unsigned seed = 0; seed < histories; ++seed) {
    const auto all = history(seed);
    for (std::uint64_t number = 0; live_through(all, fault, number); number += step) {
      ++points;
      if (::testing::Test::HasFailure()) {
        ADD_FAILURE() << "history " << seed << ", point " << number;
        return points;
      }
    }
  }
  fmt::print("{} points of injection\n", points);
  return points;
}

TEST(DifferentialFaults, ADeathAtEveryWriteLosesTearsAndInventsNothing) {
  EXPECT_GT(strike_every_write(store::Fault::die, 10), 1300u);
}
TEST(DifferentialFaults, NoSpaceAtEveryWriteLosesTearsAndInventsNothing) {
  EXPECT_GT(strike_every_write(store::Fault::no_space, 6), 400u);
}
TEST(DifferentialFaults, AFailureOfEveryWriteLosesTearsAndInventsNothing) {
  EXPECT_GT(strike_every_write(store::Fault::failure, 6), 400u);
}

}  // namespace
}  // namespace osprey::agent
