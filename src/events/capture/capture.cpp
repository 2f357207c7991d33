#include "events/capture/capture.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/clock_reading.h"
#include "events/journal/held_events.h"

namespace osprey::events {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostEvents = 4096;    // of one source, before others have their turn
constexpr std::size_t kMostBytes = 1 << 20;  // of a batch
constexpr auto kGap = 10ms;                  // between two rounds, so that a trickle does not cost a round an event
constexpr auto kChores = 1s;
constexpr int kMostQuiet = 4;  // rounds that a quiet one may be as long as
constexpr int kLastRounds = 64;
constexpr auto kLastHashes = 2s;
constexpr int kTreeTurns = 16;  // of who tells of processes, before what the others told is taken

Header& header_of(AnyEvent event) {
  return std::visit([](auto* one) -> Header& { return one->header; }, event);
}

std::array<std::size_t, kKinds> families_of(const Journal& journal) {
  std::array<std::size_t, kKinds> families{};
  for (std::size_t kind = 0; kind < kKinds; ++kind) families[kind] = journal.family(kFamilies[kind]).value();
  return families;
}

std::int64_t clock_seconds(clockid_t clock) { return clock_nanoseconds(clock) / 1'000'000'000; }

// When rows were written last; of an empty journal now.
std::int64_t last_time(const Journal& journal, const std::array<std::size_t, kKinds>& families) {
  std::optional<std::int64_t> latest;
  for (const auto family : families)
    if (const auto last = journal.last(family); last.eid != 0) latest = std::max(latest.value_or(last.time), last.time);
  return latest.value_or(clock_seconds(CLOCK_REALTIME));
}

const Kinds kProcesses = [] {
  Kinds kinds;
  kinds.set(kKind<ProcessEvent>);
  kinds.set(kKind<ExitEvent>);
  return kinds;
}();

const Kinds kTellLogins = [] {
  Kinds kinds;
  kinds.set(kKind<SyslogEvent>);
  kinds.set(kKind<UserEvent>);
  return kinds;
}();

}  // namespace

// What the sources give, for the journal.
class Capture::Intake final : public EventSink {
 public:
  explicit Intake(Capture& capture) : capture_(capture), batch_(families_of(capture.parts_.journal)) {}

  // What `place` tells from here on is held until release(): who did it is known once the process tree has been told of
  // all that came before.
  void begin(Place& place, bool hold) {
    place_ = &place;
    hold_ = hold;
  }
  void set_clock() {
    boot_ = wall_nanoseconds_at_boot();
    now_ = boot_nanoseconds();
  }

  void take(AnyEvent event) override {
    auto& header = header_of(event);
    if (header.origin == Origin::unset) header.origin = place_->source->origin();
    // What is yet to come is by a wall clock that was set back since.
    if (header.moment == 0) header.moment = UINT64_MAX;
    if (header.moment > now_) header.moment = std::min(header.moment, boot_nanoseconds());
    if (auto* const* container = std::get_if<ContainerEvent*>(&event)) capture_.enricher_.learn(**container);
    auto login = capture_.wanted_.kinds.test(kKind<AuthenticationEvent>) ? capture_.logins_.login(event) : std::nullopt;
    // What nobody wants but for the log-in that it tells of is that log-in.
    if (login && !is_asked(event)) return count_and_pass(&*login);
    count_and_pass(event);
    if (login && keeps_made(&*login)) pass(&*login, true);
  }
  void release() {
    std::size_t at = 0;
    held_.release([&](AnyEvent event) {
      place_ = held_by_[at++];
      finish(event, true);
    });
    held_by_.clear();
  }

