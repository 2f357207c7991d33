// What changed against the result before.
#include <algorithm>
#include <array>
#include <bit>
#include <deque>
#include <exception>
#include <span>

#include "agent/differential/row_index.h"
#include "agent/differential/run.h"
#include "agent/differential/stored_state.h"
#include "protocol/result_row.h"

namespace osprey::agent {
namespace {

using Head = QueryState::Head;
using Kind = RunOutcome::Kind;
using store::Batch;

// Rows of the result before that are there no more, told in osquery's order: all of them, where they fit a batch.
class RemovedRows {
 public:
  RemovedRows(RunLines& lines, std::size_t most_bytes) : lines_(lines), most_bytes_(most_bytes) {}
  Result<void> add(std::string_view row, std::uint32_t times) {
    rows_.push_back({std::string(row), times});
    bytes_ += sizeof(Row) + row.size();
    return bytes_ < most_bytes_ ? Result<void>{} : tell();
  }
  Result<void> tell() {
    std::ranges::sort(rows_, protocol::row_less, &Row::bytes);
    for (const auto& row : rows_)
      for (std::uint32_t i = 0; i < row.times; ++i) TRY(lines_.removed(row.bytes));
    rows_.clear();
    bytes_ = 0;
    return {};
  }

 private:
  struct Row {
    std::string bytes;
    std::uint32_t times;
  };
  RunLines& lines_;
  std::size_t most_bytes_;
  std::size_t bytes_ = 0;
  std::vector<Row> rows_;
};

RowIndex index_of(const std::string& rows, RowHasher& hasher) {
  std::vector<RowHash> hashes;
  auto rest = std::string_view(rows);
  for (std::string_view row; ResultRows::take(rest, row);) hashes.push_back(hasher(row));
  std::ranges::sort(hashes);
  RowIndex index;
  for (std::size_t i = 0, next = 0; i < hashes.size(); i = next) {
    while (next < hashes.size() && hashes[next] == hashes[i]) ++next;
    index.append(hashes[i], static_cast<std::uint32_t>(next - i));
  }
  index.seal();
  return index;
}

class DifferentialRun final : public Run {
 public:
  DifferentialRun(const RunParts& parts, const RunPlan& plan, const RunContext& context,
                  std::unique_ptr<RowHasher> hasher, std::optional<Head> head)
      : Run(parts, plan, context, true),
        hasher_(std::move(hasher)),
        state_(parts.store, *hasher_, plan.name),
        head_(std::move(head)),
        sql_((*hasher_)(plan.sql)) {
    // What an event query has stored is no result to compare with.
    if (head_ && head_->form == Head::Form::counter) head_.reset();
  }

  ~DifferentialRun() override {
    // A run that an exception ends leaves its stage to the next.
    if (std::uncaught_exceptions() == 0) abandon();
  }

 private:
  bool fresh() const { return kind_ != Kind::changed; }

  // --- comparing ---

  // Loads what is to be compared with.
  Result<void> begin_comparing() {
    kind_ = kind_of(head_, plan_);
    if (!fresh()) {
      if (head_->form == Head::Form::rows) {
        index_ = index_of(head_->rows, *hasher_);
      } else if (auto index = state_.index(*head_)) {
        index_ = std::move(*index);
      } else if (is_damage(index.error())) {
        TRY(drop(index.error()));
        kind_ = Kind::initial;
      } else {
        return std::unexpected(std::move(index).error());
      }
    }
    lines_.emplace(parts_.buffer, plan_, context_, parts_.options, counter_of(head_, kind_));
    return {};
  }

  Result<void> drop(const Error& damage) {
    head_.reset();
    return drop_damaged(parts_, state_, damage);
  }

  // Compares the rows that are held. `each` is told every row, its hash and whether the result before had it.
  template <class F>
  Result<void> compare(F&& each) {
    // In groups, so that the looks at the index, which are misses of the cache, overlap.
    struct Found {
      std::string_view row;
      RowHash hash;
    };
    std::array<Found, 16> group;
    auto rest = std::string_view(rows_.bytes());
    for (std::size_t count = 0;; count = 0) {
      for (std::string_view row; count < group.size() && ResultRows::take(rest, row); ++count) {
        group[count] = {row, (*hasher_)(row)};
        if (!fresh()) index_.prefetch(group[count].hash);
      }
      if (count == 0) return {};
      for (const auto& [row, hash] : std::span(group).first(count)) {
        const bool known = !fresh() && index_.take(hash);
        if (!known) {
          ++outcome_.added;
          TRY(lines_->added(row));
        }
        TRY(each(row, hash, known));
      }
    }
  }

