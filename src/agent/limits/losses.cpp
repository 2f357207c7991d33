#include "agent/limits/losses.h"

#include <fmt/format.h>

#include <ctime>

#include "base/text.h"

namespace osprey::agent {
namespace {

using store::Family;

constexpr std::string_view kPrefix = "losses.";
constexpr char kSeparator = '\x1F';  // ASCII's unit separator: in no name of ours

std::string key_of(const Loss& loss) {
  return fmt::format("{}{}{}{}{}{}", kPrefix, loss.source, kSeparator, loss.stage, kSeparator, loss.reason);
}

std::string value_of(const Loss& loss) {
  return fmt::format("{} {} {:d} {} {} {}", loss.lost, loss.lost_bytes, loss.exact, loss.first_time, loss.last_time,
                     loss.worst_cgroup);
}

// What an earlier process stored; fields that cannot be read count as 0.
Loss parse_loss(std::string_view key, std::string_view value) {
  Loss loss;
  key.remove_prefix(kPrefix.size());
  loss.source = take_until(key, kSeparator);
  loss.stage = take_until(key, kSeparator);
  loss.reason = key;
  loss.lost = parse<std::uint64_t>(take_field(value)).value_or(0);
  loss.lost_bytes = parse<std::uint64_t>(take_field(value)).value_or(0);
  loss.exact = take_field(value) != "0";
  loss.first_time = parse<std::int64_t>(take_field(value)).value_or(0);
  loss.last_time = parse<std::int64_t>(take_field(value)).value_or(0);
  loss.worst_cgroup = trim(value);
  return loss;
}

}  // namespace

Losses::Losses(store::Store& store) : store_(store) {
  for (const auto cursor = store_.cursor(Family::configuration, kPrefix, store::prefix_end(kPrefix)); cursor->valid();
       cursor->next()) {
    auto loss = parse_loss(cursor->key(), cursor->value());
    auto key = std::tuple(loss.source, loss.stage, loss.reason);
    entries_.insert_or_assign(std::move(key), Entry{std::move(loss), false});
  }
}

void Losses::add(const std::string& source, const std::string& stage, const std::string& reason, std::uint64_t lost,
                 std::uint64_t bytes, bool exact, const std::string& worst_cgroup) {
  const auto now = std::time(nullptr);
  std::lock_guard lock(mutex_);
  auto [entry, fresh] = entries_.try_emplace(std::tuple(source, stage, reason));
  auto& loss = entry->second.loss;
  if (fresh) loss = {source, stage, reason, 0, 0, true, now, now, {}};
  loss.lost += lost;
  loss.lost_bytes += bytes;
  loss.exact = loss.exact && exact;
  loss.last_time = now;
  if (!worst_cgroup.empty()) loss.worst_cgroup = worst_cgroup;
  entry->second.changed = true;
}

std::vector<Loss> Losses::list() const {
  std::lock_guard lock(mutex_);
  std::vector<Loss> all;
  all.reserve(entries_.size());
  for (const auto& entry : entries_) all.push_back(entry.second.loss);
  return all;
}

void Losses::put_changed(store::Batch& batch) const {
  for (const auto& [key, entry] : entries_)
    if (entry.changed) batch.put(Family::configuration, key_of(entry.loss), value_of(entry.loss));
}

void Losses::saved() {
  for (auto& [key, entry] : entries_) entry.changed = false;
}

void Losses::save(store::Batch& batch) {
  std::lock_guard lock(mutex_);
  put_changed(batch);
  saved();
}

void Losses::save() {
  std::lock_guard lock(mutex_);
  store::Batch batch;
  put_changed(batch);
  if (!batch.empty() && store_.write(batch)) saved();
}

}  // namespace osprey::agent
