// What the schedule's tests are made of: a clock that is turned by hand, a differential that remembers, configurations,
// tables.
#pragma once

#include <atomic>
#include <cerrno>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "agent/config/configuration.h"
#include "agent/differential/differential.h"
#include "agent/schedule/clock.h"
#include "sql/table.h"

namespace osprey::agent {

class FakeClock final : public Clock {
 public:
  explicit FakeClock(std::int64_t unix_time) : unix_time_(unix_time) {}
  std::chrono::milliseconds uptime() const override {
    std::lock_guard lock(mutex_);
    return uptime_;
  }
  std::int64_t unix_time() const override {
    std::lock_guard lock(mutex_);
    return unix_time_;
  }
  // Time passes.
  void pass(std::chrono::milliseconds time) {
    std::lock_guard lock(mutex_);
    uptime_ += time;
    unix_time_ += std::chrono::duration_cast<std::chrono::seconds>(time).count();
  }
  // The wall clock is set.
  void step(std::int64_t seconds) {
    std::lock_guard lock(mutex_);
    unix_time_ += seconds;
  }

 private:
  mutable std::mutex mutex_;
  std::chrono::milliseconds uptime_{1000};
  std::int64_t unix_time_;
};

// Remembers what runs were finished, with their rows as text: values joined by commas.
class FakeDifferential final : public Differential {
 public:
  struct Run {
    RunPlan plan;
    protocol::Decorations decorations;
    std::vector<std::string> rows;
  };

  // `store`: of what plans want stored with a run; null: nobody asks for it.
  explicit FakeDifferential(store::Store* store = nullptr) : store_(store) {}

  Result<std::unique_ptr<ResultRun>> begin(const RunPlan& plan, const RunContext& context) override {
    if (throws_.exchange(false)) throw std::runtime_error("a bug");
    {
      std::lock_guard lock(mutex_);
      if (const auto refusal = std::exchange(refusal_, {}); !refusal.empty()) return failure("store", refusal);
    }
    return std::make_unique<Taker>(*this, Run{plan, context.decorations, {}});
  }
  Result<void> forget(std::string_view name) override {
    std::lock_guard lock(mutex_);
    forgotten_.emplace_back(name);
    known_.erase(std::string(name));
    return {};
  }
  Result<std::vector<std::string>> names() const override {
    std::lock_guard lock(mutex_);
    std::vector<std::string> names;
    for (const auto& [name, sql] : known_) names.push_back(name);
    return names;
  }

  // The next run ends so.
  void throw_once() { throws_ = true; }
  void refuse_once(std::string why) {
    std::lock_guard lock(mutex_);
    refusal_ = std::move(why);
  }

  std::vector<Run> runs() const {
    std::lock_guard lock(mutex_);
    return runs_;
  }
  std::vector<std::string> names_run() const {
    std::vector<std::string> names;
    for (const auto& run : runs()) names.push_back(run.plan.name);
    return names;
  }
  std::vector<std::string> forgotten() const {
    std::lock_guard lock(mutex_);
    return forgotten_;
  }

 private:
  class Taker final : public ResultRun {
   public:
    Taker(FakeDifferential& of, Run run) : of_(of), run_(std::move(run)) {}
    Result<void> add(const sql::Statement& statement) override {
      std::string row;
      for (std::size_t i = 0; i < statement.size(); ++i) row += (i > 0 ? "," : "") + std::string(statement.text(i));
      bytes_ += row.size();
      if (run_.rows.size() < 100) run_.rows.push_back(std::move(row));
      return {};
    }
    Result<RunOutcome> finish() override {
      std::lock_guard lock(of_.mutex_);
      RunOutcome outcome;
      outcome.output_bytes = bytes_;
      const auto known = of_.known_.find(run_.plan.name);
      if (known == of_.known_.end()) outcome.kind = RunOutcome::Kind::initial;
      outcome.sql_changed = known != of_.known_.end() && known->second != run_.plan.sql;
      of_.known_[run_.plan.name] = run_.plan.sql;
      if (store::Batch batch; of_.store_ && run_.plan.state) {
        run_.plan.state(batch);
        if (auto written = of_.store_->write(batch); !written) return std::unexpected(written.error());
      }
      run_.plan.state = {};  // what it refers to ends with the run
      of_.runs_.push_back(std::move(run_));
      return outcome;
    }

   private:
    FakeDifferential& of_;
    Run run_;
    std::uint64_t bytes_ = 0;
  };

  store::Store* store_;
  mutable std::mutex mutex_;
  std::vector<Run> runs_;
  std::map<std::string, std::string> known_;
  std::vector<std::string> forgotten_;
  std::atomic<bool> throws_ = false;
  std::string refusal_;
};

// Tables of one number that throw or warn.
struct Number {
  std::int64_t value;
};

inline sql::Rows<Number> throw_up(const sql::Scan&) {
  Number number{1};
  co_yield number;
  throw std::runtime_error("a fault of mine");
}
inline sql::Table thrower_table() {
  return sql::table<Number>("thrower", "Throws.", throw_up).column("value", &Number::value, "1.");
}

inline sql::Rows<Number> warn(const sql::Scan& scan) {
  scan.warn(Error{EACCES, "/secret", "Permission denied"});
  Number number{1};
  co_yield number;
}
inline sql::Table warner_table() {
  return sql::table<Number>("warner", "Warns.", warn).column("value", &Number::value, "1.");
}

inline protocol::Query query(std::string name, std::string sql, std::uint64_t interval) {
  protocol::Query one;
  one.name = std::move(name);
  one.sql = std::move(sql);
  one.interval = interval;
  return one;
}

inline protocol::Pack pack(std::string name, std::vector<protocol::Query> queries) {
  protocol::Pack one;
  one.name = std::move(name);
  one.source = "/test.conf";
  one.queries = std::move(queries);
  return one;
}

// With no splay, so that tests know when a query is due.
inline Configuration configuration(std::vector<protocol::Pack> packs) {
  Configuration made;
  made.packs = std::move(packs);
  made.flags.set("schedule_splay_percent", "0");
  made.valid = true;
  return made;
}

}  // namespace osprey::agent