  Result<void> tell_removed() {
    if (fresh()) return {};
    for (std::size_t i = 0; i < index_.size(); ++i) outcome_.removed += index_.unseen(i);
    if (outcome_.removed == 0 || !lines_->wants_removed()) return {};
    RemovedRows removed(*lines_, parts_.options.batch_bytes);
    if (head_->form == Head::Form::rows) {
      // Of equal rows as many are left as were not seen.
      auto left = index_;
      auto rest = std::string_view(head_->rows);
      for (std::string_view row; ResultRows::take(rest, row);)
        if (left.take((*hasher_)(row))) TRY(removed.add(row, 1));
    } else {
      auto told = state_.for_each_unseen(
          *head_, index_, [&](std::string_view row, std::uint32_t times) { return removed.add(row, times); });
      if (!told && is_damage(told.error())) TRY(drop(told.error()));
      TRY(std::move(told));
    }
    return removed.tell();
  }

  bool changed() const { return fresh() || outcome_.added > 0 || outcome_.removed > 0; }

  // --- a small result ---

  Result<void> commit() override {
    outcome_.sql_changed = head_ && head_->sql != sql_;
    if (large_) return commit_large();
    if (head_ && head_->epoch == plan_.epoch && head_->form == Head::Form::rows && head_->rows == rows_.bytes())
      return commit_same();
    TRY(begin_comparing());
    TRY(compare([](std::string_view, const RowHash&, bool) { return Result<void>{}; }));
    TRY(tell_removed());
    if (!changed()) return commit_same();
    Batch batch;
    if (head_ && head_->form == Head::Form::index) state_.erase_large(batch);
    Head next;
    next.form = Head::Form::rows;
    next.rows = rows_.bytes();
    return commit_head(std::move(batch), std::move(next));
  }

  Result<void> commit_same() {
    outcome_.kind = Kind::unchanged;
    outcome_.counter = head_->counter;
    if (!outcome_.sql_changed) return {};
    Batch batch;
    head_->sql = sql_;
    state_.put_head(batch, *head_);
    return parts_.buffer.commit(std::move(batch), std::vector<LineRecord>());
  }

  Result<void> commit_head(Batch batch, Head next) {
    outcome_.kind = kind_;
    outcome_.counter = next.counter = counter_of(head_, kind_);
    next.epoch = plan_.epoch;
    next.sql = sql_;
    state_.put_head(batch, next);
    TRY(lines_->commit(std::move(batch), fresh()));
    head_ = std::move(next);
    return {};
  }

  // --- a large one ---
  //
  // Rows and, where many parts of the index change, a new index are staged: written below generations that the head
  // does not name yet, or as rows that the index does not name. The last batch has the head, and the lines.

  Result<void> drain() override {
    if (!large_) {
      TRY(begin_comparing());
      large_ = true;
      updates_ = !fresh() && head_->form == Head::Form::index;
      const bool has_index = head_ && head_->form == Head::Form::index;
      next_.form = Head::Form::index;
      next_.index_generation = has_index ? std::max(head_->rows_generation, head_->index_generation) + 1 : 1;
      next_.rows_generation = updates_ ? head_->rows_generation : next_.index_generation;
    }
    return compare([&](std::string_view row, const RowHash& hash, bool known) -> Result<void> {
      if (known && updates_) return {};  // it is there
      new_rows_.push_back(hash);
      state_.put_row(batch_, next_.rows_generation, hash, row);
      return stage_if_full();
    });
  }

  Result<void> stage_if_full() {
    if (batch_.bytes() < parts_.options.batch_bytes) return {};
    if (!staged_) state_.mark(batch_);
    staged_ = true;
    TRY(parts_.store.write(batch_));
    batch_.clear();
    return {};
  }

  Result<void> commit_large() {
    TRY(drain());
    rows_.clear();
    TRY(tell_removed());
    if (updates_ && !changed()) return commit_same();
    std::ranges::sort(new_rows_);
    TRY(write_index());
    const bool sweep = updates_ && !erase_removed();
    if (!updates_ && head_ && head_->form == Head::Form::index) {
      state_.erase_index(batch_, head_->index_generation);
      state_.erase_rows(batch_, head_->rows_generation);
    }
    if (sweep)
      state_.mark(batch_);
    else if (staged_)
      state_.unmark(batch_);
    TRY(commit_head(std::move(batch_), next_));
    staged_ = false;
    index_ = {};
    // What is not swept now is before the query's next run.
    if (sweep) static_cast<void>(state_.clean(head_, parts_.options.batch_bytes));
    return {};
  }