  // It is complete.
  void journal(AnyEvent event) {
    const auto& header = header_of(event);
    batch_.add(event, (boot_ + static_cast<std::int64_t>(header.moment)) / 1'000'000'000);
    if (batch_.bytes() >= kMostBytes) capture_.commit(batch_);
  }
  void forked(const ProcessKey& parent, const ProcessKey& child) override {
    ++place_->discarded;
    capture_.enricher_.forked(parent, child);
  }
  void exited(const ProcessKey& process) override {
    ++place_->discarded;
    capture_.enricher_.exited(process);
  }

  Batch& batch() { return batch_; }

 private:
  void count_and_pass(AnyEvent event) {
    const bool wanted = is_wanted(event);
    if (!is_asked(event))
      ++place_->discarded;
    else if (!wanted)
      ++place_->shed[event.index()];
    pass(event, wanted);
  }
  void pass(AnyEvent event, bool wanted) {
    if (hold_ && wanted) {
      held_.add(event);
      held_by_.push_back(place_);
    } else {
      finish(event, wanted);
    }
  }
  void finish(AnyEvent event, bool wanted) {
    // Of these no source tells: from what the process was before the tree is told of its exec.
    const bool asks = capture_.wanted_.kinds.test(kKind<PrivilegeEvent>);
    auto rights = asks ? capture_.enricher_.unexplained(event) : std::nullopt;
    if (wanted || may_be_about_containers(event))
      complete(event);
    else
      capture_.enricher_.feed(event);
    if (rights && keeps_made(&*rights)) complete(&*rights);
  }
  // Of what is made of a source's events: counts as told by it, too.
  bool keeps_made(AnyEvent event) {
    ++place_->made;
    const bool wanted = is_wanted(event);
    if (!wanted) ++place_->shed[event.index()];
    return wanted;
  }
  bool is_asked(AnyEvent event) const { return capture_.wanted_.kinds.test(event.index()); }
  bool is_wanted(AnyEvent event) const { return is_asked(event) && !capture_.pressure_.drops(event); }
  bool may_be_about_containers(AnyEvent event) const {
    return capture_.wanted_.kinds.test(kKind<ContainerEvent>) && kProcesses.test(event.index());
  }

  void complete(AnyEvent event) {
    capture_.enricher_.complete(event);
    if (may_be_about_containers(event))
      if (auto container = capture_.enricher_.container_event(event); container && keeps_made(&*container))
        journal(&*container);
    if (!is_wanted(event)) return;
    if (auto* const* login = std::get_if<AuthenticationEvent*>(&event))
      if (!capture_.logins_.take(**login)) return;
    if (const auto& filters = capture_.wanted_.filters; filters && !filters->keeps(event)) {
      ++place_->discarded;
      return;
    }
    if (auto* const* file = std::get_if<FileEvent*>(&event)) capture_.parts_.saw_file(**file);
    for (auto& hasher : capture_.hashers_)
      if (hasher.take(event)) return;
    journal(event);
  }

  Capture& capture_;
  Batch batch_;
  HeldEvents held_;
  std::vector<Place*> held_by_;  // who told of each
  Place* place_ = nullptr;
  bool hold_ = false;
  std::int64_t boot_ = 0;  // Unix nanoseconds
  std::uint64_t now_ = 0;  // since boot, when they were asked for
};

Capture::Capture(CaptureParts parts)
    : parts_(std::move(parts)),
      enricher_(parts_.root, processes_, parts_.enrichment),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      gauge_(parts_.root),
      ages_(last_time(parts_.journal, families_of(parts_.journal)), clock_seconds(CLOCK_REALTIME),
            clock_seconds(CLOCK_MONOTONIC)) {
  for (auto& source : parts_.sources) {
    auto& place = places_.emplace_back();
    place.tells_log = source->offers().test(kKind<SyslogEvent>);
    place.tells_records = source->offers().test(kKind<UserEvent>);
    place.source = std::move(source);
  }
  intake_ = std::make_unique<Intake>(*this);
  for (const auto& options : parts_.hashing) hashers_.emplace_back(options);
  publish();
  thread_ = std::thread([this] { run(); });
}

Capture::~Capture() { stop(); }

void Capture::demand(Demand demand) {
  {
    const std::lock_guard lock(mutex_);
    demanded_ = std::move(demand);
  }
  ::eventfd_write(wake_.get(), 1);
}

void Capture::expire_after(const std::array<std::uint64_t, kKinds>& seconds) {
  const std::lock_guard lock(mutex_);
  expiry_ = seconds;
}

void Capture::limit(PressureOptions options) {
  const std::lock_guard lock(mutex_);
  limited_ = std::move(options);
}

void Capture::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  ::eventfd_write(wake_.get(), 1);
  if (thread_.joinable()) thread_.join();
}

// A round that begins after this was called has seen all.
void Capture::flush() {
  std::unique_lock lock(mutex_);
  const auto wanted = rounds_ + 2;
  asked_rounds_ = std::max(asked_rounds_, wanted);
  ::eventfd_write(wake_.get(), 1);
  flushed_.wait(lock, [&] { return rounds_ >= wanted || stopping_; });
}

void Capture::run_there(const std::function<void()>& job) {
  std::unique_lock lock(mutex_);
  if (ended_) return;
  Errand errand{job};
  errands_.push_back(&errand);
  ::eventfd_write(wake_.get(), 1);
  flushed_.wait(lock, [&] { return errand.over; });
}

void Capture::run_errands() {
  std::vector<Errand*> errands;
  {
    const std::lock_guard lock(mutex_);
    errands.swap(errands_);
  }
  for (const auto* errand : errands) errand->job();
  if (errands.empty()) return;
  const std::lock_guard lock(mutex_);
  for (auto* errand : errands) errand->over = true;
  flushed_.notify_all();
}

std::vector<SourceReport> Capture::sources() const {
  auto reports = [this] {
    const std::lock_guard lock(mutex_);
    return reports_;
  }();
  for (std::size_t i = 0; i < reports.size(); ++i) {
    auto& counts = reports[i].counts;
    counts = counts_of(places_[i]);
    reports[i].filters = places_[i].source->pushed();
  }
  return reports;
}

SourceCounts Capture::counts_of(const Place& place) const {
  // In this order: what is taken away here has been counted as kept before.
  const auto discarded = place.discarded.load() + (place.tells_records ? logins_.told_twice() : 0);
  std::array<std::uint64_t, kKinds> shed{};
  for (std::size_t kind = 0; kind < kKinds; ++kind) shed[kind] = place.shed[kind];
  const auto made = place.made.load();
  auto counts = place.source->counts();
  counts.kept += made;
  if (counts.seen) *counts.seen += made;
  counts.kept -= std::min(discarded, counts.kept);
  if (discarded > 0) counts.filtered = counts.filtered.value_or(0) + discarded;
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    if (shed[kind] == 0) continue;
    counts.kept -= std::min(shed[kind], counts.kept);
    const bool exact = (unasked_ >> kind & 1) == 0;
    counts.dropped.push_back({std::string(kFamilies[kind]), "shed", shed[kind], exact});
  }
  for (const auto& hasher : hashers_)
    for (const auto& [why, count] : hasher.without(place.source->origin()))
      counts.partial.push_back({"digests", std::string(why), count, true});
  if (place.tells_log) counts.partial.push_back({"log-ins", "not understood", logins_.not_understood(), true});
  return counts;
}

