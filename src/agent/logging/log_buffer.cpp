// Keys of the family `lines`:
//   record.<sequence>              a record (log_record.h)
//   run.<sequence>                 a committed stage, which takes as many sequence numbers as it has records
//   stage.<id><part><index>        a staged record; nobody's while no run refers to the stage
//   cursor.<sink>                  where a sink stands, and its mark
//   tail                           where the next record goes
// Records tell how much was queued before them, and so do cursors: what lies between two places is a subtraction, and
// nothing has to be counted when the buffer is opened.
#include "agent/logging/log_buffer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <ctime>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>

#include "agent/logging/log_record.h"
#include "protocol/status_line.h"

namespace osprey::agent {
namespace {

using std::chrono::steady_clock;
using store::Batch;
using store::Family;

constexpr std::string_view kRecordPrefix = "record.";
constexpr std::string_view kRunPrefix = "run.";
constexpr std::string_view kStagePrefix = "stage.";
constexpr std::string_view kCursorPrefix = "cursor.";
constexpr std::string_view kTailKey = "tail";

constexpr std::string_view kStage = "buffer";  // of Losses
constexpr auto kShedTold = std::chrono::minutes(1);
// Fewer keys than this are erased one by one: a range costs every later read of the store a little.
constexpr std::uint64_t kFewKeys = 32;
// Where the store has no room, this part of the queue goes at a time.
constexpr std::uint64_t kShedPart = 10;

struct Place {
  std::uint64_t sequence = 0;
  LogAmount before;
};

// One part of a stage: records `first` to `first + count`, without what was shed while staging.
struct Part {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
  LogAmount skipped;  // staged before `first`
  LogAmount amount;   // of the `count` records
};
using Parts = std::array<Part, 2>;

// A committed stage.
struct Run {
  std::uint64_t stage = 0;
  LogAmount before;
  Parts parts;

  std::uint64_t count() const { return parts[0].count + parts[1].count; }
};
using Runs = std::map<std::uint64_t, Run>;  // by sequence number of their first record

std::string stage_prefix(std::uint64_t stage) { return std::string(kStagePrefix) + store::ordered(stage); }
std::string part_prefix(std::uint64_t stage, std::size_t part) {
  return stage_prefix(stage) + static_cast<char>('0' + part);
}
std::string key_of(std::string_view prefix, std::uint64_t number) {
  return std::string(prefix) + store::ordered(number);
}

void append_amount(std::string& out, const LogAmount& amount) {
  append_number(out, amount.lines);
  append_number(out, amount.bytes);
}

// Takes numbers off the front of stored bytes; `good` turns false where there are too few.
struct NumberReader {
  std::string_view bytes;
  bool good = true;

  std::uint64_t number() {
    const auto number = take_number(bytes);
    good = good && number.has_value();
    return number.value_or(0);
  }
  LogAmount amount() {
    const auto lines = number();
    return {lines, number()};
  }
};

std::string encode(const Place& place) {
  std::string out;
  append_number(out, place.sequence);
  append_amount(out, place.before);
  return out;
}

Place take_place(NumberReader& reader) {
  const auto sequence = reader.number();
  return {sequence, reader.amount()};
}

std::string encode(const Run& run) {
  std::string out;
  append_number(out, run.stage);
  append_amount(out, run.before);
  for (const auto& part : run.parts) {
    append_number(out, part.first);
    append_number(out, part.count);
    append_amount(out, part.skipped);
    append_amount(out, part.amount);
  }
  return out;
}

std::optional<Run> decode_run(std::string_view bytes) {
  NumberReader reader{bytes};
  Run run;
  run.stage = reader.number();
  run.before = reader.amount();
  for (auto& part : run.parts) {
    part.first = reader.number();
    part.count = reader.number();
    part.skipped = reader.amount();
    part.amount = reader.amount();
  }
  if (!reader.good) return std::nullopt;
  return run;
}

// Records that follow each other in the store's keys.
struct Segment {
  std::string prefix;
  std::uint64_t sequence = 0;  // of its first record
  std::uint64_t index = 0;     // in that record's key
  std::uint64_t count = 0;
  // What leads from what a record says was before it to what was before it in the queue.
  LogAmount add;
  LogAmount subtract;

