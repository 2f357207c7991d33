#include "fleet/worker.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cmath>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "fleet/clock.h"
#include "fleet/messages.h"
#include "fleet/persona.h"

namespace osprey::fleet {
namespace {

namespace json = boost::json;

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::array kRegular = {Kind::config, Kind::read, Kind::log};
constexpr unsigned kWriteTries = 3;            // distributed_tls_max_attempts
constexpr std::int64_t kEnrollDelayCap = 600;  // seconds: tls_enroll_max_interval
constexpr double kAcceleratedInterval = 5;
constexpr std::int64_t kSweep = kSecond / 4;          // between two looks at deadlines
constexpr std::int64_t kLastAnswers = 5 * kSecond;    // waited for at the end
constexpr std::int64_t kAfterFailure = kSecond / 10;  // before the next request of a host that asks without pause
constexpr std::int64_t kShortestHold = kSecond;       // a server that holds less is asked again after that

// Turns come on whole ticks, so that one waking serves several.
constexpr std::int64_t kTick = 2'000;

std::int64_t on_tick(std::int64_t moment) { return (moment + kTick - 1) / kTick * kTick; }

std::int64_t microseconds(double seconds) { return static_cast<std::int64_t>(seconds * 1e6); }

std::uint64_t hash_of(std::string_view text) {
  const std::uint64_t hash = std::hash<std::string_view>{}(text);
  return hash ? hash : 1;
}

std::string_view text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

// A request that waits for its link or is under way.
struct Request {
  Kind kind = Kind::read;
  bool retried = false;
  bool regular = true;     // its host's next turn of the kind follows it
  std::uint32_t host = 0;  // index within the worker
  unsigned hold = 0;       // seconds
  std::int64_t due = 0, sent = 0;
};

// A link and the requests that it serves one after the other.
struct Slot {
  Link link;
  std::optional<Request> current;
  std::vector<Request> waiting;
};

struct Host {
  std::string etag;
  std::array<std::int64_t, kRegular.size()> due{};  // the next turn of each
  double lines_owed = 0;
  LineRange unacknowledged;  // sent, and to be sent again
  std::int64_t accelerated_until = 0;
  std::unique_ptr<Carve> carve;
  std::vector<std::string> unsent_answers;  // bodies of writes; the first is under way or failed
  std::uint8_t write_tries = 0;
  std::uint8_t enroll_tries = 0;
  bool enrolling = false;
};

struct Timer {
  std::int64_t due;
  std::uint32_t host;
  Kind kind;
  bool operator>(const Timer& other) const noexcept { return due > other.due; }
};

struct Verdict {
  std::optional<Failure> failure;
  std::string what;
  bool delivered = true;  // as an agent takes it (compat section 6.1)
};

class Worker : public LinkOwner {
 public:
  Worker(const Options& options, std::span<const Address> servers, const Shared& shared, unsigned index);
  Result<void> run();

  void opened(Link& link, std::int64_t took, bool resumed) override;
  void answered(Link& link, Reply reply) override;
  void failed(Link& link, Failure failure, std::string_view what, bool reusable_gone) override;

 private:
  Result<void> set_up();
  void follow_stage();
  void enroll_more();
  void connect_more();
  void begin_turns();

  void fire_timers(std::int64_t now);
  void turn(const Timer& timer);
  void next_turn(std::uint32_t host, Kind kind, bool well);
  void next_without_pause(std::uint32_t host, bool well);

  void submit(Kind kind, std::uint32_t host, std::int64_t due, unsigned hold = 0, bool regular = true);
  void start_ready();
  void start(Slot& slot);
  std::string_view target_of(const Request& request) const;
  std::string body_of(const Request& request);
  std::string take_lines(const Request& request);
  void expire_links(std::int64_t now);

  static Verdict judge(const Reply& reply, json::value& body);
  void done(const Request& request, bool well, bool delivered, const Reply& reply, const json::object& body);
  void done_enroll(std::uint32_t host, const json::object& body);
  void done_config(std::uint32_t host, const std::string& text, const json::object& body);
  void done_read(const Request& request, bool well, const json::object& body, double offered_hold);
  void done_write(std::uint32_t host, bool well);
  void done_log(const Request& request, bool delivered);
  void done_carve(std::uint32_t host, bool well, const json::object& body);
  void lose_key(std::uint32_t host);
  void count_failure(const Request& request, Failure failure, std::string_view what);