std::shared_ptr<const Filters> Capture::filters() const {
  const std::lock_guard lock(mutex_);
  return filters_;
}

std::array<std::uint64_t, kKinds> Capture::journaled() const {
  const std::lock_guard lock(mutex_);
  return journaled_;
}

void Capture::run() {
  ::prctl(PR_SET_NAME, "events");
  parts_.begin();
  next_chores_ = Clock::now();
  // Where nothing happens it is looked for less often: sources wake us before what they hold is too much.
  int quiet = 1;
  for (bool more = false, asked = false;;) {
    if (!more && !asked) wait(quiet * parts_.round);
    std::optional<Demand> demanded;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) break;
      demanded = std::exchange(demanded_, std::nullopt);
    }
    const auto now = Clock::now();
    if (demanded) wanted_ = std::move(*demanded);
    const auto is_due = [&](const Place& place) { return place.retry && *place.retry <= now; };
    const bool halt = parts_.halt();
    const bool turned = std::exchange(halted_, halt) != halt;
    if (demanded || turned || reassign_ || std::ranges::any_of(places_, is_due)) assign();
    if (turned && halt) {
      parts_.warn("events are turned off: nothing is captured");
      parts_.halted();
    }
    run_errands();
    more = drain();
    quiet = more || intake_->batch().rows() > 0 ? 1 : std::min(2 * quiet, kMostQuiet);
    commit_round();
    if (now >= next_chores_) {
      next_chores_ = now + kChores;
      feel_pressure();
      tell_losses();
      drop_old();
    }
    const std::lock_guard lock(mutex_);
    asked = ++rounds_ < asked_rounds_;
    flushed_.notify_all();
  }
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    for (auto* errand : errands_) errand->over = true;
    errands_.clear();
    flushed_.notify_all();
  }
  // What is there already is kept; what goes on happening would have no end.
  for (int i = 0; i < kLastRounds && drain(); ++i) commit(intake_->batch());
  const auto last = Clock::now() + kLastHashes;
  for (auto& hasher : hashers_) hasher.finish(last);
  take_hashed();
  take_logins(UINT64_MAX);
  commit_round();
  for (auto& place : places_)
    if (place.open) place.source->close();
  tell_losses();
  flushed_.notify_all();
}

// Until somebody wakes us, a source asks to be read before its turn, or a round is over.
void Capture::wait(std::chrono::milliseconds time) {
  std::vector<pollfd> ready{{wake_.get(), POLLIN, 0}};
  for (const auto& place : places_)
    if (place.open && place.source->descriptor() >= 0) ready.push_back({place.source->descriptor(), POLLIN, 0});
  for (const auto& hasher : hashers_) ready.push_back({hasher.descriptor(), POLLIN, 0});
  ::poll(ready.data(), ready.size(), static_cast<int>(time.count()));
  if (ready[0].revents == 0 && ready.size() > 1) ::poll(ready.data(), 1, static_cast<int>(kGap / 1ms));
  eventfd_t count = 0;
  ::eventfd_read(wake_.get(), &count);
}

