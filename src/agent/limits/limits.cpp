#include "agent/limits/limits.h"

#include <utility>

namespace osprey::agent {

void Limits::add(Report report) {
  std::lock_guard lock(mutex_);
  reports_.push_back(std::move(report));
}

std::vector<Limit> Limits::list() const {
  std::vector<Report> reports;
  {
    std::lock_guard lock(mutex_);
    reports = reports_;
  }
  std::vector<Limit> all;
  for (const auto& report : reports)
    for (auto& limit : report()) all.push_back(std::move(limit));
  return all;
}

}  // namespace osprey::agent
