#include "agent/distributed/running_marks.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <array>

#include "base/text.h"

namespace osprey::agent {
namespace {

using store::Family;

constexpr std::string_view kPrefix = "running.";

std::string key_of(std::string_view sql) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  ::SHA256(reinterpret_cast<const unsigned char*>(sql.data()), sql.size(), digest.data());
  return fmt::format("{}{}", kPrefix, hex({reinterpret_cast<const char*>(digest.data()), digest.size()}));
}

}  // namespace

RunningMarks::RunningMarks(store::Store& store, const Clock& clock) : store_(store), clock_(clock) {
  const auto now = clock.unix_time();
  for (const auto cursor = store.cursor(Family::distributed, kPrefix, store::prefix_end(kPrefix)); cursor->valid();
       cursor->next())
    // One made under a clock that was ahead lasts a term from now at most.
    denied_.emplace(cursor->key(), std::min(parse<std::int64_t>(cursor->value()).value_or(0), now));
}

bool RunningMarks::denies(std::string_view sql, std::chrono::seconds term) const {
  const auto found = denied_.find(key_of(sql));
  return found != denied_.end() && clock_.unix_time() - found->second < term.count();
}

void RunningMarks::expire(std::chrono::seconds term) {
  store::Batch over;
  const auto now = clock_.unix_time();
  std::erase_if(denied_, [&](const auto& mark) {
    if (now - mark.second < term.count()) return false;
    over.erase(Family::distributed, mark.first);
    return true;
  });
  if (!over.empty())
    static_cast<void>(store_.write(over));  // what stays in the store is over at the next start as well
}

void RunningMarks::begin(std::string_view sql) {
  const std::lock_guard lock(mutex_);
  running_ = key_of(sql);
  condemned_ = false;
  store::Batch batch;
  batch.put(Family::distributed, running_, fmt::format("{}", clock_.unix_time()));
  // Without room in the store it runs unmarked: better than not at all.
  static_cast<void>(store_.write(batch));
}

void RunningMarks::end(store::Batch& batch) {
  const std::lock_guard lock(mutex_);
  if (!running_.empty() && !condemned_) batch.erase(Family::distributed, running_);
  running_.clear();
}

void RunningMarks::limit_hit() {
  const std::lock_guard lock(mutex_);
  condemned_ = !running_.empty();
}

}  // namespace osprey::agent
