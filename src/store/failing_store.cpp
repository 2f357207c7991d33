#include "store/failing_store.h"

#include <atomic>
#include <cerrno>

namespace osprey::store {
namespace {

class FailingStore final : public Store {
 public:
  FailingStore(std::shared_ptr<Store> beneath, std::function<Fault(FaultPoint)> at)
      : beneath_(std::move(beneath)), at_(std::move(at)) {}

  Result<std::optional<std::string>> get(Family family, std::string_view key) const override {
    return beneath_->get(family, key);
  }
  std::unique_ptr<Cursor> cursor(Family family, std::string_view first, std::string_view last) const override {
    return beneath_->cursor(family, first, last);
  }
  Result<void> write(const Batch& batch) override {
    if (auto fault = strike(false); !fault) return fault;
    if (auto written = beneath_->write(batch); !written) return written;
    return strike(true);
  }
  Result<void> sync() override { return beneath_->sync(); }
  Result<void> resize_beside(std::uint64_t from, std::uint64_t to) override {
    return beneath_->resize_beside(from, to);
  }
  std::vector<FamilyUsage> usage() const override { return beneath_->usage(); }
  std::uint64_t disk_bytes() const override { return beneath_->disk_bytes(); }
  Pressure pressure() const override { return beneath_->pressure(); }
  std::optional<std::string> damage() const override { return beneath_->damage(); }
  void shed_caches() override { beneath_->shed_caches(); }

 private:
  Result<void> strike(bool after) {
    switch (at_({next_++, after})) {
      case Fault::die:
        throw Death{};
      case Fault::no_space:
        return system_failure(ENOSPC, "store");
      case Fault::failure:
        return system_failure(EIO, "store");
      case Fault::none:
        break;
    }
    return {};
  }

  std::shared_ptr<Store> beneath_;
  std::function<Fault(FaultPoint)> at_;
  std::atomic<std::uint64_t> next_{0};
};

}  // namespace

std::unique_ptr<Store> failing_store(std::shared_ptr<Store> beneath, std::function<Fault(FaultPoint)> at) {
  return std::make_unique<FailingStore>(std::move(beneath), std::move(at));
}

}  // namespace osprey::store