  // The rows of the next result by their hashes: how often each was there and is.
  template <class F>
  void merge(F&& visit) const {
    const RowIndex none;
    const auto& before = updates_ ? index_ : none;
    auto added = new_rows_.begin();
    for (std::size_t i = 0; i < before.size() || added != new_rows_.end();) {
      const bool from_before = i < before.size() && (added == new_rows_.end() || before.hash(i) <= *added);
      const auto hash = from_before ? before.hash(i) : *added;
      const std::uint32_t was = from_before ? before.count(i) : 0;
      std::uint32_t is = from_before ? before.seen(i) : 0;
      i += from_before;
      for (; added != new_rows_.end() && *added == hash; ++added) ++is;
      visit(hash, was, is);
    }
  }

  // Calls `visit` with each part of the next index: its number, its entries and whether it is as it was.
  template <class F>
  Result<void> for_each_part(unsigned bits, F&& visit) const {
    std::vector<stored::IndexEntry> entries;
    std::optional<std::uint64_t> number;
    bool same = true;
    Result<void> result;
    const auto close = [&] {
      if (number && result) result = visit(*number, std::span<const stored::IndexEntry>(entries), same);
      entries.clear();
      same = true;
    };
    merge([&](const RowHash& hash, std::uint32_t was, std::uint32_t is) {
      if (const auto part = stored::part_of(hash, bits); part != number) {
        close();
        number = part;
      }
      same = same && was == is;
      if (is > 0) entries.push_back({hash, is});
    });
    close();
    return result;
  }

  Result<void> write_index() {
    merge([&](const RowHash&, std::uint32_t, std::uint32_t is) { next_.distinct_rows += is > 0; });
    next_.index_bits = static_cast<unsigned>(std::bit_width(next_.distinct_rows / parts_.options.part_rows));
    if (updates_ && fits_in_place()) {
      next_.index_bits = head_->index_bits;
      next_.index_generation = head_->index_generation;
      return for_each_part(next_.index_bits, [&](std::uint64_t number, auto entries, bool same) -> Result<void> {
        if (!same) state_.put_part(batch_, next_.index_generation, number, entries);
        return {};
      });
    }
    TRY(for_each_part(next_.index_bits, [&](std::uint64_t number, auto entries, bool) -> Result<void> {
      if (entries.empty()) return {};
      state_.put_part(batch_, next_.index_generation, number, entries);
      return stage_if_full();
    }));
    if (updates_) state_.erase_index(batch_, head_->index_generation);
    return {};
  }

  // Whether the parts that change fit one batch, and the index has not outgrown the size of its parts.
  bool fits_in_place() const {
    if (std::max(next_.index_bits, head_->index_bits) - std::min(next_.index_bits, head_->index_bits) > 1) return false;
    std::size_t bytes = 0;
    static_cast<void>(for_each_part(head_->index_bits, [&](std::uint64_t, auto entries, bool same) -> Result<void> {
      if (!same) bytes += entries.size() * sizeof(stored::IndexEntry);
      return {};
    }));
    return bytes <= parts_.options.batch_bytes;
  }

  // Erases the rows that are there no more. False: they are too many for a batch.
  bool erase_removed() {
    Batch erased;
    for (std::size_t i = 0; i < index_.size(); ++i) {
      if (index_.seen(i) > 0) continue;
      state_.erase_row(erased, head_->rows_generation, index_.hash(i));
      if (erased.bytes() > parts_.options.batch_bytes) return false;
    }
    for (const auto& operation : erased.operations()) batch_.erase(operation.family, operation.key);
    return true;
  }

  void abandon() noexcept override {
    if (!staged_) return;
    staged_ = false;
    try {
      // As the store has it: a write that was said to have failed may have taken effect.
      if (const auto head = state_.head()) static_cast<void>(state_.clean(*head, parts_.options.batch_bytes));
    } catch (...) {  // NOLINT(bugprone-empty-catch): the mark stays, and the next run cleans up
    }
  }

  std::unique_ptr<RowHasher> hasher_;
  QueryState state_;
  std::optional<Head> head_;
  RowHash sql_;
  Kind kind_ = Kind::initial;
  RowIndex index_;  // of the result before, where it is compared with
  std::optional<RunLines> lines_;

  bool large_ = false;
  bool updates_ = false;  // the rows of the result before stay where they are
  bool staged_ = false;
  Head next_;
  std::deque<RowHash> new_rows_;
  Batch batch_;
};

}  // namespace

std::unique_ptr<ResultRun> differential_run(const RunParts& parts, const RunPlan& plan, const RunContext& context,
                                            std::unique_ptr<RowHasher> hasher, std::optional<stored::QueryHead> head) {
  return std::make_unique<DifferentialRun>(parts, plan, context, std::move(hasher), std::move(head));
}

}  // namespace osprey::agent
