// QueryState: a query's last result in the store (stored_state.h).
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "agent/differential/row_index.h"
#include "agent/differential/stored_state.h"
#include "base/result.h"
#include "store/store.h"

namespace osprey::agent {

// What is stored of a query is not what was written: EUCLEAN in the code, which no store returns.
bool is_damage(const Error& error);

// Belongs to one run. Reading says damage where there is some; nothing of what it names is written before write().
class QueryState {
 public:
  using Head = stored::QueryHead;
  QueryState(store::Store& store, RowHasher& hasher, std::string name);

  Result<std::optional<Head>> head() const;
  Result<RowIndex> index(const Head& head) const;
  Result<std::string> row(const Head& head, const RowHash& hash) const;
  // Calls `visit` with every row of the index that is there more often than it was seen, and how much more often:
  // all of them in the order of their hashes.
  Result<void> for_each_unseen(
      const Head& head, const RowIndex& index,
      const std::function<Result<void>(std::string_view row, std::uint32_t times)>& visit) const;

  void put_head(store::Batch& batch, const Head& head) const;
  void put_part(store::Batch& batch, std::uint64_t generation, std::uint64_t number,
                std::span<const stored::IndexEntry> entries) const;  // none: the part is erased
  void put_row(store::Batch& batch, std::uint64_t generation, const RowHash& hash, std::string_view row) const;
  void erase_row(store::Batch& batch, std::uint64_t generation, const RowHash& hash) const;
  void erase_index(store::Batch& batch, std::uint64_t generation) const;
  void erase_rows(store::Batch& batch, std::uint64_t generation) const;
  // All index parts and rows, whatever their generation.
  void erase_large(store::Batch& batch) const;
  void erase_all(store::Batch& batch) const;

  // Before anything is written that the head does not know of, the query is marked as staged; then whatever a death
  // leaves behind is found again.
  void mark(store::Batch& batch) const;
  void unmark(store::Batch& batch) const;
  Result<bool> is_marked() const;
  // Erases what `head` does not know of, and the mark: in steps of at most `batch_bytes`.
  Result<void> clean(const std::optional<Head>& head, std::size_t batch_bytes) const;

 private:
  std::string key(std::string_view family, std::uint64_t generation) const;
  Result<void> sweep_rows(const Head& head, std::size_t batch_bytes) const;
  std::unexpected<Error> damage(std::string_view what) const;

  store::Store& store_;
  RowHasher& hasher_;
  std::string name_;
  std::string prefix_;
};

}  // namespace osprey::agent
