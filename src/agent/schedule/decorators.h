// Decorators: queries whose first row is added to every result line (compat section 3.6).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "agent/config/configuration.h"
#include "agent/schedule/query_runner.h"
#include "protocol/result_line.h"

namespace osprey::agent {

// What each decorator said last. Thread-safe; queries run on the caller's thread.
class Decorators {
 public:
  // Told of a decorator that fails or has more than one row.
  using Fault = std::function<void(const std::string& sql, const std::string& why)>;
  explicit Decorators(Fault fault) : fault_(std::move(fault)) {}

  // Asks those for the load of a configuration; what decorators said that it no longer has is forgotten.
  void load(const Configuration& configuration, QueryRunner& runner);
  // Asks those for these intervals.
  void ask_intervals(const Configuration& configuration, const std::vector<std::uint64_t>& intervals,
                     QueryRunner& runner);
  // Asks those for before each query, and returns what all say. Of equal names the later source's.
  protocol::Decorations current(const Configuration& configuration, QueryRunner& runner);
  // What all said last, asking none.
  protocol::Decorations last(const Configuration& configuration) const;

 private:
  using Key = std::pair<std::string, std::string>;  // source, SQL
  void ask(const std::string& source, const std::vector<std::string>& queries, const Configuration& configuration,
           QueryRunner& runner);

  Fault fault_;
  mutable std::mutex mutex_;
  std::map<Key, protocol::Decorations> answers_;
};

}  // namespace osprey::agent
