#include "events/audit/audit_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <unordered_map>

#include "base/clock_reading.h"
#include "base/text.h"
#include "events/audit/rules.h"

namespace osprey::events::audit {
namespace {

constexpr std::chrono::seconds kLook{1};
constexpr std::uint32_t kSilent = 0;

std::string own_executable() {
  std::array<char, 4096> path{};
  const auto size = ::readlink("/proc/self/exe", path.data(), path.size());
  return {path.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}

// A line of /proc/net/netlink.
struct NetlinkSocket {
  std::string_view protocol, groups, drops, inode;
};
template <class See>
void each_netlink_socket(See&& see) {
  const auto table = Root::host().read("/proc/self/net/netlink");
  if (!table) return;
  for (const auto line : Lines(table->bytes))
    if (const auto columns = fields(line); columns.size() >= 10)
      see(NetlinkSocket{.protocol = columns[1], .groups = columns[3], .drops = columns[8], .inode = columns[9]});
}

// Datagrams that found no room in a netlink socket.
std::uint64_t drops_of(int socket) {
  struct stat about{};
  if (::fstat(socket, &about) != 0) return 0;
  std::uint64_t drops = 0;
  each_netlink_socket([&, inode = std::to_string(about.st_ino)](const NetlinkSocket& one) {
    if (one.inode == inode) drops = parse<std::uint64_t>(one.drops).value_or(0);
  });
  return drops;
}

// Whether anybody is told of audit's records beside the holder of the seat.
bool somebody_listens() {
  bool listens = false;
  each_netlink_socket([&, audit = std::to_string(NETLINK_AUDIT)](const NetlinkSocket& one) {
    listens |= one.protocol == audit && one.groups.find_first_not_of('0') != std::string_view::npos;
  });
  return listens;
}

// Installed is what is so in every architecture.
std::vector<PushedFilter> pushed_of(const std::vector<FilterRules>& filters, const std::vector<RuleState>& states) {
  std::vector<PushedFilter> pushed;
  for (const auto& filter : filters) {
    PushedFilter one{
        .rule = filter.filter, .installed = !filter.rules.empty(), .reason = filter.reason, .hits = std::nullopt};
    for (const auto& rule : filter.rules) {
      const auto state = std::ranges::find(states, linux::text_of(rule), &RuleState::text);
      if (state != states.end() && state->installed) continue;
      one.installed = false;
      if (state != states.end() && one.reason.empty()) one.reason = state->reason;
    }
    pushed.push_back(std::move(one));
  }
  return pushed;
}

std::string boot_id() { return Root::host().read_trimmed("/proc/sys/kernel/random/boot_id").value_or("-"); }

// What stat(2) says of executables; of one that is run again within a second it is not asked again.
class KnownFiles {
 public:
  void complete(std::string_view path, FileState& file) {
    const auto now = std::chrono::steady_clock::now();
    if (now - since_ > kFresh || files_.size() >= kMost) {
      files_.clear();
      since_ = now;
    }
    auto [found, fresh] = files_.try_emplace(std::string(path));
    auto& known = found->second;
    if (fresh)
      if (const auto about = Root::host().stat(path)) {
        known.inode = about->stx_ino;
        known.mode = about->stx_mode;
        known.size = static_cast<std::int64_t>(about->stx_size);
        known.atime = about->stx_atime.tv_sec;
        known.mtime = about->stx_mtime.tv_sec;
        known.ctime = about->stx_ctime.tv_sec;
      }
    // Another file has the name, or it is a container's: some filesystems' devices differ from what audit says.
    if (known.inode != file.inode || known.mode != file.mode) return;
    file.size = known.size;
    file.atime = known.atime;
    file.mtime = known.mtime;
    file.ctime = known.ctime;
  }

 private:
  static constexpr std::chrono::seconds kFresh{1};
  static constexpr std::size_t kMost = 1024;
  std::unordered_map<std::string, FileState> files_;
  std::chrono::steady_clock::time_point since_{};
};

Lookups lookups_of(const AuditOptions& options, LocalPorts& ports) {
  Lookups made;
  made.is_thread = [](std::int64_t caller, std::int64_t child) -> std::optional<bool> {
    const auto thread = fmt::format("/proc/{}/task/{}", caller, child);
    if (::access(thread.c_str(), F_OK) == 0) return true;
    const auto process = fmt::format("/proc/{}", child);
    return ::access(process.c_str(), F_OK) == 0 ? std::optional(false) : std::nullopt;
  };
  if (options.local_ports)
    made.local_side = [&ports](std::int64_t pid, std::int64_t descriptor, int family, std::string_view remote,
                               std::uint16_t port,
                               TextArena& arena) { return ports.find(pid, descriptor, family, remote, port, arena); };
  made.complete = [files = KnownFiles()](std::string_view path, FileState& file) mutable {
    files.complete(path, file);
  };
  made.descriptor_path = [](std::int64_t pid, std::int64_t descriptor, TextArena& arena) {
    std::array<char, 4096> path{};
    const auto size = ::readlink(fmt::format("/proc/{}/fd/{}", pid, descriptor).c_str(), path.data(), path.size());
    if (size <= 0 || path[0] != '/') return std::string_view();
    return arena.keep({path.data(), static_cast<std::size_t>(size)});
  };
  return made;
}

}  // namespace

AuditSource::AuditSource(AuditOptions options)
    : options_(std::move(options)),
      own_executable_(own_executable()),
      decoder_(options_, own_executable_, lookups_of(options_, ports_)),
      reassembly_([this](const RecordGroup& group) {
        if (sink_) decoder_.decode(group, *sink_);
      }) {}

AuditSource::~AuditSource() { close(); }

Result<void> AuditSource::open(const Demand& demand) {
  if (!open_) {
    if (auto begun = begin(demand); !begun) {
      close();
      return begun;
    }
    open_ = true;
  } else {
    TRY(install(demand));
  }
  decoder_.demand(demand);
  return {};
}

Result<void> AuditSource::begin(const Demand& demand) {
  // A wrong rule of the configuration is told before anything is changed.
  TRY(wanted_rules(options_, demand, own_executable_));
  auto control = linux::AuditControl::open();
  if (!control) {
    // Whoever may not ask the kernel may still read a log.
    if (options_.mode == Mode::log || options_.mode == Mode::dispatcher) return attach_lines(options_.mode);
    return std::unexpected(control.error());
  }
  control_ = std::move(*control);
  if (options_.mode == Mode::log || options_.mode == Mode::dispatcher) return attach_lines(options_.mode);
  auto status = TRY(control_->status());
  lost_then_ = status.lost;
  TRY(attach(status));
  if (!options_.allow_config) return {};
  // What a predecessor that was killed has left.
  remove_ours();
  TRY(configure(status));
  return install(demand);
}

Result<void> AuditSource::attach(const linux::AuditStatus& status) {
  const bool taken = status.pid != 0 && (::kill(static_cast<pid_t>(status.pid), 0) == 0 || errno != ESRCH);
  if (options_.mode == Mode::unicast || (options_.mode == Mode::automatic && !taken)) {
    auto seated = attach_kernel(Mode::unicast);
    // Somebody was quicker, or a daemon sits behind a pid that we do not see.
    if (seated || options_.mode == Mode::unicast || seated.error().code != EEXIST) return seated;
  }
  auto joined = attach_kernel(Mode::multicast);
  if (joined || options_.mode == Mode::multicast) return joined;
  if (attach_lines(Mode::dispatcher) || attach_lines(Mode::log)) return {};
  return joined;
}

Result<void> AuditSource::attach_kernel(Mode mode) {
  auto receiver = mode == Mode::unicast ? linux::AuditReceiver::take_seat() : linux::AuditReceiver::join();
  if (!receiver) return std::unexpected(receiver.error());
  auto queue = RecordQueue::start(receiver->socket(), options_.waiting_bytes);
  if (!queue) {
    receiver->leave();
    return std::unexpected(queue.error());
  }
  receiver_ = std::move(*receiver);
  queue_ = std::move(*queue);
  serials_.restart();
  mode_ = mode;
  return {};
}

Result<void> AuditSource::attach_lines(Mode mode) {
  const auto path = options_.log_path.empty() ? audit_log_path(Root::host()) : options_.log_path;
  auto reader = mode == Mode::dispatcher ? LogReader::connect(options_.dispatcher_path) : LogReader::follow(path);
  if (!reader) return std::unexpected(reader.error());
  lines_ = std::move(*reader);
  mode_ = mode;
  return {};
}

void AuditSource::detach() noexcept {
  if (queue_ && receiver_) {
    const auto counts = queue_->counts();
    const std::lock_guard lock(mutex_);
    queue_full_ += counts.full;
    socket_drops_ += drops_of(receiver_->socket());
  }
  if (receiver_) {
    queue_.reset();
    receiver_->leave();
    receiver_.reset();
  }
  queue_.reset();
  lines_.reset();
  mode_ = Mode::automatic;
}

Result<void> AuditSource::configure(const linux::AuditStatus& status) {
  if (status.enabled == 2) return {};  // locked: install() says so where it matters
  before_ = Before{status.enabled, status.failure, status.backlog_limit, status.backlog_wait_time};
  if (!options_.state_path.empty()) {
    // A predecessor that was killed knew better what was there before.
    std::ifstream kept(options_.state_path);
    std::string boot;
    Before read;
    std::int64_t wait = -1;
    if (kept >> boot >> read.enabled >> read.failure >> read.backlog_limit >> wait && boot == boot_id()) {
      if (wait >= 0) read.backlog_wait_time = static_cast<std::uint32_t>(wait);
      before_ = read;
    }
    const auto beside = options_.state_path + ".new";
    std::ofstream(beside) << fmt::format(
        "{} {} {} {} {}\n", boot_id(), before_->enabled, before_->failure, before_->backlog_limit,
        before_->backlog_wait_time ? static_cast<std::int64_t>(*before_->backlog_wait_time) : -1);
    std::error_code ignored;
    std::filesystem::rename(beside, options_.state_path, ignored);
  }
  linux::AuditChange change;
  if (status.enabled == 0) change.enabled = 1;
  if (mode_ == Mode::unicast) {
    // Beside a daemon these are its own.
    if (status.failure != kSilent) change.failure = kSilent;
    change.backlog_limit = options_.backlog_limit;
    if (status.backlog_wait_time) change.backlog_wait_time = options_.backlog_wait_time;
  }
  TRY(control_->set(change));
  if (options_.force_reconfigure)
    for (const auto& rule : TRY(control_->rules())) TRY(control_->remove(rule));
  return {};
}

Result<void> AuditSource::install(const Demand& demand) {
  if (!control_ || !options_.allow_config) return {};
  auto wanted = TRY(wanted_rules(options_, demand, own_executable_));
  reads_titles_ = wanted.empty() || reads_titles(options_, demand);
  settle_titles();
  const auto filters = filter_rules(options_, demand);
  if (wanted == installed_) {
    const std::lock_guard lock(mutex_);
    pushed_ = pushed_of(filters, states_);
    return {};
  }
  std::vector<RuleState> states;
  bool exempts = true;  // filters that keep events could be had so far
  std::vector<linux::AuditRule> there;
  std::optional<Error> refusal;
  // Those that both have stay, as long as the order holds: rules are put at the end.
  std::size_t same = 0;
  while (same < installed_.size() && same < wanted.size() && installed_[same] == wanted[same]) ++same;
  for (std::size_t i = 0; i < same; ++i) {
    there.push_back(wanted[i]);
    states.push_back({linux::text_of(wanted[i]), true, {}});
  }
  // The new ones are put there before the old ones go, so that nothing is missed meanwhile; a rule that is in both and
  // stands in another place is taken out first.
  std::vector<linux::AuditRule> old(installed_.begin() + static_cast<std::ptrdiff_t>(same), installed_.end());
  for (std::size_t i = same; i < wanted.size(); ++i) {
    if (std::ranges::find(old, wanted[i]) != old.end()) static_cast<void>(control_->remove(wanted[i]));
    const bool filter = std::ranges::any_of(
        filters, [&](const FilterRules& one) { return std::ranges::find(one.rules, wanted[i]) != one.rules.end(); });
    auto added = filter && !exempts && wanted[i].action == AUDIT_NEVER
                     ? failure("audit rule", "one before it that keeps events was refused")
                     : control_->add(wanted[i]);
    if (!added && added.error().code == EEXIST) {
      if (!options_.force_unconfigure) theirs_.push_back(wanted[i]);
      added = {};
    }
    RuleState state{linux::text_of(wanted[i]), added.has_value(), added ? std::string() : added.error().message};
    if (filter && !added) exempts &= wanted[i].action == AUDIT_NEVER;
    if (added)
      there.push_back(wanted[i]);
    else if (!refusal && !filter)
      refusal = added.error();
    states.push_back(std::move(state));
  }
  if (refusal && there.empty()) {
    // As it was before.
    for (const auto& rule : old) static_cast<void>(control_->add(rule));
    return std::unexpected(*refusal);
  }
  for (const auto& rule : old)
    if (std::ranges::find(there, rule) == there.end()) static_cast<void>(control_->remove(rule));
  installed_ = std::move(there);
  const std::lock_guard lock(mutex_);
  pushed_ = pushed_of(filters, states);
  states_ = std::move(states);
  return {};
}

// Of an exec's records they cost its program most. They are everybody's: who else is told of events, or has rules for
// them, may want them.
void AuditSource::settle_titles() {
  const bool off = [&] {
    if (reads_titles_ || !before_ || mode_ != Mode::unicast || somebody_listens()) return false;
    const auto rules = control_->rules();
    return rules && std::ranges::all_of(
                        *rules, [&](const linux::AuditRule& rule) { return linux::is_set_by(rule, options_.key); });
  }();
  if (off == titles_off_) return;
  // Kernels before 4.8 refuse it: they go on telling.
  if (off && !control_->add(linux::titles_rule())) return;
  if (!off) static_cast<void>(control_->remove(linux::titles_rule()));
  titles_off_ = off;
}

void AuditSource::remove_ours() noexcept {
  if (!control_) return;
  const auto rules = control_->rules();
  if (!rules) return;
  for (const auto& rule : *rules)
    if (linux::is_set_by(rule, options_.key) && std::ranges::find(theirs_, rule) == theirs_.end())
      static_cast<void>(control_->remove(rule));
}

void AuditSource::restore() noexcept {
  if (!before_ || !control_) return;
  linux::AuditChange change;
  change.enabled = before_->enabled;
  if (mode_ == Mode::unicast) {
    change.failure = before_->failure;
    change.backlog_limit = before_->backlog_limit;
    change.backlog_wait_time = before_->backlog_wait_time;
  }
  static_cast<void>(control_->set(change));
  before_.reset();
  if (!options_.state_path.empty()) ::unlink(options_.state_path.c_str());
}

void AuditSource::close() noexcept {
  if (control_ && options_.allow_config && mode_ != Mode::automatic) remove_ours();
  restore();
  detach();
  control_.reset();
  installed_.clear();
  theirs_.clear();
  reads_titles_ = true;
  titles_off_ = false;
  batch_.clear();
  reassembly_.flush();
  open_ = false;
  const std::lock_guard lock(mutex_);
  states_.clear();
  pushed_.clear();
}

int AuditSource::descriptor() const noexcept {
  if (queue_) return queue_->descriptor();
  return lines_ ? lines_->descriptor() : -1;
}

// Once in a while: what the kernel lost, and whether the seat is still whose it was.
void AuditSource::look_after() {
  const auto now = std::chrono::steady_clock::now();
  if (now - looked_ < kLook) return;
  looked_ = now;
  decoder_.boot_at(wall_nanoseconds_at_boot());
  if (!control_ || !receiver_) return;
  const auto status = control_->status();
  if (!status) return;
  {
    const std::lock_guard lock(mutex_);
    // Somebody may have set it to 0 (auditctl --reset-lost).
    if (lost_then_ && status->lost >= *lost_then_) kernel_lost_ += status->lost - *lost_then_;
    lost_then_ = status->lost;
  }
  const bool ours = status->pid == static_cast<std::uint32_t>(::getpid());
  if (mode_ == Mode::unicast && !ours) {
    if (options_.mode == Mode::automatic || options_.persist) {
      const bool again = status->pid == 0 || options_.persist;
      detach();
      if (!again || !attach_kernel(Mode::unicast)) static_cast<void>(attach_kernel(Mode::multicast));
    }
  } else if (mode_ == Mode::multicast && options_.mode == Mode::automatic && status->pid == 0) {
    // The daemon that had it is gone: records would fill the kernel's log.
    detach();
    if (!attach_kernel(Mode::unicast)) static_cast<void>(attach_kernel(Mode::multicast));
  }
  settle_titles();
}

void AuditSource::took(const Record& record) {
  newest_ = record.stamp.time;
  // A log has what its daemon left out, and begins anew.
  if (!lines_) serials_.see(record.stamp.serial);
  reassembly_.add(record);
}

// One record into the reassembly; false: there is none now.
Result<bool> AuditSource::next_record() {
  if (lines_) {
    const auto line = TRY(lines_->next());
    if (line.empty()) return false;
    if (const auto record = parse_log_line(line)) took(*record);
    return true;
  }
  if (!queue_) return failure("audit", "the kernel's records are not to be had any more");
  std::uint16_t type = 0;
  std::string_view text;
  if (!batch_.take(type, text)) {
    queue_->recycle(std::move(batch_));
    batch_ = queue_->take();
    if (!batch_.take(type, text)) {
      if (const int code = queue_->failed(); code != 0) return system_failure(code, "audit");
      return false;
    }
  }
  if (const auto record = parse_record(type, text)) took(*record);
  return true;
}

Result<bool> AuditSource::next(EventSink& sink, std::size_t most) {
  if (!open_) return failure("audit", "is not open");
  look_after();
  sink_ = &sink;
  newest_ = 0;
  const auto before = decoder_.kept();
  Result<bool> more = true;
  while (decoder_.kept() - before < most && (more = next_record()) && *more) continue;
  const auto now = clock_nanoseconds(CLOCK_REALTIME);
  if (more && !*more) reassembly_.expire(now / 1'000'000);
  sink_ = nullptr;

  const auto& gathered = reassembly_.counts();
  const auto queued = queue_ ? queue_->counts() : RecordQueue::Counts();
  SourceCounts counts;
  counts.kept = decoder_.kept();
  counts.filtered = decoder_.filtered();
  const std::lock_guard lock(mutex_);
  const auto add = [](std::vector<SourceCounts::Drop>& where, std::string_view stage, std::string_view reason,
                      std::uint64_t count, bool exact) {
    if (count == 0) return;
    where.push_back({.stage = std::string(stage),
                     .reason = std::string(reason),
                     .count = count,
                     .exact = exact,
                     .worst_cgroup = {}});
  };
  const auto drop = std::bind_front(add, std::ref(counts.dropped));
  const auto cut = std::bind_front(add, std::ref(counts.partial));
  const auto drops = receiver_ && queued.congested > 0 ? drops_of(receiver_->socket()) : 0;
  drop("kernel", "backlog full", kernel_lost_, true);
  drop("socket", "ENOBUFS", std::max(socket_drops_ + drops, queued.congested), drops >= queued.congested);
  drop("queue", "full", queue_full_ + queued.full, true);
  // Their events are told with what there is: who leaves the ends out by a rule of the list `exclude` loses nothing.
  cut("reassembly", "too many at once", gathered.crowded_out, true);
  cut("reassembly", "records cut off", gathered.cut, true);
  cut("reassembly", "unfinished", gathered.unfinished, true);
  drop("serials", "missing", serials_.missing(), false);
  drop("decode", "process or thread", decoder_.unknown_forks(), true);
  drop("decode", "damaged", decoder_.damaged(), true);
  if (lines_) drop("log", "line too long", lines_->too_long(), true);
  counts.lag = counts_.lag;
  if (newest_ > 0) counts.lag = static_cast<std::uint64_t>(std::max<std::int64_t>(now - newest_ * 1'000'000, 0));
  counts_ = std::move(counts);
  return more;
}

SourceCounts AuditSource::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

std::string_view AuditSource::mode() const noexcept {
  switch (mode_.load()) {
    case Mode::unicast:
      return "unicast";
    case Mode::multicast:
      return "multicast";
    case Mode::dispatcher:
      return "dispatcher";
    case Mode::log:
      return "log";
    case Mode::automatic:
      break;
  }
  return "none";
}

std::vector<PushedFilter> AuditSource::pushed() const {
  const std::lock_guard lock(mutex_);
  return pushed_;
}

std::vector<RuleState> AuditSource::rules() const {
  const std::lock_guard lock(mutex_);
  return states_;
}

}  // namespace osprey::events::audit