void Capture::assign() {
  reassign_ = false;
  tree_ = nullptr;
  if (halted_) {
    for (auto& place : places_) close(place, "events are turned off");
    return publish();
  }
  const auto now = Clock::now();
  const auto wanted = pressure_.relieved(wanted_);
  Kinds left = wanted.kinds;
  // Of what runs in containers the process tree tells, beside the source of those that are made and removed; of log-ins
  // the system's log.
  const bool wants_tree = left.test(kKind<ContainerEvent>);
  const bool wants_logins = left.test(kKind<AuthenticationEvent>);
  const bool accesses = has_accesses(wanted.watched);
  left.reset(kKind<AuthenticationEvent>);
  bool reads_log = false, told_of_logins = false;
  for (auto& place : places_) {
    if (place.retry && *place.retry > now) continue;
    Kinds mine = left & place.source->offers();
    if (wants_logins && !reads_log) mine[kKind<SyslogEvent>] = place.source->offers()[kKind<SyslogEvent>];
    // Who did something is told by the process tree, which lives on starts and ends: of a source that is open anyhow,
    // or where files are watched of BPF, which tells them for next to nothing.
    const bool cheap = wanted.kinds.test(kKind<FileEvent>) && place.source->origin() == Origin::bpf;
    const Kinds added = accesses ? wanted.kinds & place.source->adds() : Kinds();
    Kinds for_tree;
    if (!tree_ && (mine.any() || added.any() || cheap || wants_tree)) for_tree = kProcesses & place.source->offers();
    if (mine.any() || added.any() || for_tree.any()) {
      Demand demand = wanted;
      demand.kinds = mine | added | for_tree;
      // Of audit, that is open anyhow, what programs told it of log-ins; its seat is not taken for that.
      if (wants_logins) demand.kinds[kKind<UserEvent>] = place.source->offers()[kKind<UserEvent>];
      if (!try_open(place, demand)) continue;
      reads_log |= demand.kinds[kKind<SyslogEvent>];
      told_of_logins |= (demand.kinds & kTellLogins).any();
      left &= ~mine;
      if (for_tree.any()) tree_ = &place;
    } else {
      close(place, "nothing asks for what it tells of");
    }
  }
  if (wants_tree) left.set(kKind<ContainerEvent>, !tree_);
  if (wants_logins && !told_of_logins) left.set(kKind<AuthenticationEvent>);
  const auto is_open = [](const Place& place) { return place.open.has_value(); };
  // Now, so that no process is missed between this and the first event.
  if (std::ranges::any_of(places_, is_open) && !std::exchange(seeded_, true))
    if (const auto seeded = enricher_.seed(); !seeded) parts_.warn(fmt::format("events: {}", seeded.error().text()));
  publish();
  if (left == std::exchange(unserved_, left) || left.none()) return;
  std::string names;
  for (std::size_t kind = 0; kind < kKinds; ++kind)
    if (left.test(kind)) names += fmt::format("{}{}", names.empty() ? "" : ", ", kFamilies[kind]);
  parts_.warn(fmt::format("events: no source here tells of {}", names));
}

bool Capture::try_open(Place& place, const Demand& demand) {
  if (place.open == demand) return true;
  const bool anew = !place.open;
  if (const auto opened = place.source->open(demand); !opened) {
    fail(place, opened.error());
    return false;
  }
  if (anew) ++place.openings;
  place.open = demand;
  place.retry.reset();
  place.reason = "the best that works";
  if (anew) parts_.tell(fmt::format("events: {} tells what happens", name_of(place.source->origin())));
  return true;
}

void Capture::fail(Place& place, const Error& error) {
  const bool known = std::exchange(place.reason, error.text()) == place.reason;
  place.retry = Clock::now() + parts_.retry;
  if (place.open) {
    place.source->close();
    place.open.reset();
  }
  if (!known) parts_.warn(fmt::format("events: {} does not work: {}", name_of(place.source->origin()), place.reason));
}

// What it has seen already is kept.
void Capture::close(Place& place, const std::string& why) {
  place.reason = why;
  place.retry.reset();
  if (!place.open) return;
  intake_->set_clock();
  intake_->begin(place, false);
  for (int i = 0; i < kLastRounds; ++i)
    if (!place.source->next(*intake_, kMostEvents).value_or(false)) break;
  place.source->close();
  place.open.reset();
}

