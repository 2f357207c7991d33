#include "agent/limits/scan_errors.h"

#include <ctime>

namespace osprey::agent {

void ScanErrors::add(std::string_view query, const sql::Warnings& warnings) {
  const auto now = std::time(nullptr);
  std::lock_guard lock(mutex_);
  for (const auto& warning : warnings.list()) {
    Key key(warning.table, warning.error.subject, warning.error.code, warning.error.message, query);
    if (const auto known = index_.find(key); known != index_.end()) {
      entries_.splice(entries_.begin(), entries_, known->second);
    } else {
      if (entries_.size() == kCap) {
        index_.erase(entries_.back().first);
        entries_.pop_back();
      }
      entries_.emplace_front(key, ScanError{warning.table,
                                            warning.error.subject,
                                            {},
                                            warning.error.code,
                                            warning.error.message,
                                            std::string(query),
                                            0,
                                            now,
                                            now});
      index_.emplace(std::move(key), entries_.begin());
    }
    auto& error = entries_.front().second;
    ++error.count;
    error.last_time = now;
  }
}

std::vector<ScanError> ScanErrors::list() const {
  std::lock_guard lock(mutex_);
  std::vector<ScanError> all;
  for (const auto& entry : entries_) all.push_back(entry.second);
  return all;
}

}  // namespace osprey::agent