  std::string key(std::uint64_t at) const { return key_of(prefix, at - sequence + index); }
  std::uint64_t end() const { return sequence + count; }
};

// What there is from `first` up to `last`, in order.
std::vector<Segment> segments(const Runs& runs, std::uint64_t first, std::uint64_t last) {
  std::vector<Segment> all;
  const auto add = [&](Segment segment) {
    const auto from = std::max(first, segment.sequence);
    const auto to = std::min(last, segment.end());
    if (from >= to) return;
    segment.index += from - segment.sequence;
    segment.sequence = from;
    segment.count = to - from;
    all.push_back(std::move(segment));
  };
  auto at = first;  // everything before it is in `all`
  for (const auto& [start, run] : runs) {
    if (start > at) add({std::string(kRecordPrefix), at, at, std::min(start, last) - std::min(at, last), {}, {}});
    auto sequence = start;
    auto before = run.before;
    for (std::size_t i = 0; i < run.parts.size(); ++i) {
      const auto& part = run.parts[i];
      add({part_prefix(run.stage, i), sequence, part.first, part.count, before, part.skipped});
      sequence += part.count;
      before += part.amount;
    }
    at = std::max(at, sequence);
  }
  if (at < last) add({std::string(kRecordPrefix), at, at, last - at, {}, {}});
  return all;
}

// Shows `visit` every record of the segments that there is and whose header can be read; it returns whether to go on.
using Visit = std::function<bool(const Place&, const RecordHeader&, std::string_view stored)>;
Result<void> walk(const store::Store& store, const std::vector<Segment>& segments, const Visit& visit) {
  for (const auto& segment : segments) {
    const auto cursor = store.cursor(Family::lines, segment.key(segment.sequence), segment.key(segment.end()));
    for (; cursor->valid(); cursor->next()) {
      const auto index = store::parse_ordered(cursor->key().substr(segment.prefix.size()));
      const auto header = decode_header(cursor->value());
      if (!index || !header) continue;
      const Place place{*index - segment.index + segment.sequence, header->before + segment.add - segment.subtract};
      if (!visit(place, *header, cursor->value())) return {};
    }
    TRY(cursor->status());
  }
  return {};
}

void erase(Batch& batch, const std::vector<Segment>& segments) {
  for (const auto& segment : segments) {
    if (segment.count > kFewKeys) {
      batch.erase_range(Family::lines, segment.key(segment.sequence), segment.key(segment.end()));
      continue;
    }
    for (auto at = segment.sequence; at < segment.end(); ++at) batch.erase(Family::lines, segment.key(at));
  }
}

// A record ready for the store.
struct Stored {
  std::string bytes;
  LogAmount amount;
  bool continues = false;
};

Stored stored(const LineRecord& record) {
  Stored one{.bytes = encode_record(record, std::time(nullptr)), .amount = {}, .continues = record.continues};
  one.amount = {record.lines, one.bytes.size()};
  return one;
}

class Buffer;

class Stage final : public StagedLines {
 public:
  Stage(Buffer& buffer, std::uint64_t number) : id(number), buffer_(buffer) {}
  ~Stage() override;
  Result<void> add(StagedLines::Part part, LineRecord record) override;

  const std::uint64_t id;
  Parts parts;
  LogAmount shed;  // what of it exceeded the cap
  bool committed = false;

  LogAmount amount() const { return parts[0].amount + parts[1].amount; }

 private:
  Buffer& buffer_;
};

class Buffer final : public LogBuffer {
 public:
  Buffer(store::Store& store, Losses& losses, StatusLog& status, const LogBufferOptions& options)
      : store_(store), losses_(losses), status_(status), options_(options) {}
  Result<void> open();

  Result<void> set_sinks(const std::vector<std::string>& names) override;
  void set_options(const LogBufferOptions& options) override;
  Result<void> commit(Batch state, std::vector<LineRecord> records) override;
  std::unique_ptr<StagedLines> stage() override;
  Result<void> commit(Batch state, std::unique_ptr<StagedLines> staged) override;
  Result<std::vector<LogDelivery>> take(const std::string& sink, std::size_t most_bytes,
                                        std::chrono::milliseconds timeout) override;
  Result<void> acknowledge(const std::string& sink, LogPosition position, const std::string& mark) override;
  std::string mark(const std::string& sink) const override;
  LogBacklog backlog(const std::string& sink) const override;
  void stop() override;

