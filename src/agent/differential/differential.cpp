#include "agent/differential/differential.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <deque>
#include <exception>
#include <mutex>
#include <set>

#include "agent/differential/query_state.h"
#include "agent/differential/result_rows.h"
#include "agent/differential/row_hash.h"
#include "agent/differential/row_index.h"
#include "agent/differential/run_lines.h"
#include "agent/differential/statement_rows.h"
#include "agent/differential/stored_state.h"
#include "protocol/result_row.h"

namespace osprey::agent {
namespace {

using Head = QueryState::Head;
using Kind = RunOutcome::Kind;
using store::Batch;
using store::Family;

// What the runs of a Differential share.
struct Parts {
  store::Store& store;
  LogBuffer& buffer;
  StatusLog& status;
  DifferentialOptions options;
};

// What every kind of run does: rows are encoded and held until they are too many, then handed on.
class Run : public ResultRun {
 public:
  Run(const Parts& parts, const RunPlan& plan, const RunContext& context, bool escaped)
      : parts_(parts), plan_(plan), context_(context), encoder_(plan.null_value, escaped) {}

  Result<void> add(const sql::Statement& statement) override {
    rows_.add([&](std::string& out) { outcome_.output_bytes += encoder_.append(statement, out); });
    ++outcome_.rows;
    if (rows_.bytes().size() <= parts_.options.small_bytes) return {};
    auto drained = drain();
    rows_.clear();
    return told(std::move(drained));
  }

  Result<RunOutcome> finish() override {
    TRY(told(commit()));
    return outcome_;
  }

 protected:
  // Takes the rows that are held.
  virtual Result<void> drain() = 0;
  virtual Result<void> commit() = 0;
  // The run has failed: what it staged goes, now or before the query's next run.
  virtual void abandon() noexcept {}

  const Parts& parts_;
  const RunPlan plan_;
  const RunContext context_;
  ResultRows rows_;
  RunOutcome outcome_;

 private:
  // An error, where there is one, with what it was about.
  Result<void> told(Result<void> done) {
    if (done) return done;
    abandon();
    auto error = std::move(done).error();
    if (error.code == ENOSPC)
      error.message = fmt::format(
          "no room for the result ({} rows, {} bytes so far) and its lines; the result before stays in force: {}",
          outcome_.rows, outcome_.output_bytes, error.text());
    error.subject = plan_.name;
    return std::unexpected(std::move(error));
  }

  StatementRows encoder_;
};

class SnapshotRun final : public Run {
 public:
  SnapshotRun(const Parts& parts, const RunPlan& plan, const RunContext& context)
      : Run(parts, plan, context, false), lines_(parts.buffer, plan_, context_, parts.options, 0) {}

 private:
  Result<void> drain() override {
    auto rest = std::string_view(rows_.bytes());
    for (std::string_view row; ResultRows::take(rest, row);) TRY(lines_.added(row));
    return {};
  }
  Result<void> commit() override {
    TRY(drain());
    return lines_.commit({}, true);
  }

  RunLines lines_;
};

// The kind of a run and its counter, where it tells something.
Kind kind_of(const std::optional<Head>& head, const RunPlan& plan) {
  if (!head) return Kind::initial;
  return head->epoch == plan.epoch ? Kind::changed : Kind::new_epoch;
}
std::uint64_t counter_of(const std::optional<Head>& head, Kind kind) {
  return kind == Kind::changed ? head->counter + 1 : 0;
}

class EventsRun final : public Run {
 public:
  EventsRun(const Parts& parts, const RunPlan& plan, const RunContext& context, std::unique_ptr<RowHasher> hasher,
            std::optional<Head> head)
      : Run(parts, plan, context, true),
        hasher_(std::move(hasher)),
        state_(parts.store, *hasher_, plan.name),
        head_(std::move(head)),
        kind_(kind_of(head_, plan)),
        lines_(parts.buffer, plan_, context_, parts.options, counter_of(head_, kind_)) {}

 private:
  Result<void> drain() override {
    auto rest = std::string_view(rows_.bytes());
    for (std::string_view row; ResultRows::take(rest, row);) TRY(lines_.added(row));
    return {};
  }
  Result<void> commit() override {
    TRY(drain());
    outcome_.added = outcome_.rows;
    outcome_.counter = head_ ? head_->counter : 0;
    const auto sql = (*hasher_)(plan_.sql);
    outcome_.sql_changed = head_ && head_->sql != sql;
    if (outcome_.rows == 0) return {};
    outcome_.kind = kind_;
    outcome_.counter = counter_of(head_, kind_);
    Batch batch;
    if (head_ && head_->form == Head::Form::index) state_.erase_large(batch);
    Head next;
    next.form = Head::Form::counter;
    next.epoch = plan_.epoch;
    next.counter = outcome_.counter;
    next.sql = sql;
    state_.put_head(batch, next);
    return lines_.commit(std::move(batch), false);
  }

  std::unique_ptr<RowHasher> hasher_;
  QueryState state_;
  std::optional<Head> head_;
  Kind kind_;
  RunLines lines_;
};

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
  DifferentialRun(const Parts& parts, const RunPlan& plan, const RunContext& context, std::unique_ptr<RowHasher> hasher,
                  std::optional<Head> head)
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
    parts_.status.error(fmt::format("{}: it is dropped and the query begins anew", damage.text()));
    Batch batch;
    state_.erase_all(batch);
    head_.reset();
    return parts_.store.write(batch);
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
    if (sweep) (void)state_.clean(head_, parts_.options.batch_bytes);
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
    (void)for_each_part(head_->index_bits, [&](std::uint64_t, auto entries, bool same) -> Result<void> {
      if (!same) bytes += entries.size() * sizeof(stored::IndexEntry);
      return {};
    });
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
      if (const auto head = state_.head()) (void)state_.clean(*head, parts_.options.batch_bytes);
    } catch (...) {
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

class StoredDifferential final : public Differential {
 public:
  StoredDifferential(store::Store& store, LogBuffer& buffer, StatusLog& status, const DifferentialOptions& options)
      : parts_{store, buffer, status, options} {}

  Result<std::unique_ptr<ResultRun>> begin(const RunPlan& plan, const RunContext& context) override {
    if (plan.snapshot) return std::make_unique<SnapshotRun>(parts_, plan, context);
    auto hasher = std::make_unique<RowHasher>(TRY(key()));
    auto head = TRY(read(QueryState(parts_.store, *hasher, plan.name)));
    if (plan.events) return std::make_unique<EventsRun>(parts_, plan, context, std::move(hasher), std::move(head));
    return std::make_unique<DifferentialRun>(parts_, plan, context, std::move(hasher), std::move(head));
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
  Result<std::optional<Head>> read(const QueryState& state) {
    auto head = state.head();
    if (head && TRY(state.is_marked())) {
      if (auto cleaned = state.clean(*head, parts_.options.batch_bytes); !cleaned)
        head = std::unexpected(std::move(cleaned).error());
    }
    if (head || !is_damage(head.error())) return head;
    parts_.status.error(fmt::format("{}: it is dropped and the query begins anew", head.error().text()));
    Batch batch;
    state.erase_all(batch);
    TRY(parts_.store.write(batch));
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

  const Parts parts_;
  std::mutex mutex_;
  std::optional<RowHasher::Key> key_;
};

}  // namespace

std::unique_ptr<Differential> make_differential(store::Store& store, LogBuffer& buffer, StatusLog& status,
                                                const DifferentialOptions& options) {
  return std::make_unique<StoredDifferential>(store, buffer, status, options);
}

}  // namespace osprey::agent
