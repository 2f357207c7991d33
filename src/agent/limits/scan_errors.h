// ScanErrors: what tables could not look at, over all queries (osprey_scan_errors).
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "sql/scan.h"

namespace osprey::agent {

struct ScanError {
  std::string table;
  std::string path;
  std::string operation;
  int code = 0;  // errno, 0 where no system call is behind it
  std::string error;
  std::string query;
  std::uint64_t count = 0;
  std::int64_t first_time = 0;  // Unix seconds
  std::int64_t last_time = 0;
};

// Thread-safe. Bounded to 4,096 kinds of error, the least recent out first.
class ScanErrors {
 public:
  static constexpr std::size_t kCap = 4096;
  // Takes what a run of `query` warned of.
  void add(std::string_view query, const sql::Warnings& warnings);
  std::vector<ScanError> list() const;

 private:
  using Key = std::tuple<std::string, std::string, int, std::string, std::string>;
  mutable std::mutex mutex_;
  std::list<std::pair<Key, ScanError>> entries_;  // most recent first
  std::map<Key, std::list<std::pair<Key, ScanError>>::iterator> index_;
};

}  // namespace osprey::agent