  Result<void> add_staged(Stage& stage, std::size_t number, const LineRecord& record);
  void end(const Stage& stage);

 private:
  struct SinkState {
    Place at;
    std::string mark;
    std::uint64_t shed_lines = 0;
    std::vector<Place> taken;  // places that the sink may acknowledge
    bool unsaved = false;      // `at` or `mark` is not in the store yet
  };
  // Asked with how much lies before a record: whether what lies before it is enough to shed.
  using Enough = std::function<bool(const LogAmount&)>;

  Result<void> open_runs();
  Result<void> open_sinks();
  Result<void> sweep();

  bool over_cap(const LogAmount& amount) const;
  Place front() const;
  Result<void> make_room(const LogAmount& incoming);
  Result<bool> shed(const std::string& reason, const Enough& enough);
  Result<void> shed_stage(Stage& stage, const Enough& enough);
  void lose(const std::string& sink, SinkState& state, const Place& next, const std::string& reason);
  void lose_unqueued(const LogAmount& lost);
  void count_loss(const std::string& sink, const LogAmount& lost, const std::string& reason);

  void erase_between(Batch& batch, std::uint64_t first, std::uint64_t last) const;
  void forget_runs_before(std::uint64_t sequence);
  void settle(Batch& batch);
  void settled();
  Result<void> write(Batch& batch);
  Result<void> publish(Batch& batch, const Place& tail, const std::optional<Run>& run);
  Result<void> commit_stored(Batch& state, std::vector<Stored>& records);

  Result<void> telling(const std::function<Result<void>()>& work);
  std::string shed_notice();

  Result<std::vector<LogDelivery>> read(const std::vector<Segment>& all, const Place& from, std::size_t most_bytes,
                                        const std::string& sink);
  Result<void> skip_damage(const std::string& sink, const Place& from, const Place& tail);

  store::Store& store_;
  Losses& losses_;
  StatusLog& status_;

  // Held over writes of the store, so that they take effect in the order of their numbers. What is below is changed
  // with both held, and read with either.
  std::mutex write_mutex_;
  mutable std::mutex mutex_;  // taken second
  std::condition_variable changed_;
  LogBufferOptions options_;
  std::map<std::string, SinkState> sinks_;
  Runs runs_;
  Place tail_;
  bool stopped_ = false;