  std::uint32_t host_count() const noexcept { return static_cast<std::uint32_t>(hosts_.size()); }
  std::uint32_t number_of(std::uint32_t host) const noexcept { return host * options_.processes + index_; }
  HostRecord& record(std::uint32_t host) const noexcept { return shared_.hosts[number_of(host)]; }
  std::string_view key(std::uint32_t host) const noexcept { return record(host).node_key; }
  Persona persona(std::uint32_t host) const {
    return {options_.first_host + number_of(host), options_.config_interval, options_.distributed_interval};
  }
  Figures& figures(std::int64_t due) noexcept { return part_.at(running_ && due >= measure_from_); }
  Figures::OfKind& figures(const Request& request) noexcept {
    return figures(request.due).kinds[static_cast<std::size_t>(request.kind)];
  }
  double interval(Kind kind) const noexcept { return intervals_[static_cast<std::size_t>(kind)]; }
  std::int64_t& next_due(std::uint32_t host, Kind kind) {
    return hosts_[host].due[static_cast<std::size_t>(std::ranges::find(kRegular, kind) - kRegular.begin())];
  }
  double jittered(double seconds) { return seconds * (1 + options_.jitter * (2 * unit_(random_) - 1)); }
  std::uint64_t named(std::string_view text);

  const Options& options_;
  std::span<const Address> servers_;
  Shared shared_;
  WorkerPart& part_;
  Names& names_;
  const unsigned index_;

  std::unique_ptr<Transport> transport_;
  std::vector<Host> hosts_;
  std::unique_ptr<Slot[]> slots_;  // for short requests; after them one a host for held reads
  std::uint32_t short_slots_ = 0, slot_count_ = 0;
  std::vector<std::uint32_t> ready_;  // slots that may be able to begin their next request
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
  std::array<std::string, kKindNames.size()> targets_;
  std::string carve_block_target_;
  std::array<double, kKindNames.size()> intervals_{};
  UniqueFd acknowledged_;
  std::mt19937_64 random_;
  std::uniform_real_distribution<double> unit_{0, 1};
  double lines_a_turn_ = 0;
  std::uint64_t next_sequence_ = 0;

