#include "agent/differential/differential.h"

#include <algorithm>
#include <mutex>
#include <set>

#include "agent/differential/query_state.h"
#include "agent/differential/row_hash.h"
#include "agent/differential/run.h"
#include "agent/differential/stored_state.h"

namespace osprey::agent {
namespace {

using store::Batch;
using store::Family;

class StoredDifferential final : public Differential {
 public:
  StoredDifferential(store::Store& store, LogBuffer& buffer, StatusLog& status, const DifferentialOptions& options)
      : parts_{store, buffer, status, options} {}

  Result<std::unique_ptr<ResultRun>> begin(const RunPlan& plan, const RunContext& context) override {
    if (plan.snapshot) return snapshot_run(parts_, plan, context);
    auto hasher = std::make_unique<RowHasher>(TRY(key()));
    auto head = TRY(read(QueryState(parts_.store, *hasher, plan.name)));
    if (plan.events) return events_run(parts_, plan, context, std::move(hasher), std::move(head));
    return differential_run(parts_, plan, context, std::move(hasher), std::move(head));
  }

  Result<void> forget(std::string_view name) override {
    RowHasher hasher(TRY(key()));
    Batch batch;
    QueryState(parts_.store, hasher, std::string(name)).erase_all(batch);
    return parts_.store.write(batch);
  }

  Result<std::vector<std::string>> names() const override {
    std::set<std::string> names;
    for (const auto prefix : {stored::kHead, stored::kStaged}) {
      const auto cursor = parts_.store.cursor(Family::queries, prefix, store::prefix_end(prefix));
      for (; cursor->valid(); cursor->next()) names.emplace(cursor->key().substr(prefix.size()));
      TRY(cursor->status());
    }
    return std::vector(names.begin(), names.end());
  }

 private:
  // The head, once what an earlier run left behind is gone.
  Result<std::optional<stored::QueryHead>> read(const QueryState& state) {
    auto head = state.head();
    if (head && TRY(state.is_marked())) {
      if (auto cleaned = state.clean(*head, parts_.options.batch_bytes); !cleaned)
        head = std::unexpected(std::move(cleaned).error());
    }
    if (head || !is_damage(head.error())) return head;
    TRY(drop_damaged(parts_, state, head.error()));
    return std::nullopt;
  }

  Result<RowHasher::Key> key() {
    std::lock_guard lock(mutex_);
    if (!key_) key_ = TRY(load_key());
    return *key_;
  }

  Result<RowHasher::Key> load_key() {
    const auto stored = TRY(parts_.store.get(Family::queries, stored::kHashKey));
    RowHasher::Key key{};
    if (stored && stored->size() >= key.size()) {
      std::copy_n(stored->begin(), key.size(), key.begin());
      RowHasher hasher(key);
      if (stored::unseal(hasher, stored::kHashKey, *stored)) return key;
    }
    if (stored)
      parts_.status.error("the key of the stored results is damaged: they are dropped and all queries begin anew");
    // Without its key no state can be read.
    Batch batch;
    for (const auto prefix : {stored::kHead, stored::kStaged, stored::kIndex, stored::kRow})
      batch.erase_range(Family::queries, prefix, store::prefix_end(prefix));
    key = RowHasher::random_key();
    RowHasher hasher(key);
    batch.put(Family::queries, stored::kHashKey,
              stored::seal(hasher, stored::kHashKey, std::string(key.begin(), key.end())));
    TRY(parts_.store.write(batch));
    return key;
  }

  const RunParts parts_;
  std::mutex mutex_;
  std::optional<RowHasher::Key> key_;
};

}  // namespace

std::unique_ptr<Differential> make_differential(store::Store& store, LogBuffer& buffer, StatusLog& status,
                                                const DifferentialOptions& options) {
  return std::make_unique<StoredDifferential>(store, buffer, status, options);
}

}  // namespace osprey::agent
