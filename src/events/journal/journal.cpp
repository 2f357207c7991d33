#include "events/journal/journal.h"

#include <algorithm>
#include <utility>

namespace osprey::events {
namespace {

// In seconds. Events of several processors come a little out of order; what is later than may be was told by a clock
// that was set back since.
constexpr std::int64_t kOutOfOrder = 2;
constexpr std::int64_t kLatest = 600;
constexpr std::size_t kStep = 64;  // rows: what is farther than that is gone to anew, which costs as much

constexpr std::size_t kKey = 4 + 8 + 8;
constexpr std::size_t kLateKey = kKey + 4;

bool has_late_rows(std::uint32_t epoch) { return epoch % 2 != 0; }

template <class T>
void put(std::string& bytes, T number) {
  for (int shift = (sizeof number - 1) * 8; shift >= 0; shift -= 8)
    bytes += static_cast<char>(static_cast<unsigned char>(number >> shift));
}
template <class T>
T take(std::string_view& bytes) {
  T number = 0;
  for (std::size_t i = 0; i < sizeof number; ++i)
    number = static_cast<T>(number << 8 | static_cast<unsigned char>(bytes[i]));
  bytes.remove_prefix(sizeof number);
  return number;
}

// Signed numbers sort as unsigned ones with the sign turned.
constexpr std::uint64_t kSign = std::uint64_t{1} << 63;

}  // namespace

std::string Place::key() const {
  std::string bytes;
  bytes.reserve(kKey);
  put(bytes, epoch);
  put(bytes, static_cast<std::uint64_t>(time) ^ kSign);
  put(bytes, eid);
  return bytes;
}

std::optional<Place> Place::parse(std::string_view key) noexcept {
  if (key.size() != kKey && key.size() != kLateKey) return std::nullopt;
  Place place;
  place.epoch = take<std::uint32_t>(key);
  place.time = static_cast<std::int64_t>(take<std::uint64_t>(key) ^ kSign);
  place.eid = take<std::uint64_t>(key);
  return place;
}

JournalCursor::JournalCursor(const store::FifoStore& store, std::size_t family, TimeRange times, Place after,
                             Place last)
    : store_(store), family_(family), times_(times), after_(after), last_(last) {
  if (after_ >= last_ || times_.low > times_.high) return;
  const auto first = store_.first_key(family_);
  const auto place = first ? Place::parse(*first) : std::nullopt;
  if (!place) return;
  enter(std::max(place->epoch, after_.epoch));
  settle();
}

// To where the first row of this epoch, or of a later one, can be.
void JournalCursor::enter(std::uint32_t epoch) {
  if (epoch > last_.epoch) return walk_.reset();
  auto first = Place{epoch, times_.low, 0};
  if (after_.epoch == epoch) first = std::max(first, Place{epoch, after_.time, after_.eid + 1});
  walk_ = store_.cursor(family_, first.key(), Place{last_.epoch, last_.time, last_.eid + 1}.key());
}

// At the row where the walk is, or the next one that is of the time asked for.
void JournalCursor::settle() {
  for (std::size_t outside = 0; walk_ && walk_->valid();) {
    auto key = walk_->key();
    const auto place = Place::parse(key);
    if (!place) {
      status_ = failure("event journal", "a key of another shape");
      return walk_.reset();
    }
    key.remove_prefix(kKey);
    place_ = *place;
    time_ = place_.time - (key.empty() ? 0 : take<std::uint32_t>(key));
    if (time_ >= times_.low && time_ <= times_.high) return;
    const auto latest = has_late_rows(place_.epoch) ? kLatest : 0;
    const bool is_behind = times_.high <= INT64_MAX - latest && place_.time > times_.high + latest;
    if (is_behind && place_.epoch == last_.epoch) return walk_.reset();
    if ((is_behind || place_.time < times_.low) && ++outside > kStep) {
      enter(place_.epoch + (is_behind ? 1 : 0));
      outside = 0;
    } else {
      walk_->next();
    }
  }
  if (walk_) status_ = walk_->status();
}

void JournalCursor::next() {
  walk_->next();
  settle();
}

Journal::Journal(store::FifoStore& store, std::vector<std::string> families)
    : store_(store), families_(std::move(families)), last_(families_.size()), latest_late_(families_.size()) {
  for (std::size_t family = 0; family < last_.size(); ++family)
    if (const auto key = store_.last_key(family)) last_[family] = Place::parse(*key).value_or(Place{});
}

std::optional<std::size_t> Journal::family(std::string_view name) const noexcept {
  const auto found = std::ranges::find(families_, name);
  if (found == families_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - families_.begin());
}

Result<void> Journal::append(std::span<const Row> rows) {
  std::vector<std::string> keys;
  std::vector<store::FifoRow> appended;
  keys.reserve(rows.size());  // views into them stay
  appended.reserve(rows.size());
  auto last = [&] {
    const std::lock_guard lock(mutex_);
    return last_;
  }();
  for (const auto& row : rows) {
    auto& place = last[row.family];
    const auto late = place.eid == 0 ? 0 : place.time - row.time;
    if (late > kLatest) {
      place.epoch += has_late_rows(place.epoch) ? 1 : 2;
      place.time = row.time;
    } else if (late > kOutOfOrder) {
      if (!has_late_rows(place.epoch)) ++place.epoch;
      latest_late_[row.family] = place.time;
    } else {
      place.time = place.eid == 0 ? row.time : std::max(place.time, row.time);
      if (has_late_rows(place.epoch) && place.time > latest_late_[row.family] + kLatest) ++place.epoch;
    }
    ++place.eid;
    auto& key = keys.emplace_back(place.key());
    if (late > kOutOfOrder && late <= kLatest) put(key, static_cast<std::uint32_t>(late));
    appended.push_back({row.family, keys.back(), row.record});
  }
  TRY(store_.write(appended));
  const std::lock_guard lock(mutex_);
  last_ = std::move(last);
  return {};
}

JournalCursor Journal::read(std::size_t family, TimeRange times, const Place& after) const {
  return {store_, family, times, after, last(family)};
}

JournalCursor Journal::read(std::size_t family, TimeRange times, const Place& after, const Place& last) const {
  return {store_, family, times, after, last};
}

Place Journal::last(std::size_t family) const {
  const std::lock_guard lock(mutex_);
  return last_[family];
}

// Rows of an earlier epoch may have a time that is yet to come: they are older than the first that came after it.
Result<void> Journal::drop_before(std::size_t family, std::int64_t time) {
  return store_.drop_while(family, [&](std::string_view last_key) {
    const auto place = Place::parse(last_key);
    if (!place) return false;
    if (place->time < time) return true;
    if (place->epoch >= last(family).epoch) return false;
    const auto next = store_.cursor(family, Place{place->epoch + 1, INT64_MIN, 0}.key(), {});
    const auto after = next->valid() ? Place::parse(next->key()) : std::nullopt;
    return after && after->time < time;
  });
}

JournalCounts Journal::counts(std::size_t family) const {
  JournalCounts counts;
  counts.appended = last(family).eid;
  const auto first = store_.first_key(family);
  if (const auto place = first ? Place::parse(*first) : std::nullopt)
    counts.kept = counts.appended - std::min(place->eid - 1, counts.appended);
  counts.dropped = counts.appended - counts.kept;
  counts.file_bytes = store_.file_bytes(family);
  return counts;
}

}  // namespace osprey::events