  std::uint32_t next_to_enroll_ = 0, enrolling_ = 0, without_key_ = 0;
  std::uint32_t next_to_connect_ = 0, connecting_ = 0;
  std::size_t under_way_ = 0;  // short requests, waiting and sent
  std::int64_t measure_from_ = 0, end_ = 0;
  bool running_ = false;
  bool stopping_ = false;   // no more turns
  bool dismissed_ = false;  // told to end
};

Worker::Worker(const Options& options, std::span<const Address> servers, const Shared& shared, unsigned index)
    : options_(options),
      servers_(servers),
      shared_(shared),
      part_(shared.workers[index]),
      names_(shared.names[index]),
      index_(index),
      random_(options.first_host * std::uint64_t{64} + index) {
  const auto target = [&](Kind kind, std::string_view path) {
    targets_[static_cast<std::size_t>(kind)] = options.prefix + std::string(path);
  };
  target(Kind::enroll, "/enroll");
  target(Kind::config, "/config");
  target(Kind::read, "/distributed/read");
  target(Kind::held, "/distributed/read");
  target(Kind::write, "/distributed/write");
  target(Kind::log, "/log");
  target(Kind::carve, "/carve/begin");
  carve_block_target_ = options.prefix + "/carve/block";

  const double lines_a_second =
      options.lines_a_second > 0 ? options.lines_a_second / options.hosts : options.lines_a_minute / 60;
  lines_a_turn_ = lines_a_second * options.log_interval;
  intervals_[static_cast<std::size_t>(Kind::config)] = options.config_interval;
  intervals_[static_cast<std::size_t>(Kind::read)] = options.distributed_interval;
  intervals_[static_cast<std::size_t>(Kind::log)] = lines_a_turn_ > 0 ? options.log_interval : 0;
  // No two workers give the same number.
  next_sequence_ = options.first_sequence + (std::uint64_t{index} << 40);
}

Result<void> Worker::set_up() {
  // Workers begin at different places in the row of source addresses.
  transport_ = TRY(Transport::make(options_, servers_, *this, index_ * 7));
  hosts_.resize((options_.hosts - index_ + options_.processes - 1) / options_.processes);
  short_slots_ =
      options_.shared_connections
          ? std::min(host_count(), (options_.shared_connections - index_ + options_.processes - 1) / options_.processes)
          : host_count();
  slot_count_ = short_slots_ + (options_.held_reads ? host_count() : 0);
  slots_ = std::make_unique<Slot[]>(slot_count_);
  for (std::uint32_t i = 0; i < slot_count_; ++i) {
    const std::uint32_t which = i < short_slots_ ? i : i - short_slots_;
    slots_[i].link.set_up(i, static_cast<std::uint16_t>(number_of(which) % servers_.size()));
  }
  for (std::uint32_t host = 0; host < host_count(); ++host) without_key_ += key(host).empty();
  if (!options_.acknowledged_file.empty()) {
    const char* path = options_.acknowledged_file.c_str();
    acknowledged_.reset(::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (!acknowledged_) return system_failure(options_.acknowledged_file);
  }
  return {};
}

Result<void> Worker::run() {
  if (auto ready = set_up(); !ready) return ready;
  std::int64_t next_sweep = 0, give_up = 0;
  // The links stay open until the first process has looked at them.
  while (!dismissed_ || (under_way_ > 0 && monotonic_microseconds() < give_up)) {
    const bool was_dismissed = dismissed_;
    follow_stage();
    std::int64_t now = monotonic_microseconds();
    if (dismissed_ && !was_dismissed) give_up = now + kLastAnswers;
    fire_timers(now);
    if (now >= next_sweep) {
      expire_links(now);
      next_sweep = now + kSweep;
    }
    start_ready();
    part_.connected.set(transport_->open_links());
    // Stages change within a twentieth of a second.
    const std::int64_t until = std::min(now + kSecond / 20, timers_.empty() ? now + kSecond : timers_.top().due);
    transport_->wait(ready_.empty() ? until : now);
  }
  part_.unfinished.add(under_way_);
  return {};
}

void Worker::follow_stage() {
  const Stage stage = shared_.control->stage.load(std::memory_order_acquire);
  if (stage == Stage::enrolling) {
    enroll_more();
    if (without_key_ == 0 && under_way_ == 0) part_.reached.store(stage, std::memory_order_release);
  } else if (stage == Stage::connecting) {
    connect_more();
    if (next_to_connect_ == short_slots_ && connecting_ == 0) part_.reached.store(stage, std::memory_order_release);
  } else if (stage == Stage::running) {
    if (!running_) begin_turns();
    if (end_ && monotonic_microseconds() >= end_) stopping_ = true;
  } else if (stage == Stage::stopping) {
    stopping_ = dismissed_ = true;
  }
}

void Worker::enroll_more() {
  for (; next_to_enroll_ < host_count() && enrolling_ < options_.at_a_time; ++next_to_enroll_)
    if (key(next_to_enroll_).empty()) submit(Kind::enroll, next_to_enroll_, monotonic_microseconds());
}

void Worker::connect_more() {
  if (options_.connections != Connections::kept) next_to_connect_ = short_slots_;
  for (; next_to_connect_ < short_slots_ && connecting_ < options_.at_a_time; ++next_to_connect_) {
    Link& link = slots_[next_to_connect_].link;
    if (!link.closed()) continue;
    ++connecting_;
    link.open(*transport_, monotonic_microseconds() + microseconds(options_.timeout));
  }
}

void Worker::begin_turns() {
  running_ = true;
  ::malloc_trim(0);  // what the handshakes left
  const Control& control = *shared_.control;
  const std::int64_t start = control.start;
  measure_from_ = control.measure_from;
  end_ = control.end;
  for (std::uint32_t host = 0; host < host_count(); ++host) {
    if (options_.idle) {
      timers_.push({start + microseconds(unit_(random_) * std::max(options_.warm_up, 1.0)), host, Kind::read});
      continue;
    }
    for (const Kind kind : kRegular) {
      next_due(host, kind) = on_tick(start + microseconds(unit_(random_) * interval(kind)));
      if (interval(kind) > 0 && !options_.saturate) timers_.push({next_due(host, kind), host, kind});
    }
    if (options_.saturate) next_without_pause(host, true);
  }
}

void Worker::fire_timers(std::int64_t now) {
  while (!timers_.empty() && timers_.top().due <= now) {
    const Timer timer = timers_.top();
    timers_.pop();
    if (!stopping_) turn(timer);
  }
}

void Worker::turn(const Timer& timer) {
  Host& host = hosts_[timer.host];
  if (timer.kind == Kind::enroll) return submit(Kind::enroll, timer.host, timer.due);
  if (timer.kind == Kind::write) return submit(Kind::write, timer.host, timer.due);
  if (options_.saturate) return next_without_pause(timer.host, true);
  next_due(timer.host, timer.kind) = timer.due;
  if (timer.kind == Kind::log) host.lines_owed += lines_a_turn_;
  const bool nothing_to_log = timer.kind == Kind::log && host.lines_owed < 1 && host.unacknowledged.count == 0;
  if (key(timer.host).empty()) figures(timer.due).missed.add();
  if (key(timer.host).empty() || nothing_to_log) return next_turn(timer.host, timer.kind, true);
  submit(timer.kind, timer.host, timer.due);
}

// Counted from when the last turn was due, so that a slow answer does not put off what would have come after it.
void Worker::next_turn(std::uint32_t host, Kind kind, bool well) {
  if (!running_ || stopping_ || options_.idle) return;
  if (options_.saturate) return next_without_pause(host, well);
  if (interval(kind) <= 0) return;
  const std::int64_t now = monotonic_microseconds();
  const bool accelerated = kind == Kind::read && now < hosts_[host].accelerated_until;
  const double period = accelerated ? std::min(kAcceleratedInterval, interval(kind)) : interval(kind);
  std::int64_t& due = next_due(host, kind);
  due = on_tick(due + microseconds(jittered(period)));
  // An agent does not catch up on whole intervals.
  for (; due + microseconds(period) < now; due = on_tick(due + microseconds(period))) figures(due).missed.add();
  timers_.push({due, host, kind});
}

void Worker::next_without_pause(std::uint32_t host, bool well) {
  const std::int64_t now = monotonic_microseconds();
  if (!well || key(host).empty()) return timers_.push({now + kAfterFailure, host, Kind::read});
  // The kind that is the furthest behind its interval, so that kinds come in the proportion of their intervals.
  Kind next = Kind::read;
  std::int64_t least = INT64_MAX;
  for (const Kind kind : kRegular) {
    if (interval(kind) <= 0 || next_due(host, kind) >= least) continue;
    next = kind;
    least = next_due(host, kind);
  }
  if (least == INT64_MAX) return;
  next_due(host, next) += microseconds(interval(next));
  if (next == Kind::log) hosts_[host].lines_owed += std::max(lines_a_turn_, 1.0);
  submit(next, host, now);
}

void Worker::submit(Kind kind, std::uint32_t host, std::int64_t due, unsigned hold, bool regular) {
  const std::uint32_t slot = kind == Kind::held ? short_slots_ + host : host % short_slots_;
  Request request;
  request.kind = kind;
  request.regular = regular;
  request.host = host;
  request.hold = hold;
  request.due = due;
  slots_[slot].waiting.push_back(request);
  ready_.push_back(slot);
  if (kind != Kind::held) ++under_way_;
  if (kind == Kind::enroll) {
    ++enrolling_;
    hosts_[host].enrolling = true;
  }
}

void Worker::start_ready() {
  // Starting may fail at once, and what then follows is for the next round.
  for (const std::uint32_t slot : std::exchange(ready_, {})) start(slots_[slot]);
}

void Worker::start(Slot& slot) {
  if (slot.current || slot.waiting.empty()) return;
  // Opening for its own sake comes first; opened() goes on.
  if (!slot.link.is_open() && !slot.link.closed()) return;
  slot.current = slot.waiting.front();
  slot.waiting.erase(slot.waiting.begin());
  Request& request = *slot.current;
  const std::int64_t now = monotonic_microseconds();
  if (request.sent == 0) request.sent = now;
  const std::string body = body_of(request);
  const bool compressed = options_.gzip && request.kind == Kind::log;
  RequestHead head;
  head.target = target_of(request);
  head.host = servers_[number_of(request.host) % servers_.size()].text;
  head.node_key = key(request.host);
  head.hold = request.hold;
  head.gzip = compressed;
  std::string text = http_request(head, compressed ? gzip(body) : body);
  figures(request).bytes_out.add(text.size());
  slot.link.begin(*transport_, std::move(text), now + microseconds(options_.timeout) + request.hold * kSecond);
}

std::string_view Worker::target_of(const Request& request) const {
  const auto& carve = hosts_[request.host].carve;
  if (request.kind == Kind::carve && carve && !carve->session.empty()) return carve_block_target_;
  return targets_[static_cast<std::size_t>(request.kind)];
}

std::string Worker::body_of(const Request& request) {
  Host& host = hosts_[request.host];
  switch (request.kind) {
    case Kind::enroll:
      return enroll_body(persona(request.host), options_.secret);
    case Kind::config:
      return config_body(key(request.host), host.etag);
    case Kind::read:
    case Kind::held:
      return read_body(key(request.host));
    case Kind::write:
      return host.unsent_answers.front();
    case Kind::log:
      return take_lines(request);
    case Kind::carve:
      return host.carve->session.empty() ? carve_begin_body(*host.carve, key(request.host))
                                         : carve_block_body(*host.carve);
  }
  return {};
}

std::string Worker::take_lines(const Request& request) {
  const std::uint32_t host = request.host;
  Host& state = hosts_[host];
  LineRange& lines = state.unacknowledged;
  if (lines.count == 0) {
    // A sum of tenths may fall short of a whole line by a rounding.
    lines.count =
        static_cast<std::uint32_t>(std::min<double>(options_.batch_lines, std::floor(state.lines_owed + 1e-6)));
    lines.first = next_sequence_;
    next_sequence_ += lines.count;
    state.lines_owed -= lines.count;
    figures(request.due).lines_sent.add(lines.count);
  }
  return log_body(persona(host), key(host), lines, options_.line_bytes);
}

void Worker::expire_links(std::int64_t now) {
  for (std::uint32_t i = 0; i < slot_count_; ++i) {
    Link& link = slots_[i].link;
    if (link.deadline() && link.deadline() < now) link.expire(*transport_);
  }
}

void Worker::opened(Link& link, std::int64_t took, bool resumed) {
  const Slot& slot = slots_[link.number()];
  Figures& now = figures(slot.current ? slot.current->due : 0);
  now.handshakes.add(took);
  (resumed ? now.resumed_handshakes : now.full_handshakes).add();
  if (!slot.current) {
    --connecting_;
    ready_.push_back(link.number());
  }
}

void Worker::failed(Link& link, Failure failure, std::string_view what, bool reusable_gone) {
  Slot& slot = slots_[link.number()];
  ready_.push_back(link.number());
  if (!slot.current) {  // its opening; the first request will try again
    if (connecting_) --connecting_;
    Request none;
    none.host = link.number() % std::max(host_count(), 1u);
    return count_failure(none, failure, what);
  }
  Request request = *slot.current;
  slot.current.reset();
  if (reusable_gone && !request.retried) {
    figures(request.due).reconnects.add();
    request.retried = true;
    slot.waiting.insert(slot.waiting.begin(), request);
    return;
  }
  count_failure(request, failure, what);
  done(request, false, false, {}, {});
}

void Worker::answered(Link& link, Reply reply) {
  Slot& slot = slots_[link.number()];
  const Request request = *slot.current;
  slot.current.reset();
  ready_.push_back(link.number());
  if (options_.connections != Connections::kept && request.kind != Kind::held) link.close(*transport_);

  const std::int64_t now = monotonic_microseconds();
  Figures::OfKind& kind = figures(request);
  kind.answered.add();
  kind.bytes_in.add(reply.body.size());
  std::array<unsigned char, 16 << 10> buffer;
  json::monotonic_resource memory(buffer.data(), buffer.size());
  json::value body(json::object_kind, &memory);
  const Verdict verdict = judge(reply, body);
  if (verdict.failure) {
    count_failure(request, *verdict.failure, verdict.what);
    if (verdict.failure == Failure::node_invalid) lose_key(request.host);
  } else {
    kind.from_due.add(now - request.due);
    kind.from_sent.add(now - request.sent);
  }
  done(request, !verdict.failure, verdict.delivered, reply, body.get_object());
}

// As an agent judges (compat section 6.1), but that a status that says no is told, too. `body` is an object afterwards.
Verdict Worker::judge(const Reply& reply, json::value& body) {
  Verdict verdict;
  const auto shown = [&] { return fmt::format("status {}: {}", reply.status, reply.body.substr(0, 160)); };
  if (!reply.body.empty()) {
    boost::system::error_code error;
    json::value parsed = json::parse(reply.body, error, body.storage());
    if (error || !parsed.is_object()) return {Failure::json, shown(), false};
    body = std::move(parsed);
  }
  const json::object& object = body.get_object();
  const json::value* invalid = object.if_contains("node_invalid");
  if (invalid && invalid->is_bool() && invalid->get_bool()) return {Failure::node_invalid, shown(), false};
  const bool refused = object.contains("error");
  if (reply.status >= 400) return {Failure::status, shown(), !refused};
  if (refused) return {Failure::error, shown(), false};
  return verdict;
}

void Worker::done(const Request& request, bool well, bool delivered, const Reply& reply, const json::object& body) {
  if (request.kind != Kind::held) --under_way_;
  const std::uint32_t host = request.host;
  switch (request.kind) {
    case Kind::enroll:
      return done_enroll(host, body);
    case Kind::config:
      if (well) done_config(host, reply.body, body);
      if (request.regular) next_turn(host, Kind::config, well);
      return;
    case Kind::read:
    case Kind::held:
      return done_read(request, well, body, reply.offered_hold);
    case Kind::write:
      return done_write(host, well);
    case Kind::log:
      return done_log(request, delivered);
    case Kind::carve:
      return done_carve(host, well, body);
  }
}

void Worker::done_enroll(std::uint32_t host, const json::object& body) {
  Host& state = hosts_[host];
  --enrolling_;
  state.enrolling = false;
  std::string_view node_key = text_of(body, "node_key");
  if (node_key.empty()) node_key = text_of(body, "id");
  char(&kept)[sizeof HostRecord::node_key] = record(host).node_key;
  if (node_key.empty() || node_key.size() >= sizeof kept) {
    Request request;
    request.kind = Kind::enroll;
    request.host = host;
    if (!body.empty() && !body.contains("error"))
      count_failure(request, Failure::shape, "no node_key, or one of 128 bytes and more");
    state.enroll_tries = static_cast<std::uint8_t>(std::min(state.enroll_tries + 1, 100));
    const std::int64_t delay = std::min(std::int64_t{state.enroll_tries} * state.enroll_tries, kEnrollDelayCap);
    return timers_.push({monotonic_microseconds() + delay * kSecond, host, Kind::enroll});
  }
  node_key.copy(kept, node_key.size());
  kept[node_key.size()] = '\0';
  state.enroll_tries = 0;
  --without_key_;
  part_.enrolled.add();
  // What made the agent enrol was that it wanted its configuration.
  if (interval(Kind::config) > 0) submit(Kind::config, host, monotonic_microseconds(), 0, false);
}

void Worker::done_config(std::uint32_t host, const std::string& text, const json::object& body) {
  const std::string_view etag = text_of(body, "etag");
  if (etag == "ok") return;  // unchanged
  hosts_[host].etag = etag;
  const std::uint64_t configuration = etag.empty() ? hash_of(text) : hash_of(etag);
  HostRecord& kept = record(host);
  if (kept.configuration == configuration) return;
  kept.configuration = named(etag.empty() ? fmt::format("content {:016x}", configuration) : std::string(etag));
  kept.configuration_since = unix_seconds();
}

void Worker::done_read(const Request& request, bool well, const json::object& body, double offered_hold) {
  const std::uint32_t host = request.host;
  Host& state = hosts_[host];
  const std::int64_t now = monotonic_microseconds();
  if (const json::value* seconds = body.if_contains("accelerate"); well && seconds && seconds->is_int64())
    state.accelerated_until = now + std::clamp<std::int64_t>(seconds->get_int64(), 0, 86'400) * kSecond;
  const json::value* queries = body.if_contains("queries");
  const bool asked = well && queries && queries->is_object() && !queries->get_object().empty();
  if (well && queries && !queries->is_object()) count_failure(request, Failure::shape, "\"queries\" is not an object");
  if (asked) {
    const Persona who = persona(host);
    WriteBody write(who);
    HostRecord& kept = record(host);
    for (const auto& [id, value] : queries->get_object()) {
      const std::string_view sql = value.is_string() ? std::string_view(value.get_string()) : std::string_view();
      if (sql.find(options_.watch_sql) != sql.npos) {
        kept.query = named(id);
        kept.query_received = unix_seconds();
        kept.query_acknowledged = 0;
      }
      if (!write.add(id, sql) || state.carve) continue;
      state.carve = std::make_unique<Carve>();
      state.carve->id = Persona(static_cast<std::uint32_t>(random_()), 0, 0).uuid;
      state.carve->bytes = std::max(options_.carve_bytes, 1u);
      submit(Kind::carve, host, now);
    }
    figures(now).queries_answered.add(queries->get_object().size());
    state.unsent_answers.push_back(write.finish(key(host)));
    if (state.unsent_answers.size() == 1) submit(Kind::write, host, now);
  }
  const auto hold = static_cast<unsigned>(std::clamp(offered_hold, 0.0, 3600.0));
  if (options_.held_reads && well && hold > 0 && running_ && !stopping_) {
    const bool held_at_all = request.kind != Kind::held || asked || now - request.sent >= kShortestHold;
    if (held_at_all) return submit(Kind::held, host, now, hold);
  }
  if (request.kind == Kind::held) next_due(host, Kind::read) = now;
  next_turn(host, Kind::read, well);
}

void Worker::done_write(std::uint32_t host, bool well) {
  Host& state = hosts_[host];
  if (!well && ++state.write_tries < kWriteTries) {
    const std::int64_t delay = std::int64_t{state.write_tries} * state.write_tries * kSecond;
    return timers_.push({monotonic_microseconds() + delay, host, Kind::write});
  }
  HostRecord& kept = record(host);
  // A write that was under way when the query came is not its answer.
  if (well && kept.query && kept.query_acknowledged == 0 && state.unsent_answers.size() == 1)
    kept.query_acknowledged = unix_seconds();
  state.write_tries = 0;
  state.unsent_answers.erase(state.unsent_answers.begin());
  if (!state.unsent_answers.empty()) return submit(Kind::write, host, monotonic_microseconds());
  state.unsent_answers.shrink_to_fit();
}

void Worker::done_log(const Request& request, bool delivered) {
  const std::uint32_t host = request.host;
  Host& state = hosts_[host];
  LineRange& lines = state.unacknowledged;
  if (delivered) {
    const std::string line = fmt::format("{} {}\n", lines.first, lines.count);
    if (acknowledged_ && ::write(acknowledged_.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()))
      ::perror(options_.acknowledged_file.c_str());
    figures(request.due).lines_acknowledged.add(lines.count);
    lines = {};
    // What has piled up follows at once.
    if (state.lines_owed >= options_.batch_lines && !stopping_)
      return submit(Kind::log, host, monotonic_microseconds());
  }
  next_turn(host, Kind::log, delivered);
}

void Worker::done_carve(std::uint32_t host, bool well, const json::object& body) {
  Host& state = hosts_[host];
  Carve& carve = *state.carve;
  if (carve.session.empty()) {
    carve.session = text_of(body, "session_id");
  } else {
    ++carve.next;
  }
  if (!well || carve.session.empty() || carve.next >= carve.blocks()) return state.carve.reset();
  submit(Kind::carve, host, monotonic_microseconds());
}

void Worker::lose_key(std::uint32_t host) {
  if (!key(host).empty()) {
    record(host).node_key[0] = '\0';
    ++without_key_;
  }
  if (!hosts_[host].enrolling && !options_.secret.empty()) submit(Kind::enroll, host, monotonic_microseconds());
}

void Worker::count_failure(const Request& request, Failure failure, std::string_view what) {
  figures(request).failures[static_cast<std::size_t>(failure)].add();
  if (part_.sampled.get() >= part_.samples.size()) return;
  Sample& sample = part_.samples[part_.sampled.get()];
  sample.kind = request.kind;
  sample.failure = failure;
  sample.host = options_.first_host + number_of(request.host);
  sample.text[what.copy(sample.text, sizeof sample.text - 1)] = '\0';
  part_.sampled.add();
}

std::uint64_t Worker::named(std::string_view text) {
  const std::uint64_t hash = hash_of(text);
  const std::uint32_t count = names_.count;
  for (std::uint32_t i = 0; i < count; ++i)
    if (names_.names[i].hash == hash) return hash;
  if (count == names_.names.size()) return hash;
  Names::Name& name = names_.names[count];
  name.hash = hash;
  name.text[text.copy(name.text, sizeof name.text - 1)] = '\0';
  names_.count = count + 1;
  return hash;
}

}  // namespace

Result<void> run_worker(const Options& options, std::span<const Address> servers, const Shared& shared,
                        unsigned index) {
  Worker worker(options, servers, shared, index);
  return worker.run();
}

}  // namespace osprey::fleet