  // With write_mutex_.
  std::uint64_t next_stage_ = 0;
  LogAmount staging_;                                             // of stages that are not committed yet
  std::vector<std::uint64_t> abandoned_;                          // stages whose records are to be erased
  std::set<std::pair<std::string, std::string>> losses_unsaved_;  // sink and reason
  std::map<std::string, std::uint64_t> untold_;                   // lines lost, by sink
  std::optional<steady_clock::time_point> told_;
};

// ---- opening

Result<void> Buffer::open() {
  const auto tail = TRY(store_.get(Family::lines, kTailKey));
  if (tail) {
    NumberReader reader{*tail};
    tail_ = take_place(reader);
    if (!reader.good) return failure("log buffer", "its tail cannot be read");
  }
  TRY(open_runs());
  TRY(open_sinks());
  return sweep();
}

Result<void> Buffer::open_runs() {
  const auto cursor = store_.cursor(Family::lines, kRunPrefix, store::prefix_end(kRunPrefix));
  for (; cursor->valid(); cursor->next()) {
    const auto sequence = store::parse_ordered(cursor->key().substr(kRunPrefix.size()));
    const auto run = decode_run(cursor->value());
    if (!sequence || !run) continue;
    runs_.emplace(*sequence, *run);
    next_stage_ = std::max(next_stage_, run->stage + 1);
  }
  return cursor->status();
}

Result<void> Buffer::open_sinks() {
  const auto cursor = store_.cursor(Family::lines, kCursorPrefix, store::prefix_end(kCursorPrefix));
  for (; cursor->valid(); cursor->next()) {
    NumberReader reader{cursor->value()};
    SinkState state;
    state.at = take_place(reader);
    if (!reader.good || state.at.sequence > tail_.sequence) state.at = tail_;
    state.mark = reader.bytes;
    const std::string name(cursor->key().substr(kCursorPrefix.size()));
    // Records that an earlier process had shed and not counted yet.
    auto first = tail_;
    TRY(walk(store_, segments(runs_, state.at.sequence, tail_.sequence),
             [&](const Place& place, const RecordHeader&, std::string_view) {
               first = place;
               return false;
             }));
    if (first.sequence > state.at.sequence) lose(name, state, first, "cap");
    sinks_.emplace(name, std::move(state));
  }
  return cursor->status();
}

// Erases what nobody will ask for: stages that were not committed, and records that all have taken where a write that
// should have erased them failed.
Result<void> Buffer::sweep() {
  std::set<std::uint64_t> live;
  for (const auto& [sequence, run] : runs_) live.insert(run.stage);
  for (std::string from(kStagePrefix);;) {
    const auto cursor = store_.cursor(Family::lines, from, store::prefix_end(kStagePrefix));
    TRY(cursor->status());
    if (!cursor->valid()) break;
    const auto stage = store::parse_ordered(cursor->key().substr(kStagePrefix.size(), sizeof(std::uint64_t)));
    if (!stage) break;
    if (!live.contains(*stage)) abandoned_.push_back(*stage);
    next_stage_ = std::max(next_stage_, *stage + 1);
    from = store::prefix_end(stage_prefix(*stage));
  }
  const auto first = front().sequence;
  const auto taken = store_.cursor(Family::lines, kRecordPrefix, key_of(kRecordPrefix, first));
  Batch batch;
  if (taken->valid() || (!runs_.empty() && runs_.begin()->first < first)) erase_between(batch, 0, first);
  if (batch.empty() && abandoned_.empty()) return {};
  forget_runs_before(first);
  return write(batch);
}

// ---- sinks

Result<void> Buffer::set_sinks(const std::vector<std::string>& names) {
  const std::set<std::string> wanted(names.begin(), names.end());
  std::lock_guard writing(write_mutex_);
  const auto old_front = front().sequence;
  Batch batch;
  {
    std::lock_guard lock(mutex_);
    std::erase_if(sinks_, [&](const auto& sink) {
      if (wanted.contains(sink.first)) return false;
      batch.erase(Family::lines, std::string(kCursorPrefix) + sink.first);
      return true;
    });
    for (const auto& name : wanted)
      if (const auto [sink, fresh] = sinks_.try_emplace(name); fresh)
        sink->second = {.at = tail_, .mark = {}, .shed_lines = 0, .taken = {}, .unsaved = true};
    const auto first = front().sequence;
    erase_between(batch, old_front, first);
    forget_runs_before(first);
    changed_.notify_all();
  }
  const auto written = write(batch);
  // Where there is no room the places are kept with the next batch for which there is.
  if (!written && written.error().code != ENOSPC) return written;
  return {};
}

void Buffer::set_options(const LogBufferOptions& options) {
  std::lock_guard writing(write_mutex_);
  std::lock_guard lock(mutex_);
  options_ = options;
}

std::string Buffer::mark(const std::string& sink) const {
  std::lock_guard lock(mutex_);
  const auto found = sinks_.find(sink);
  return found == sinks_.end() ? "" : found->second.mark;
}

LogBacklog Buffer::backlog(const std::string& sink) const {
  LogBacklog backlog;
  std::vector<Segment> rest;
  {
    std::lock_guard lock(mutex_);
    const auto found = sinks_.find(sink);
    if (found == sinks_.end()) return backlog;
    const auto& at = found->second.at;
    const auto behind = tail_.before - at.before;
    backlog = {tail_.sequence - at.sequence, behind.lines, behind.bytes, 0, found->second.shed_lines};
    rest = segments(runs_, at.sequence, tail_.sequence);
  }
  // What cannot be read has no age; take() will say so.
  static_cast<void>(walk(store_, rest, [&](const Place&, const RecordHeader& header, std::string_view) {
    backlog.oldest = header.unix_time;
    return false;
  }));
  return backlog;
}

void Buffer::stop() {
  std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

// ---- making room

bool Buffer::over_cap(const LogAmount& amount) const {
  return (options_.cap_bytes && amount.bytes > options_.cap_bytes) ||
         (options_.cap_lines && amount.lines > options_.cap_lines);
}

// Everything before it has been taken by all.
Place Buffer::front() const {
  auto first = tail_;
  for (const auto& [name, state] : sinks_)
    if (state.at.sequence < first.sequence) first = state.at;
  return first;
}

Result<void> Buffer::make_room(const LogAmount& incoming) {
  const auto fits = [&](const LogAmount& before) { return !over_cap(tail_.before - before + staging_ + incoming); };
  if (fits(front().before)) return {};
  TRY(shed("cap", fits));
  return {};
}

// Sheds the oldest records up to the first at which `enough` holds of what is before it. False: there were none.
Result<bool> Buffer::shed(const std::string& reason, const std::function<bool(const LogAmount&)>& enough) {
  const auto from = front();
  auto next = tail_;
  TRY(walk(store_, segments(runs_, from.sequence, tail_.sequence),
           [&](const Place& place, const RecordHeader& header, std::string_view) {
             if (header.continues || place.sequence == from.sequence || !enough(place.before)) return true;
             next = place;
             return false;
           }));
  if (next.sequence == from.sequence) return false;
  // Erasing alone is what a full store lets through. Cursors follow with the next batch; should the process die before,
  // open_sinks() finds the gap and counts it.
  Batch batch;
  erase_between(batch, from.sequence, next.sequence);
  TRY(store_.write(batch));
  std::lock_guard lock(mutex_);
  for (auto& [name, state] : sinks_) {
    if (state.at.sequence >= next.sequence) continue;
    lose(name, state, next, reason);
  }
  forget_runs_before(next.sequence);
  return true;
}

// The sink goes on at `next`; what lies before is lost to it.
void Buffer::lose(const std::string& sink, SinkState& state, const Place& next, const std::string& reason) {
  const auto lost = next.before - state.at.before;
  count_loss(sink, lost, reason);
  state.shed_lines += lost.lines;
  state.at = next;
  state.unsaved = true;
  std::erase_if(state.taken, [&](const Place& place) { return place.sequence <= next.sequence; });
}

void Buffer::count_loss(const std::string& sink, const LogAmount& lost, const std::string& reason) {
  losses_.add(sink, std::string(kStage), reason, lost.lines, lost.bytes);
  losses_unsaved_.emplace(sink, reason);
  untold_[sink] += lost.lines;
}

// Takes the oldest records of a stage away, up to the first at which `enough` holds of what is before it.
Result<void> Buffer::shed_stage(Stage& stage, const Enough& enough) {
  const Runs alone{{0, Run{stage.id, {}, stage.parts}}};
  Place next{alone.at(0).count(), stage.amount()};
  TRY(walk(store_, segments(alone, 0, next.sequence),
           [&](const Place& place, const RecordHeader& header, std::string_view) {
             if (header.continues || place.sequence == 0 || !enough(place.before)) return true;
             next = place;
             return false;
           }));
  Batch batch;
  erase(batch, segments(alone, 0, next.sequence));
  TRY(store_.write(batch));
  stage.shed += next.before;
  staging_ -= next.before;
  for (auto& part : stage.parts) {
    const auto gone = std::min(next.sequence, part.count);
    const auto amount = gone == part.count ? part.amount : next.before;
    part.first += gone;
    part.count -= gone;
    part.skipped += amount;
    part.amount -= amount;
    next = {next.sequence - gone, next.before - amount};
  }
  return {};
}

// Erases the records from `first` up to `last`, before which nothing is left, and the runs that end there.
void Buffer::erase_between(Batch& batch, std::uint64_t first, std::uint64_t last) const {
  erase(batch, segments(runs_, first, last));
  for (const auto& [start, run] : runs_)
    if (start + run.count() <= last) batch.erase(Family::lines, key_of(kRunPrefix, start));
}

void Buffer::forget_runs_before(std::uint64_t sequence) {
  std::erase_if(runs_, [&](const auto& run) { return run.first + run.second.count() <= sequence; });
}

// ---- writing

// Adds what is due besides: cursors and losses that changed in memory, stages to be swept.
void Buffer::settle(Batch& batch) {
  for (const auto& [name, state] : sinks_)
    if (state.unsaved) batch.put(Family::lines, std::string(kCursorPrefix) + name, encode(state.at) + state.mark);
  for (const auto id : abandoned_)
    batch.erase_range(Family::lines, stage_prefix(id), store::prefix_end(stage_prefix(id)));
  // A batch that failed took the changes out of Losses: they are changed anew.
  for (const auto& [sink, reason] : losses_unsaved_) losses_.add(sink, std::string(kStage), reason, 0, 0);
  if (!losses_unsaved_.empty()) losses_.save(batch);
}

void Buffer::settled() {
  abandoned_.clear();
  losses_unsaved_.clear();
  std::lock_guard lock(mutex_);
  for (auto& [name, state] : sinks_) state.unsaved = false;
}

// Writes; where there is no room, sheds and tries again.
Result<void> Buffer::write(Batch& batch) {
  for (;;) {
    settle(batch);
    const auto written = store_.write(batch);
    if (written) {
      settled();
      return {};
    }
    if (written.error().code != ENOSPC) return written;
    const auto reason = store_.pressure() == store::Pressure::cap ? "cap" : "filesystem full";
    const auto from = front().before.bytes;
    const auto part = (tail_.before.bytes - from) / kShedPart;
    if (!TRY(shed(reason, [&](const LogAmount& before) { return before.bytes - from >= part; }))) return written;
  }
}

// Writes what makes the queue end at `tail`, and shows it to the sinks.
Result<void> Buffer::publish(Batch& batch, const Place& tail, const std::optional<Run>& run) {
  batch.put(Family::lines, kTailKey, encode(tail));
  TRY(write(batch));
  std::lock_guard lock(mutex_);
  if (run) runs_.emplace(tail_.sequence, *run);
  tail_ = tail;
  changed_.notify_all();
  return {};
}

Result<void> Buffer::commit(Batch state, std::vector<LineRecord> records) {
  std::vector<Stored> all;
  all.reserve(records.size());
  for (const auto& record : records) all.push_back(stored(record));
  return telling([&] { return commit_stored(state, all); });
}

Result<void> Buffer::commit_stored(Batch& state, std::vector<Stored>& records) {
  if (sinks_.empty() || records.empty()) return write(state);
  LogAmount incoming;
  for (const auto& record : records) incoming += record.amount;
  TRY(make_room(incoming));
  // What alone exceeds the cap goes without its oldest records.
  LogAmount lost;
  auto first = records.begin();
  for (; first != records.end() && (over_cap(incoming) || (lost.bytes && first->continues)); ++first) {
    incoming -= first->amount;
    lost += first->amount;
  }
  auto tail = tail_;
  for (auto record = first; record != records.end(); ++record) {
    set_before(record->bytes, tail.before);
    state.put(Family::lines, key_of(kRecordPrefix, tail.sequence), record->bytes);
    tail = {tail.sequence + 1, tail.before + record->amount};
  }
  TRY(publish(state, tail, std::nullopt));
  lose_unqueued(lost);
  return {};
}

// Lines of a commit that never were in the queue are lost to every sink.
void Buffer::lose_unqueued(const LogAmount& lost) {
  if (lost == LogAmount{}) return;
  std::lock_guard lock(mutex_);
  for (auto& [name, state] : sinks_) {
    count_loss(name, lost, "cap");
    state.shed_lines += lost.lines;
  }
}

// ---- stages

Stage::~Stage() { buffer_.end(*this); }

Result<void> Stage::add(StagedLines::Part part, LineRecord record) {
  return buffer_.add_staged(*this, part == StagedLines::Part::second ? 1 : 0, record);
}

std::unique_ptr<StagedLines> Buffer::stage() {
  std::lock_guard writing(write_mutex_);
  return std::make_unique<Stage>(*this, next_stage_++);
}

Result<void> Buffer::add_staged(Stage& stage, std::size_t number, const LineRecord& record) {
  auto one = stored(record);
  return telling([&]() -> Result<void> {
    if (sinks_.empty()) return {};
    TRY(make_room(one.amount));
    while (over_cap(staging_ + one.amount) && stage.amount() != LogAmount{})
      TRY(shed_stage(stage, [&](const LogAmount& gone) { return !over_cap(staging_ - gone + one.amount); }));
    auto& part = stage.parts[number];
    // A line may begin in the first part and end in the second.
    const bool begun = part.count > 0 || (number == 1 && stage.parts[0].count > 0);
    if (over_cap(staging_ + one.amount) || (record.continues && !begun)) {
      stage.shed += one.amount;
      return {};
    }
    set_before(one.bytes, part.skipped + part.amount);
    Batch batch;
    batch.put(Family::lines, key_of(part_prefix(stage.id, number), part.first + part.count), one.bytes);
    TRY(write(batch));
    ++part.count;
    part.amount += one.amount;
    staging_ += one.amount;
    return {};
  });
}

// Nothing is written here: a stage may be dropped while a write that failed is being undone.
void Buffer::end(const Stage& stage) {
  std::lock_guard writing(write_mutex_);
  if (stage.committed) return;
  staging_ -= stage.amount();
  if (std::ranges::any_of(stage.parts, [](const Part& part) { return part.first + part.count > 0; }))
    abandoned_.push_back(stage.id);
}

Result<void> Buffer::commit(Batch state, std::unique_ptr<StagedLines> staged) {
  auto& stage = static_cast<Stage&>(*staged);  // made by stage()
  return telling([&]() -> Result<void> {
    const auto amount = stage.amount();
    if (sinks_.empty() || amount == LogAmount{}) {
      TRY(write(state));
    } else {
      const Run run{stage.id, tail_.before, stage.parts};
      state.put(Family::lines, key_of(kRunPrefix, tail_.sequence), encode(run));
      TRY(publish(state, {tail_.sequence + run.count(), tail_.before + amount}, run));
      staging_ -= amount;
      stage.committed = true;
    }
    lose_unqueued(stage.shed);
    return {};
  });
}

// ---- telling

// Does something that may shed, and afterwards, with no lock held, says what was shed: the status line comes back here
// as a commit.
Result<void> Buffer::telling(const std::function<Result<void>()>& work) {
  std::string notice;
  Result<void> result;
  {
    std::lock_guard writing(write_mutex_);
    result = work();
    notice = shed_notice();
  }
  if (!notice.empty()) status_.warning(notice);
  return result;
}

// At once, then at most once a minute with the sum since.
std::string Buffer::shed_notice() {
  const auto now = steady_clock::now();
  if (untold_.empty() || (told_ && now - *told_ < kShedTold)) return {};
  told_ = now;
  std::string notice = "The log buffer is full; lines that were dropped before they could be sent:";
  for (const auto& [name, lines] : untold_) notice += fmt::format(" {} {}", name, lines);
  untold_.clear();
  return notice;
}

// ---- taking

Result<std::vector<LogDelivery>> Buffer::take(const std::string& sink, std::size_t most_bytes,
                                              std::chrono::milliseconds timeout) {
  for (;;) {
    Place from;
    Place tail;
    std::vector<Segment> all;
    {
      std::unique_lock lock(mutex_);
      const auto waiting = [&] {
        const auto found = sinks_.find(sink);
        return !stopped_ && found != sinks_.end() && found->second.at.sequence == tail_.sequence;
      };
      changed_.wait_for(lock, timeout, [&] { return !waiting(); });
      const auto found = sinks_.find(sink);
      if (found == sinks_.end()) return failure(sink, "it is not among the sinks of the log buffer");
      from = found->second.at;
      tail = tail_;
      all = segments(runs_, from.sequence, tail.sequence);
    }
    auto deliveries = TRY(read(all, from, most_bytes, sink));
    if (!deliveries.empty() || from.sequence == tail.sequence) return deliveries;
    TRY(skip_damage(sink, from, tail));
  }
}

// Records from `from` on, up to the first that is missing or cannot be read.
Result<std::vector<LogDelivery>> Buffer::read(const std::vector<Segment>& all, const Place& from,
                                              std::size_t most_bytes, const std::string& sink) {
  std::vector<LogDelivery> deliveries;
  std::vector<Place> places;
  std::size_t bytes = 0;
  auto next = from;
  TRY(walk(store_, all, [&](const Place& place, const RecordHeader& header, std::string_view stored) {
    if (place.sequence != next.sequence || (bytes > 0 && bytes + header.text_size > most_bytes)) return false;
    auto record = decode_record(stored);
    if (!record) return false;
    bytes += record->text.size();
    next = {place.sequence + 1, place.before + LogAmount{header.lines, stored.size()}};
    places.push_back(next);
    deliveries.push_back({{next.sequence}, *std::move(record)});
    return bytes < most_bytes;
  }));
  std::lock_guard lock(mutex_);
  const auto found = sinks_.find(sink);
  if (found != sinks_.end()) found->second.taken = std::move(places);
  return deliveries;
}

// The sink stands where there is no record that can be read: it goes on at the next one that begins a line.
Result<void> Buffer::skip_damage(const std::string& sink, const Place& from, const Place& tail) {
  std::lock_guard writing(write_mutex_);
  auto next = tail;
  TRY(walk(store_, segments(runs_, from.sequence, tail.sequence),
           [&](const Place& place, const RecordHeader& header, std::string_view stored) {
             if (place.sequence == from.sequence || header.continues || !decode_record(stored)) return true;
             next = place;
             return false;
           }));
  std::lock_guard lock(mutex_);
  const auto found = sinks_.find(sink);
  // Others may have moved it on meanwhile.
  if (found != sinks_.end() && found->second.at.sequence == from.sequence) lose(sink, found->second, next, "damaged");
  return {};
}

Result<void> Buffer::acknowledge(const std::string& sink, LogPosition position, const std::string& mark) {
  std::lock_guard writing(write_mutex_);
  const auto found = sinks_.find(sink);
  if (found == sinks_.end()) return failure(sink, "it is not among the sinks of the log buffer");
  auto& state = found->second;
  const auto taken = std::ranges::find(state.taken, position.sequence, &Place::sequence);
  // Of what it had in hand some may have been shed meanwhile.
  const bool on = taken != state.taken.end() && taken->sequence > state.at.sequence;
  const auto at = on ? *taken : state.at;
  if (at.sequence == state.at.sequence && mark == state.mark) return {};

  auto first = at.sequence;
  for (const auto& [name, other] : sinks_)
    if (name != sink) first = std::min(first, other.at.sequence);
  Batch erased;
  erase_between(erased, front().sequence, first);
  auto batch = erased;
  settle(batch);
  batch.put(Family::lines, std::string(kCursorPrefix) + sink, encode(at) + mark);
  const auto written = store_.write(batch);
  if (written) {
    settled();
  } else {
    // No room, not even for the cursor: what frees some goes alone, the cursor with the next batch that fits. A death
    // before that counts these lines as lost.
    if (written.error().code != ENOSPC) return written;
    TRY(store_.write(erased));
  }
  std::lock_guard lock(mutex_);
  state.at = at;
  state.mark = mark;
  state.unsaved = !written;
  std::erase_if(state.taken, [&](const Place& place) { return place.sequence <= at.sequence; });
  forget_runs_before(first);
  return {};
}

}  // namespace

Result<std::unique_ptr<LogBuffer>> open_log_buffer(store::Store& store, Losses& losses, StatusLog& status,
                                                   const LogBufferOptions& options) {
  auto buffer = std::make_unique<Buffer>(store, losses, status, options);
  TRY(buffer->open());
  return buffer;
}

void queue_status_lines(StatusLog& status, LogBuffer& buffer) {
  status.set_receiver([&](const protocol::StatusLine& line) {
    LineRecord record{.kind = LineKind::status, .query = {}, .text = protocol::encode(line), .lines = 1};
    const auto queued = buffer.commit({}, {std::move(record)});
    // Comes back to standard error alone.
    if (!queued) status.error("A status line could not be queued for the loggers: " + queued.error().text());
  });
}

}  // namespace osprey::agent
