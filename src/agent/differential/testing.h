// What the tests of the differential run on: results made of SQL, a log buffer and a sink that keeps what it is given.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/differential/differential.h"
#include "sql/connection.h"
#include "store/store.h"

namespace osprey::agent::testing {

// A LogBuffer that keeps records in the store, as much of one as a differential needs.
class PlainLogBuffer final : public LogBuffer {
 public:
  explicit PlainLogBuffer(store::Store& store) : store_(store) {
    for (auto cursor = store.cursor(store::Family::lines, {}, {}); cursor->valid(); cursor->next()) ++next_;
  }
  Result<void> commit(store::Batch state, std::vector<LineRecord> records) override {
    for (const auto& record : records)
      state.put(store::Family::lines, store::ordered(next_++),
                fmt::format("{}{}{}{}", static_cast<int>(record.kind), record.continues ? 'c' : '-',
                            record.goes_on ? 'g' : '-', record.text));
    return store_.write(state);
  }
  struct Staged final : StagedLines {
    Result<void> add(Part part, LineRecord record) override {
      (part == Part::first ? first : second).push_back(std::move(record));
      return {};
    }
    std::vector<LineRecord> first;
    std::vector<LineRecord> second;
  };
  std::unique_ptr<StagedLines> stage() override {
    ++stages;
    return std::make_unique<Staged>();
  }
  Result<void> commit(store::Batch state, std::unique_ptr<StagedLines> staged) override {
    auto& both = static_cast<Staged&>(*staged);
    std::ranges::move(both.second, std::back_inserter(both.first));
    return commit(std::move(state), std::move(both.first));
  }
  Result<void> set_sinks(const std::vector<std::string>&) override { return {}; }
  void set_options(const LogBufferOptions&) override {}
  Result<std::vector<LogDelivery>> take(const std::string&, std::size_t, std::chrono::milliseconds) override {
    return {};
  }
  Result<void> acknowledge(const std::string&, LogPosition) override { return {}; }
  LogBacklog backlog(const std::string&) const override { return {}; }
  void stop() override {}

  int stages = 0;

 private:
  store::Store& store_;
  std::uint64_t next_ = 0;
};

inline sql::Connection& connection() {
  static const sql::Registry registry;
  static sql::Connection connection([] {
    sql::ConnectionOptions options;
    options.registry = &registry;
    return options;
  }());
  return connection;
}

// Feeds a run with every row of every statement in `sql`.
inline Result<void> feed(ResultRun& run, std::string_view sql) {
  auto& database = connection();
  database.begin({});
  while (true) {
    auto statement = database.prepare(sql);
    if (!statement) return failure("sql", statement.error().message);
    if (!*statement) return {};
    for (;;) {
      const auto row = (*statement)->step();
      if (!row) return failure("sql", row.error().message);
      if (!*row) break;
      if (auto added = run.add(**statement); !added) return added;
    }
  }
}

}  // namespace osprey::agent::testing
