#include "agent/limits/scan_errors.h"

#include <cerrno>
#include <ctime>

namespace osprey::agent {
namespace {

// What was being done, as far as the error shows it.
std::string_view operation_of(int code) {
  switch (code) {
    case 0:
      return "parse";  // it was read, and is not as it should be
    case EACCES:
    case EPERM:
    case ELOOP:
    case ENAMETOOLONG:
    case EMFILE:
    case ENFILE:
      return "open";
    case ECANCELED:
    case ETIMEDOUT:
      return "wait";
    case ENOSYS:
    case EOPNOTSUPP:
    case EAFNOSUPPORT:
    case EPROTONOSUPPORT:
      return "unsupported";
    default:
      return "read";
  }
}

}  // namespace

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
      entries_.emplace_front(
          key, ScanError{warning.table, warning.error.subject, std::string(operation_of(warning.error.code)),
                         warning.error.code, warning.error.message, std::string(query), 0, now, now});
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
