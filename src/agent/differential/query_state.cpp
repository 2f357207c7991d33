#include "agent/differential/query_state.h"

#include <fmt/format.h>

#include <cerrno>

namespace osprey::agent {
namespace {

using store::Batch;
using store::Family;

constexpr auto kFamily = Family::queries;

// Rows are fetched one by one where fewer than one in so many is wanted, else by a walk over all of them.
constexpr std::size_t kWalkFrom = 32;

void erase_prefix(Batch& batch, const std::string& prefix) {
  batch.erase_range(kFamily, prefix, store::prefix_end(prefix));
}

std::string_view view(const std::array<char, RowHash::kBytes>& bytes) { return {bytes.data(), bytes.size()}; }

}  // namespace

bool is_damage(const Error& error) { return error.code == EUCLEAN; }

QueryState::QueryState(store::Store& store, RowHasher& hasher, std::string name)
    : store_(store), hasher_(hasher), name_(std::move(name)), prefix_(store::ordered(hasher(name_).high)) {}

std::unexpected<Error> QueryState::damage(std::string_view what) const {
  return std::unexpected(Error{EUCLEAN, name_, fmt::format("the stored result is damaged ({})", what)});
}

std::string QueryState::key(std::string_view family, std::uint64_t generation) const {
  return std::string(family) + prefix_ + store::ordered(generation);
}

Result<std::optional<QueryState::Head>> QueryState::head() const {
  const auto key = std::string(stored::kHead) + name_;
  const auto value = TRY(store_.get(kFamily, key));
  if (!value) return std::nullopt;
  const auto body = stored::unseal(hasher_, key, *value);
  if (!body) return damage("head");
  auto head = stored::decode_head(*body);
  if (!head) return damage("head");
  return head;
}

Result<RowIndex> QueryState::index(const Head& head) const {
  const auto prefix = key(stored::kIndex, head.index_generation);
  RowIndex index;
  index.reserve(head.distinct_rows);
  const auto cursor = store_.cursor(kFamily, prefix, store::prefix_end(prefix));
  for (; cursor->valid(); cursor->next()) {
    const auto number = store::parse_ordered(cursor->key().substr(prefix.size()));
    const auto body = stored::unseal(hasher_, cursor->key(), cursor->value());
    if (!number || !body || !stored::decode_part(*body, *number, head.index_bits, index)) return damage("index");
  }
  TRY(cursor->status());
  if (index.size() != head.distinct_rows) return damage("index");
  index.seal();
  return index;
}

Result<std::string> QueryState::row(const Head& head, const RowHash& hash) const {
  auto value = TRY(store_.get(kFamily, key(stored::kRow, head.rows_generation).append(view(hash.bytes()))));
  if (!value || hasher_(*value) != hash) return damage("row");
  return std::move(*value);
}

Result<void> QueryState::for_each_unseen(
    const Head& head, const RowIndex& index,
    const std::function<Result<void>(std::string_view row, std::uint32_t times)>& visit) const {
  std::size_t wanted = 0;
  for (std::size_t i = 0; i < index.size(); ++i) wanted += index.unseen(i) > 0;
  if (wanted < index.size() / kWalkFrom) {
    for (std::size_t i = 0; i < index.size(); ++i) {
      if (index.unseen(i) == 0) continue;
      const auto bytes = TRY(row(head, index.hash(i)));
      TRY(visit(bytes, index.unseen(i)));
    }
    return {};
  }
  const auto prefix = key(stored::kRow, head.rows_generation);
  const auto cursor = store_.cursor(kFamily, prefix, store::prefix_end(prefix));
  for (std::size_t i = 0; i < index.size(); ++i) {
    if (index.unseen(i) == 0) continue;
    const auto wanted_key = prefix + std::string(view(index.hash(i).bytes()));
    while (cursor->valid() && cursor->key() < wanted_key) cursor->next();
    TRY(cursor->status());
    if (!cursor->valid() || cursor->key() != wanted_key || hasher_(cursor->value()) != index.hash(i))
      return damage("row");
    TRY(visit(cursor->value(), index.unseen(i)));
  }
  return {};
}

void QueryState::put_head(Batch& batch, const Head& head) const {
  const auto key = std::string(stored::kHead) + name_;
  batch.put(kFamily, key, stored::seal(hasher_, key, stored::encode(head)));
}

void QueryState::put_part(Batch& batch, std::uint64_t generation, std::uint64_t number,
                          std::span<const stored::IndexEntry> entries) const {
  const auto part = key(stored::kIndex, generation) + store::ordered(number);
  if (entries.empty())
    batch.erase(kFamily, part);
  else
    batch.put(kFamily, part, stored::seal(hasher_, part, stored::encode_part(entries)));
}

void QueryState::put_row(Batch& batch, std::uint64_t generation, const RowHash& hash, std::string_view row) const {
  batch.put(kFamily, key(stored::kRow, generation).append(view(hash.bytes())), row);
}

void QueryState::erase_row(Batch& batch, std::uint64_t generation, const RowHash& hash) const {
  batch.erase(kFamily, key(stored::kRow, generation).append(view(hash.bytes())));
}

void QueryState::erase_index(Batch& batch, std::uint64_t generation) const {
  erase_prefix(batch, key(stored::kIndex, generation));
}

void QueryState::erase_rows(Batch& batch, std::uint64_t generation) const {
  erase_prefix(batch, key(stored::kRow, generation));
}

void QueryState::erase_large(Batch& batch) const {
  erase_prefix(batch, std::string(stored::kIndex) + prefix_);
  erase_prefix(batch, std::string(stored::kRow) + prefix_);
}

void QueryState::erase_all(Batch& batch) const {
  erase_large(batch);
  batch.erase(kFamily, std::string(stored::kHead) + name_);
  unmark(batch);
}

void QueryState::mark(Batch& batch) const { batch.put(kFamily, std::string(stored::kStaged) + name_, {}); }

void QueryState::unmark(Batch& batch) const { batch.erase(kFamily, std::string(stored::kStaged) + name_); }

Result<bool> QueryState::is_marked() const {
  return TRY(store_.get(kFamily, std::string(stored::kStaged) + name_)).has_value();
}

Result<void> QueryState::clean(const std::optional<Head>& head, std::size_t batch_bytes) const {
  Batch batch;
  if (!head || head->form != Head::Form::index) {
    erase_large(batch);
  } else {
    const auto erase_others = [&](std::string_view family, std::uint64_t generation) {
      batch.erase_range(kFamily, key(family, 0), key(family, generation));
      batch.erase_range(kFamily, key(family, generation + 1), store::prefix_end(std::string(family) + prefix_));
    };
    erase_others(stored::kIndex, head->index_generation);
    erase_others(stored::kRow, head->rows_generation);
    TRY(sweep_rows(*head, batch_bytes));
  }
  unmark(batch);
  return store_.write(batch);
}

Result<void> QueryState::sweep_rows(const Head& head, std::size_t batch_bytes) const {
  const auto known = TRY(index(head));
  const auto prefix = key(stored::kRow, head.rows_generation);
  const auto cursor = store_.cursor(kFamily, prefix, store::prefix_end(prefix));
  Batch batch;
  for (std::size_t i = 0; cursor->valid(); cursor->next()) {
    const auto bytes = cursor->key().substr(prefix.size());
    if (bytes.size() != RowHash::kBytes) return damage("row");
    const auto hash = RowHash::from(bytes);
    while (i < known.size() && known.hash(i) < hash) ++i;
    if (i < known.size() && known.hash(i) == hash) continue;
    batch.erase(kFamily, cursor->key());
    if (batch.bytes() < batch_bytes) continue;
    TRY(store_.write(batch));
    batch.clear();
  }
  TRY(cursor->status());
  return batch.empty() ? Result<void>{} : store_.write(batch);
}

}  // namespace osprey::agent
