#include "store/memory_store.h"

#include <array>
#include <map>
#include <mutex>

namespace osprey::store {
namespace {

using Map = std::map<std::string, std::string, std::less<>>;

// A copy of the range, so that it stays as it was.
class CopyCursor final : public Cursor {
 public:
  explicit CopyCursor(std::vector<std::pair<std::string, std::string>> items) : items_(std::move(items)) {}
  bool valid() const override { return at_ < items_.size(); }
  std::string_view key() const override { return items_[at_].first; }
  std::string_view value() const override { return items_[at_].second; }
  void next() override { ++at_; }
  Result<void> status() const override { return {}; }

 private:
  std::vector<std::pair<std::string, std::string>> items_;
  std::size_t at_ = 0;
};

class MemoryStore final : public Store {
 public:
  Result<std::optional<std::string>> get(Family family, std::string_view key) const override {
    std::lock_guard lock(mutex_);
    const auto found = map(family).find(key);
    if (found == map(family).end()) return std::nullopt;
    return found->second;
  }

  std::unique_ptr<Cursor> cursor(Family family, std::string_view first, std::string_view last) const override {
    std::lock_guard lock(mutex_);
    const auto& all = map(family);
    const auto begin = all.lower_bound(first);
    const auto end = last.empty() ? all.end() : all.lower_bound(last);
    std::vector<std::pair<std::string, std::string>> items;
    if (last.empty() || first < last) items.assign(begin, end);
    return std::make_unique<CopyCursor>(std::move(items));
  }

  Result<void> write(const Batch& batch) override {
    std::lock_guard lock(mutex_);
    for (const auto& one : batch.operations()) {
      auto& all = maps_[static_cast<std::size_t>(one.family)];
      switch (one.kind) {
        case Batch::Operation::Kind::put:
          all.insert_or_assign(one.key, one.value);
          break;
        case Batch::Operation::Kind::erase:
          all.erase(one.key);
          break;
        case Batch::Operation::Kind::erase_range:
          if (one.key < one.value) all.erase(all.lower_bound(one.key), all.lower_bound(one.value));
          break;
      }
    }
    return {};
  }

  Result<void> sync() override { return {}; }

  std::vector<FamilyUsage> usage() const override {
    std::lock_guard lock(mutex_);
    std::vector<FamilyUsage> all;
    for (std::size_t i = 0; i < kFamilies; ++i) {
      FamilyUsage one{static_cast<Family>(i), maps_[i].size(), 0, 0};
      for (const auto& [key, value] : maps_[i]) one.live_bytes += key.size() + value.size();
      all.push_back(one);
    }
    return all;
  }

  std::uint64_t disk_bytes() const override { return 0; }
  Pressure pressure() const override { return Pressure::none; }
  void shed_caches() override {}

 private:
  const Map& map(Family family) const { return maps_[static_cast<std::size_t>(family)]; }

  mutable std::mutex mutex_;
  std::array<Map, kFamilies> maps_;
};

}  // namespace

std::unique_ptr<Store> memory_store() { return std::make_unique<MemoryStore>(); }

}  // namespace osprey::store
