#include "events/audit/reassembly.h"

#include <linux/audit.h>

#include <algorithm>

namespace osprey::events::audit {
namespace {

constexpr std::size_t kMostSpare = 16;
constexpr std::size_t kLargestSpare = 64 << 10;

// Records that programs send stand for themselves.
bool stands_alone(std::uint16_t type) noexcept {
  return (type >= AUDIT_FIRST_USER_MSG && type < AUDIT_SYSCALL) ||
         (type >= AUDIT_FIRST_USER_MSG2 && type <= AUDIT_LAST_USER_MSG2);
}

}  // namespace

std::string_view RecordGroup::first(std::uint16_t type) const noexcept {
  for (const auto& part : parts_)
    if (part.type == type) return fields(part);
  return {};
}

bool RecordGroup::has(std::uint16_t type) const noexcept {
  return std::ranges::any_of(parts_, [&](const Part& part) { return part.type == type; });
}

std::unique_ptr<RecordGroup> Reassembly::fresh() {
  if (spare_.empty()) return std::make_unique<RecordGroup>();
  auto group = std::move(spare_.back());
  spare_.pop_back();
  return group;
}

void Reassembly::append(RecordGroup& group, const Record& record) {
  if (group.bytes_.size() + record.fields.size() > limits_.bytes_of_event) {
    group.truncated = true;
    ++counts_.cut;
    return;
  }
  group.parts_.push_back(
      {record.type, static_cast<std::uint32_t>(group.bytes_.size()), static_cast<std::uint32_t>(record.fields.size())});
  group.bytes_ += record.fields;
  bytes_ += record.fields.size();
}

RecordGroup& Reassembly::group_of(const Stamp& stamp) {
  if (last_ && last_->stamp == stamp) return *last_;
  auto found = groups_.find(stamp.serial);
  if (found != groups_.end() && found->second->stamp != stamp) {
    // The kernel's counter has come round.
    finish(stamp.serial);
    found = groups_.end();
  }
  if (found == groups_.end()) {
    found = groups_.emplace(stamp.serial, fresh()).first;
    found->second->stamp = stamp;
    order_.push_back(stamp);
  }
  return *(last_ = found->second.get());
}

void Reassembly::add(const Record& record) {
  if (stands_alone(record.type)) {
    auto group = fresh();
    group->stamp = record.stamp;
    group->complete = true;
    append(*group, record);
    give(std::move(group));
  } else if (record.type == AUDIT_EOE || record.type == AUDIT_PROCTITLE) {
    const auto found = groups_.find(record.stamp.serial);
    // An EOE behind the PROCTITLE has nothing to end.
    if (found != groups_.end() && found->second->stamp == record.stamp) {
      if (record.type == AUDIT_PROCTITLE) append(*found->second, record);
      found->second->complete = true;
      finish(record.stamp.serial);
    }
  } else {
    auto& group = group_of(record.stamp);
    append(group, record);
    while (!groups_.empty() && (groups_.size() > limits_.events || bytes_ > limits_.bytes)) {
      ++counts_.crowded_out;
      give_up_oldest();
    }
  }
  expire(record.stamp.time);
}

void Reassembly::finish(std::uint64_t serial) {
  const auto found = groups_.find(serial);
  if (found == groups_.end()) return;
  auto group = std::move(found->second);
  groups_.erase(found);
  if (last_ == group.get()) last_ = nullptr;
  give(std::move(group));
}

void Reassembly::give(std::unique_ptr<RecordGroup> group) {
  // An event of the kernel's own without a call's record needs no end.
  if (!group->complete && group->has(AUDIT_SYSCALL)) ++counts_.unfinished;
  bytes_ -= group->bytes_.size();
  if (!group->parts_.empty()) take_(*group);
  if (spare_.size() >= kMostSpare || group->bytes_.capacity() > kLargestSpare) return;
  group->bytes_.clear();
  group->parts_.clear();
  group->complete = group->truncated = false;
  spare_.push_back(std::move(group));
}

void Reassembly::give_up_oldest() {
  while (!order_.empty()) {
    const auto stamp = order_.front();
    order_.pop_front();
    const auto found = groups_.find(stamp.serial);
    if (found == groups_.end() || found->second->stamp != stamp) continue;
    finish(stamp.serial);
    return;
  }
}

void Reassembly::expire(std::int64_t now) {
  while (!order_.empty()) {
    const auto stamp = order_.front();
    const auto found = groups_.find(stamp.serial);
    const bool there = found != groups_.end() && found->second->stamp == stamp;
    if (there && now - stamp.time <= limits_.expiry) return;
    order_.pop_front();
    if (there) finish(stamp.serial);
  }
}

void Reassembly::flush() {
  while (!groups_.empty()) give_up_oldest();
  order_.clear();
}

}  // namespace osprey::events::audit