void Capture::take_hashed() {
  for (auto& hasher : hashers_) hasher.finished(Clock::now(), [this](AnyEvent event) { intake_->journal(event); });
}

void Capture::take_logins(std::uint64_t now) {
  logins_.ripe(now, [this](AuthenticationEvent& event) { intake_->journal(&event); });
}

bool Capture::drain() {
  intake_->set_clock();
  take_hashed();
  take_logins(boot_nanoseconds());
  bool more = false;
  for (auto& place : places_)
    if (place.open && &place != tree_) more |= drain(place, tree_ != nullptr);
  if (tree_) {
    bool behind = true;
    for (int i = 0; i < kTreeTurns && behind; ++i) behind = drain(*tree_, false);
    more |= behind;
  }
  intake_->release();
  return more;
}

bool Capture::drain(Place& place, bool hold) {
  intake_->begin(place, hold);
  const auto rest = place.source->next(*intake_, kMostEvents);
  if (rest) return *rest;
  fail(place, rest.error());
  if (&place == tree_) tree_ = nullptr;
  reassign_ = true;
  return false;
}

void Capture::commit(Batch& batch) {
  if (batch.rows() == 0) return;
  const auto counts = batch.counts();
  if (const auto done = batch.append_to(parts_.journal); !done) {
    // What cannot be kept is counted: waiting would only lose it in the kernel instead, and hold up what comes.
    const auto* const reason = done.error().code == ENOSPC ? "filesystem full" : "cannot be written";
    parts_.lost("journal", {"append", reason, batch.rows(), true});
    if (!std::exchange(journal_failed_, true)) parts_.warn(fmt::format("events are lost: {}", done.error().text()));
    return batch.clear();
  }
  journal_failed_ = false;
  const std::lock_guard lock(mutex_);
  for (std::size_t kind = 0; kind < kKinds; ++kind) journaled_[kind] += counts[kind];
}

void Capture::commit_round() {
  commit(intake_->batch());
  parts_.committed();
}

void Capture::feel_pressure() {
  const auto limited = [this] {
    const std::lock_guard lock(mutex_);
    return std::exchange(limited_, std::nullopt);
  }();
  const auto before = pressure_.shed();
  if (limited) pressure_.set(*limited);
  const auto now = Clock::now();
  if (!pressure_.read(now, gauge_.read(now)) && pressure_.shed() == before) return;
  reassign_ = true;
  for (std::size_t kind = 0; kind < kKinds; ++kind)
    if (!pressure_.is_counted(kind)) unasked_ |= std::uint64_t{1} << kind;
  const auto shed = pressure_.shed();
  if (shed.empty())
    parts_.tell("events: all that is asked for is captured again");
  else
    parts_.warn(fmt::format("events: {} given up: {}", shed, pressure_.why()));
}

void Capture::tell_losses() {
  for (auto& place : places_) {
    for (auto drop : counts_of(place).dropped) {
      auto& told = place.told[{drop.stage, drop.reason}];
      const auto count = drop.count;
      if (count <= told) continue;
      drop.count -= std::exchange(told, count);
      parts_.lost(name_of(place.source->origin()), drop);
    }
  }
}

void Capture::drop_old() {
  const auto expiry = [this] {
    const std::lock_guard lock(mutex_);
    return expiry_;
  }();
  ages_.now(clock_seconds(CLOCK_REALTIME), clock_seconds(CLOCK_MONOTONIC));
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    if (expiry[kind] == 0) continue;
    const auto family = parts_.journal.family(kFamilies[kind]).value();
    // What cannot go now goes the next time.
    static_cast<void>(parts_.journal.drop_before(family, ages_.before(static_cast<std::int64_t>(expiry[kind]))));
  }
}

void Capture::publish() {
  std::vector<SourceReport> reports;
  for (const auto& place : places_) {
    SourceReport report{.origin = place.source->origin(),
                        .kinds = {},
                        .reason = place.reason,
                        .openings = place.openings,
                        .counts = {},
                        .filters = {}};
    if (place.open) {
      report.kinds = place.open->kinds & wanted_.kinds;
      if ((place.open->kinds & kTellLogins).any() && wanted_.kinds.test(kKind<AuthenticationEvent>))
        report.kinds.set(kKind<AuthenticationEvent>);
    }
    if (const auto shed = pressure_.shed(); place.open && !shed.empty())
      report.reason += fmt::format("; given up under pressure: {}", shed);
    reports.push_back(std::move(report));
  }
  const std::lock_guard lock(mutex_);
  reports_ = std::move(reports);
  filters_ = wanted_.filters;
}

}  // namespace osprey::events
