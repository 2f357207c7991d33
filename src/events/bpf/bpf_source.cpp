#include "events/bpf/bpf_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/audit.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <ctime>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/clock_reading.h"
#include "base/module.h"
#include "base/mountinfo.h"
#include "base/root.h"
#include "base/unique_fd.h"
#include "events/bpf/bpf_module.h"
#include "events/bpf/decode.h"
#include "events/bpf/programs/wire.h"
#include "events/bpf/ring.h"
#include "linux/cgroup/hierarchy.h"
#include "linux/procfs/preemption.h"

namespace osprey::events::bpf {
namespace {

constexpr const char* kTypes = "/sys/kernel/btf/vmlinux";
constexpr std::size_t kMost = 64;                   // records after which their room is given back
constexpr std::uint64_t kPatience = 5'000'000'000;  // nanoseconds with the answer to a question

// A program, in the order in which they are attached: who ends before who begins is never missed.
struct ProgramEntry {
  std::string_view name;
  wire_program row;
  bool (*wanted)(const Demand&);
  bool needed = false;  // without it there is nothing; the others may be refused by a kernel and be told as missing
  std::string_view unless = {};     // not where this one works, which does the same better
  std::string_view otherwise = {};  // what does the same where a kernel refuses it
  bool of_some = false;             // what it tells of is not in every kernel, whose types then lack the function
};

template <class... Events>
Kinds kinds() {
  Kinds all;
  (all.set(kKind<Events>), ...);
  return all;
}

const Kinds& offered() {
  static const Kinds all = kinds<ProcessEvent, ExitEvent, SocketEvent, DnsEvent, KernelModuleEvent, PrivilegeEvent,
                                 NamespaceEvent, PtraceEvent, BpfLoadEvent>();
  return all;
}

// Whatever is told, is told of a process, which the process tree is to know.
bool anything(const Demand& demand) { return (demand.kinds & offered()).any(); }

template <class Event>
bool of(const Demand& demand) {
  return demand.kinds[kKind<Event>];
}

bool failed_execs(const Demand& demand) { return of<ProcessEvent>(demand) && demand.execs; }

bool security_calls(const Demand& demand) {
  return of<PtraceEvent>(demand) || of<BpfLoadEvent>(demand) || of<NamespaceEvent>(demand) ||
         of<PrivilegeEvent>(demand) || of<KernelModuleEvent>(demand);
}

bool any_call(const Demand& demand) { return security_calls(demand) || failed_execs(demand); }

// Making a namespace of users gives rights in it.
bool namespaces(const Demand& demand) { return of<NamespaceEvent>(demand) || of<PrivilegeEvent>(demand); }

bool unix_sockets(const Demand& demand) { return of<SocketEvent>(demand) && demand.unix_sockets; }

bool opens(const Demand& demand) { return of<FileEvent>(demand) && has_accesses(demand.watched); }

constexpr std::array kPrograms = {
    ProgramEntry{"sched_process_exit", WIRE_PROGRAM_EXIT, anything, true},
    ProgramEntry{"sched_process_fork", WIRE_PROGRAM_FORK, anything, true},
    ProgramEntry{"sched_process_exec", WIRE_PROGRAM_EXEC, anything, true},
    ProgramEntry{"exec_failed", WIRE_PROGRAM_EXEC_FAILED, failed_execs},
    ProgramEntry{"signal_generate", WIRE_PROGRAM_SIGNAL,
                 [](const Demand& demand) { return demand.kinds[kKind<ProcessEvent>] && demand.kills; }},
    ProgramEntry{"inet_sock_set_state", WIRE_PROGRAM_TCP, of<SocketEvent>},
    ProgramEntry{"connect", WIRE_PROGRAM_CONNECT, of<SocketEvent>},
    ProgramEntry{"close", WIRE_PROGRAM_CLOSE,
                 [](const Demand& demand) { return of<SocketEvent>(demand) && demand.closes; }},
    ProgramEntry{"accept", WIRE_PROGRAM_ACCEPT, of<SocketEvent>},
    ProgramEntry{"datagrams", WIRE_PROGRAM_DATAGRAMS, of<SocketEvent>},
    ProgramEntry{"bind", WIRE_PROGRAM_BIND, of<SocketEvent>},
    ProgramEntry{"unix", WIRE_PROGRAM_UNIX, unix_sockets},
    ProgramEntry{"unix_accept", WIRE_PROGRAM_UNIX_ACCEPT, unix_sockets},
    ProgramEntry{"dns", WIRE_PROGRAM_DNS, of<DnsEvent>},
    ProgramEntry{"ptrace", WIRE_PROGRAM_PTRACE, of<PtraceEvent>},
    ProgramEntry{.name = "memory_opens",
                 .row = WIRE_PROGRAM_MEMORY_OPEN,
                 .wanted = of<PtraceEvent>,
                 .otherwise = "memory_open_calls"},
    ProgramEntry{.name = "memory_open_calls",
                 .row = WIRE_PROGRAM_MEMORY_OPEN_CALL,
                 .wanted = of<PtraceEvent>,
                 .unless = "memory_opens"},
    ProgramEntry{.name = "opens", .row = WIRE_PROGRAM_OPEN, .wanted = opens, .otherwise = "open_calls"},
    ProgramEntry{.name = "open_calls", .row = WIRE_PROGRAM_OPEN_CALL, .wanted = opens, .unless = "opens"},
    ProgramEntry{"modules", WIRE_PROGRAM_MODULE, of<KernelModuleEvent>},
    ProgramEntry{"module_calls", WIRE_PROGRAM_MODULE_CALL, of<KernelModuleEvent>},
    ProgramEntry{"bpf_load", WIRE_PROGRAM_BPF_LOAD, of<BpfLoadEvent>},
    ProgramEntry{"namespaces", WIRE_PROGRAM_NAMESPACE, namespaces},
    ProgramEntry{"namespace_fork", WIRE_PROGRAM_NAMESPACE, namespaces},
    ProgramEntry{"credentials", WIRE_PROGRAM_CREDENTIALS, of<PrivilegeEvent>},
    ProgramEntry{.name = "compat_calls", .row = WIRE_PROGRAM_COMPAT, .wanted = security_calls, .otherwise = "compat"},
    ProgramEntry{.name = "compat_execs", .row = WIRE_PROGRAM_COMPAT, .wanted = failed_execs, .otherwise = "compat"},
    // Too dear for what most ask for: failed execs alone are not worth it.
    ProgramEntry{
        .name = "compat_rights", .row = WIRE_PROGRAM_COMPAT, .wanted = of<PrivilegeEvent>, .unless = "compat_calls"},
    ProgramEntry{.name = "compat", .row = WIRE_PROGRAM_COMPAT, .wanted = security_calls, .unless = "compat_calls"},
    ProgramEntry{.name = "x32_calls",
                 .row = WIRE_PROGRAM_COMPAT,
                 .wanted = any_call,
                 .unless = "compat",
                 .otherwise = "compat",
                 .of_some = true},
};

// In the order in which they are read, so that a process is known before what it did.
constexpr std::array<std::string_view, 4> kRings = {"process_ring", "network_ring", "security_ring", "file_ring"};

// A rule as programs can decide it, of sockets. `row` has what its paths lead to as well, once they have been looked
// up.
struct SocketFilter {
  std::size_t rule = 0;    // of the demand's filters
  std::string executable;  // empty: of any
  std::optional<std::string> group;
  std::size_t conditions = 0;
  wire_filter row{};
};

std::unexpected<Error> undecided(std::string why) { return failure("filter", std::move(why)); }

Result<void> add_condition(const linux::AuditField& field, SocketFilter& to) {
  constexpr std::array kFields = {AUDIT_UID, AUDIT_EUID, AUDIT_GID, AUDIT_LOGINUID};  // by wire_field
  constexpr std::uint32_t kComparisons = AUDIT_LESS_THAN | AUDIT_GREATER_THAN | AUDIT_EQUAL;
  static_assert(kComparisons / AUDIT_LESS_THAN == (WIRE_LESS | WIRE_GREATER | WIRE_EQUAL));
  if (field.field == AUDIT_FILTERKEY) return {};
  if (field.field == AUDIT_EXE) {
    // Of a file that is elsewhere, in a container, the programs cannot tell that its path is the same.
    if (field.op != AUDIT_EQUAL || !to.executable.empty()) return undecided("programs decide one exe= of a rule");
    to.executable = field.text;
    return {};
  }
  const auto place = std::ranges::find(kFields, static_cast<int>(field.field));
  if (place == kFields.end() || (field.op & ~kComparisons) != 0)
    return undecided(fmt::format("programs know no {}", linux::audit_field_name(field.field)));
  if (to.conditions == WIRE_CONDITIONS) return undecided(fmt::format("programs decide {} conditions", WIRE_CONDITIONS));
  to.row.conditions[to.conditions++] = {.field = static_cast<std::uint32_t>(place - kFields.begin()),
                                        .fails = (kComparisons & ~field.op) / AUDIT_LESS_THAN,
                                        .value = field.value};
  return {};
}

// An error's message says why programs cannot decide it.
Result<SocketFilter> socket_filter(const Filter& filter) {
  if (!filter.kinds.test(kKind<SocketEvent>)) return undecided("it is not about sockets");
  if (!filter.never()) return undecided("it takes nothing away");
  if (!filter.rule.has_all_syscalls()) return undecided("programs decide rules over all calls only");
  SocketFilter made;
  for (const auto& field : filter.rule.fields) TRY(add_condition(field, made));
  for (const auto& own : filter.own) {
    if (own.field != OwnField::cgroup) return undecided(fmt::format("programs know no {}", name_of(own.field)));
    // What is not in it now may be in another of its name tomorrow.
    if (!own.equal || made.group) return undecided("programs decide one cgroup= of a rule");
    made.group = own.value;
  }
  if (!made.executable.empty()) made.row.asks |= WIRE_ASKS_EXECUTABLE;
  if (made.group) made.row.asks |= WIRE_ASKS_GROUP;
  return made;
}

// The file at a path, as it is now; none: there is none, or it cannot be told from others. The programs compare
// numbers, which stand for this path as long as it is the file's only one, no link leads over it, and nothing changes
// the file.
wire_executable executable_at(const std::string& path) {
  constexpr std::uint32_t kMinorBits = 20;  // of the kernel's own device numbers
  const auto real = Root::host().real_path(path);
  if (!real || *real != path) return {};
  const auto about = Root::host().stat(path, Links::keep);
  if (!about || !S_ISREG(about->stx_mode) || about->stx_nlink != 1) return {};
  return {.inode = about->stx_ino,
          .ctime = about->stx_ctime.tv_sec,
          .ctime_nanoseconds = about->stx_ctime.tv_nsec,
          .device = about->stx_dev_major << kMinorBits | about->stx_dev_minor};
}

void add(wire_counters& to, const wire_counters& from) {
  to.seen += from.seen;
  to.sent += from.sent;
  to.filtered += from.filtered;
  to.ring_full += from.ring_full;
  to.over_share += from.over_share;
  to.unread += from.unread;
  to.arguments_cut += from.arguments_cut;
  to.arguments_unread += from.arguments_unread;
  to.path_cut += from.path_cut;
  to.answers_lost += from.answers_lost;
}

class Opened final : public BpfSource {
 public:
  explicit Opened(const BpfOptions& options) : options_(options), decoder_(options.meaning) {}
  ~Opened() override { close(); }

  Origin origin() const noexcept override { return Origin::bpf; }
  Kinds offers() const override;
  Kinds adds() const override { return ::access(kTypes, R_OK) == 0 ? kinds<FileEvent>() : Kinds(); }
  Result<void> open(const Demand& demand) override;
  int descriptor() const noexcept override { return ready_.get(); }
  Result<bool> next(EventSink& sink, std::size_t most) override;
  SourceCounts counts() const override;
  void close() noexcept override;
  Result<void> seed(const std::function<void(const Actor&)>& visit) override;
  std::vector<PushedFilter> pushed() const override;

 private:
  struct Reader {
    UniqueFd map;
    Ring ring;
    bool ends = false;  // nothing writes to it any more: it goes once it is empty
  };

  void find_groups();
  Result<void> load(const ProgramEntry& entry);
  void unload(const ProgramEntry& entry);
  Result<void> adopt_maps(const BpfProgram& program);
  void release_maps();
  Result<void> configure(const Demand& demand);
  Result<void> watch();
  void push(const Demand& demand, wire_settings& settings);
  void look_up(SocketFilter& filter) const;
  void renew();
  std::uint64_t hits(std::uint32_t row) const;
  std::uint32_t processors() const { return static_cast<std::uint32_t>(std::max(1L, ::sysconf(_SC_NPROCESSORS_CONF))); }
  int map(std::string_view name) const;
  wire_counters read_counters(int fd, std::uint32_t row) const;
  std::string path_of(std::uint64_t group) const;
  std::string worst_group(std::string_view program, std::uint64_t lost) const;

  const BpfOptions options_;
  // A program at a function that is preempted is not run for others on its processor meanwhile: they would be lost.
  const bool preempted_ = linux::preempts_itself(Root::host());
  const BpfModule* module_ = nullptr;
  UniqueFd ready_;
  std::optional<linux::CgroupHierarchy> unified_;  // cgroup v2
  std::optional<linux::CgroupHierarchy> memory_;   // v1's memory controller
  std::array<std::optional<Reader>, kRings.size()> rings_;
  Decoder decoder_;
  std::uint32_t generation_ = 0;    // of what was pushed
  std::uint64_t next_renewal_ = 0;  // boot time, nanoseconds
  // What counts() reads as well.
  mutable std::mutex mutex_;
  std::map<std::string_view, std::unique_ptr<BpfProgram>> programs_;
  std::map<std::string, UniqueFd, std::less<>> maps_;
  std::map<std::string_view, std::uint64_t> misses_;  // of programs that have been unloaded since
  wire_counters past_[WIRE_PROGRAMS]{};               // of maps that are gone
  std::uint64_t kept_ = 0;
  Decoder::Counts decoded_;
  std::uint64_t nobodys_ = 0;  // closes of connections that were not told of
  std::uint64_t unknown_ = 0;  // records that the decoder refused
  std::uint64_t left_ = 0;     // records that nobody had read when it was closed
  std::optional<std::uint64_t> lag_;
  struct Worst {
    std::uint64_t lost = 0;  // by the program, when it was looked for
    std::string group;
  };
  mutable std::map<std::string_view, Worst> worst_;  // by program
  std::vector<std::string> missing_;
  std::vector<PushedFilter> pushed_;  // hits: those of the row that were there before
  std::vector<SocketFilter> rows_;    // of the map `filters`
};

Kinds Opened::offers() const {
  if (::access(kTypes, R_OK) != 0) return {};
  auto kinds = offered();
  // A kernel without modules has none of the tracepoints; who tries to load one is told by audit.
  if (::access("/proc/modules", F_OK) != 0) kinds.reset(kKind<KernelModuleEvent>);
  return kinds;
}

int Opened::map(std::string_view name) const {
  const auto found = maps_.find(name);
  return found == maps_.end() ? -1 : found->second.get();
}

wire_counters Opened::read_counters(int fd, std::uint32_t row) const {
  std::array<std::uint64_t, sizeof(wire_counters) / sizeof(std::uint64_t)> numbers{};
  // A row that there is: it cannot fail.
  static_cast<void>(module_->sum(fd, row, numbers.data(), numbers.size()));
  return std::bit_cast<wire_counters>(numbers);
}

// Of a number as the programs tell it.
std::string Opened::path_of(std::uint64_t group) const {
  const auto number = group & ~WIRE_MEMORY_GROUP;
  const auto& tree = group == number ? unified_ : memory_;
  auto path = tree ? tree->group(number) : std::nullopt;
  return path ? std::move(*path) : fmt::format("number {}", number);
}

// Who lost most of what a program's ring had no room for. Looked for when the program has lost more; under the lock.
std::string Opened::worst_group(std::string_view program, std::uint64_t lost) const {
  auto& known = worst_[program];
  const auto loaded = programs_.find(program);
  if (lost == known.lost || loaded == programs_.end()) return known.group;
  known.lost = lost;
  const auto maps = loaded->second->maps();
  const auto ring = std::ranges::find_if(kRings, [&](auto name) { return maps.contains(std::string(name)); });
  if (ring == kRings.end()) return known.group;
  std::uint64_t group = 0;
  std::uint64_t most = 0;
  // What cannot be read tells nothing.
  static_cast<void>(module_->each(map(fmt::format("{}_shares", *ring)), sizeof(wire_share) / sizeof(std::uint64_t),
                                  [&](std::uint64_t key, std::span<const std::uint64_t> row) {
                                    const auto its = row[offsetof(wire_share, lost) / sizeof(std::uint64_t)];
                                    if (its > most) group = key;
                                    most = std::max(most, its);
                                  }));
  if (most > 0) known.group = path_of(group);
  return known.group;
}

Result<void> Opened::open(const Demand& wanted) {
  auto demand = wanted;
  demand.kinds &= offers() | adds();
  module_ = TRY(open_module<BpfModule>());
  if (!ready_) ready_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!ready_) return system_failure("bpf");
  if (!unified_ && !memory_) find_groups();
  // Their map of prefixes is made anew.
  if (decoder_.set(demand))
    for (const auto& entry : kPrograms)
      if (entry.wanted == opens) unload(entry);
  release_maps();
  std::vector<const ProgramEntry*> added;
  std::vector<std::pair<const ProgramEntry*, std::string>> refused;
  for (const auto& entry : kPrograms) {
    if (!entry.wanted(demand) || programs_.contains(entry.name) || programs_.contains(entry.unless)) continue;
    auto loaded = load(entry);
    if (!loaded && entry.needed) {
      for (const auto* one : added) unload(*one);
      release_maps();
      if (programs_.empty()) close();
      return loaded;
    }
    if (loaded)
      added.push_back(&entry);
    else if (!entry.of_some || loaded.error().code != ESRCH)
      refused.emplace_back(&entry, loaded.error().text());
  }
  for (const auto& entry : kPrograms)
    if (!entry.wanted(demand)) unload(entry);
  release_maps();
  {
    const std::scoped_lock lock(mutex_);
    missing_.clear();
    for (auto& [entry, why] : refused)
      if (!programs_.contains(entry->otherwise)) missing_.push_back(std::move(why));
  }
  return configure(demand);
}

void Opened::find_groups() {
  const auto text = Root::host().read("/proc/self/mountinfo");
  if (!text) return;
  const auto mounts = parse_mountinfo(text->bytes);
  const std::scoped_lock lock(mutex_);
  unified_ = linux::CgroupHierarchy::unified(mounts);
  memory_ = linux::CgroupHierarchy::of(mounts, "memory");
}

Result<void> Opened::load(const ProgramEntry& entry) {
  BpfLoad wish{.program = entry.name,
               .maps = {},
               .sizes = {{"process_ring", options_.process_ring},
                         {"network_ring", options_.network_ring},
                         {"security_ring", options_.security_ring},
                         {"file_ring", options_.file_ring},
                         {"exec_scratch", processors()},
                         {"call_scratch", processors()},
                         {"call_claims", processors()},
                         {"open_scratch", processors()}},
               .cgroup = unified_ ? unified_->descriptor() : -1,
               .at_functions = !preempted_,
               .types = options_.types};
  for (const auto& [name, fd] : maps_) wish.maps.emplace(name, fd.get());
  auto program = TRY(module_->load(wish));
  const std::scoped_lock lock(mutex_);
  TRY(adopt_maps(*program));
  programs_.emplace(entry.name, std::move(program));
  return {};
}

// What a program has made, the next ones share.
Result<void> Opened::adopt_maps(const BpfProgram& program) {
  for (const auto& [name, fd] : program.maps()) {
    if (name.starts_with(".") || maps_.contains(name)) continue;
    UniqueFd own(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (!own) return system_failure("bpf map");
    const auto ring = std::ranges::find(kRings, name);
    if (ring != kRings.end()) {
      const std::array sizes = {options_.process_ring, options_.network_ring, options_.security_ring,
                                options_.file_ring};
      const auto index = static_cast<std::size_t>(ring - kRings.begin());
      auto mapped = TRY(Ring::map(fd, sizes[index]));
      rings_[index].emplace(Reader{.map = UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 0)), .ring = std::move(mapped)});
      // Only what wakes the descriptor makes it readable: any record would, if it were not for the edge.
      epoll_event event{.events = EPOLLIN | EPOLLET, .data = {}};
      if (::epoll_ctl(ready_.get(), EPOLL_CTL_ADD, rings_[index]->map.get(), &event) != 0)
        return system_failure("bpf ring");
    }
    maps_.emplace(name, std::move(own));
  }
  return {};
}

void Opened::unload(const ProgramEntry& entry) {
  const std::scoped_lock lock(mutex_);
  const auto found = programs_.find(entry.name);
  if (found == programs_.end()) return;
  misses_[entry.name] += found->second->recursion_misses();
  programs_.erase(found);
}

// The maps that no program has any more; those that count stay, and rings until they have been read.
void Opened::release_maps() {
  std::set<std::string, std::less<>> used = {"counters", "settings", "filters", "filter_hits"};
  for (const auto& [name, program] : programs_)
    for (const auto& [map, fd] : program->maps()) used.insert(map);
  const std::scoped_lock lock(mutex_);
  for (std::size_t i = 0; i < rings_.size(); ++i)
    if (rings_[i]) rings_[i]->ends = !used.contains(kRings[i]);
  std::erase_if(maps_, [&](const auto& map) {
    return !used.contains(map.first) && std::ranges::find(kRings, map.first) == kRings.end();
  });
}

Result<void> Opened::configure(const Demand& demand) {
  wire_settings settings{};
  settings.self = static_cast<std::uint32_t>(::getpid());
  settings.environment = !demand.environment.empty();
  settings.kills = demand.kills && of<ProcessEvent>(demand);
  if (struct stat root{}; ::stat("/", &root) == 0) {
    settings.root_inode = root.st_ino;
    settings.root_device = static_cast<std::uint32_t>(major(root.st_dev) << 20 | minor(root.st_dev));
  }
  for (const auto& entry : kPrograms)
    if (entry.wanted(demand) && !programs_.contains(entry.unless)) settings.calls |= 1U << entry.row;
  const int fd = map("settings");
  if (fd < 0) return {};
  // No rule holds while they are written.
  TRY(module_->set(fd, 0, &settings));
  push(demand, settings);
  TRY(module_->set(fd, 0, &settings));
  return opens(demand) ? watch() : Result<void>();
}

// Which paths are told of: what is too much for the kernel's map is told of wholly, and weighed here.
Result<void> Opened::watch() {
  const int fd = map("watched_prefixes");
  if (fd < 0) return {};
  auto prefixes = decoder_.watched();
  if (prefixes.size() > WIRE_PREFIXES) prefixes = {""};
  for (const auto& text : prefixes) {
    wire_prefix prefix{};
    const auto size = text == "/" ? 0 : text.copy(prefix.text, sizeof(prefix.text));
    prefix.bits = static_cast<std::uint32_t>(8 * size);
    const std::uint8_t yes = 1;
    TRY(module_->put(fd, &prefix, &yes));
  }
  return {};
}

void Opened::look_up(SocketFilter& filter) const {
  if (!filter.executable.empty()) filter.row.executable = executable_at(filter.executable);
  if (!filter.group) return;
  const auto number = [&](const auto& tree) { return tree ? tree->number(*filter.group).value_or(0) : 0; };
  const auto of_memory = number(memory_);
  filter.row.groups[0] = number(unified_);
  filter.row.groups[1] = of_memory ? of_memory | WIRE_MEMORY_GROUP : 0;
}

bool has_same_files_and_groups(const wire_filter& a, const wire_filter& b) {
  const auto parts = [](const wire_filter& one) {
    const auto& file = one.executable;
    return std::tuple(file.inode, file.device, file.ctime, file.ctime_nanoseconds, one.groups[0], one.groups[1]);
  };
  return parts(a) == parts(b);
}

// Files are replaced, groups come again. Between that and this the programs let pass what they do not know: it is the
// agent's then.
void Opened::renew() {
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    auto& filter = rows_[i];
    const auto before = filter.row;
    look_up(filter);
    if (has_same_files_and_groups(before, filter.row)) continue;
    // What cannot be written is what it was, and matches what is there no more.
    static_cast<void>(module_->set(map("filters"), static_cast<std::uint32_t>(i), &filter.row));
  }
}

// Those that programs can decide go into their map, in their order.
void Opened::push(const Demand& demand, wire_settings& settings) {
  std::vector<PushedFilter> pushed;
  std::vector<SocketFilter> rows;
  const int fd = map("filters");
  const std::vector<Filter> none;
  const auto& filters = demand.filters ? demand.filters->rules() : none;
  std::string behind;
  for (std::size_t i = 0; i < filters.size(); ++i) {
    const auto& filter = filters[i];
    auto& one = pushed.emplace_back(PushedFilter{.rule = i, .installed = false, .reason = {}, .hits = {}});
    auto made = socket_filter(filter);
    if (made && !of<SocketEvent>(demand)) made = undecided("nobody asks for sockets");
    if (made && !behind.empty()) made = undecided(fmt::format("it stands behind {}", behind));
    if (made && rows.size() == WIRE_FILTERS) made = undecided(fmt::format("the programs hold {}", WIRE_FILTERS));
    if (made) {
      look_up(*made);
      if (const auto set = module_->set(fd, static_cast<std::uint32_t>(rows.size()), &made->row); !set)
        made = std::unexpected(set.error());
    }
    if (made) {
      one.installed = true;
      one.hits = hits(static_cast<std::uint32_t>(rows.size()));
      made->rule = i;
      settings.filter_asks |= made->row.asks;
      rows.push_back(std::move(*made));
    } else {
      one.reason = made.error().message;
    }
    if (!filter.never() && filter.rule.first && filter.kinds.test(kKind<SocketEvent>)) behind = filter.id;
  }
  settings.filters = static_cast<std::uint32_t>(rows.size());
  settings.generation = ++generation_;
  const std::scoped_lock lock(mutex_);
  pushed_ = std::move(pushed);
  rows_ = std::move(rows);
}

std::uint64_t Opened::hits(std::uint32_t row) const {
  std::uint64_t sum = 0;
  if (const int fd = map("filter_hits"); fd >= 0) static_cast<void>(module_->sum(fd, row, &sum, 1));
  return sum;
}

std::vector<PushedFilter> Opened::pushed() const {
  const std::scoped_lock lock(mutex_);
  auto pushed = pushed_;
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    auto& one = pushed[rows_[row].rule];
    one.hits = hits(static_cast<std::uint32_t>(row)) - one.hits.value_or(0);
  }
  return pushed;
}

Result<bool> Opened::next(EventSink& sink, std::size_t most) {
  std::array<epoll_event, kRings.size()> events;
  ::epoll_wait(ready_.get(), events.data(), static_cast<int>(events.size()), 0);
  // The positions in the other order than they are read in: what a process did is told after that it came to be.
  std::array<std::uint64_t, kRings.size()> until{};
  for (std::size_t i = rings_.size(); i-- > 0;)
    if (rings_[i]) until[i] = rings_[i]->ring.produced();
  std::size_t given = 0;
  std::size_t refused = 0;
  std::size_t read = 0;
  bool more = false;
  for (std::size_t i = 0; i < rings_.size() && !more; ++i) {
    if (!rings_[i]) continue;
    auto& ring = rings_[i]->ring;
    while (const auto record = ring.next(until[i])) {
      const auto events_of_it = decoder_.give(*record, sink);
      given += events_of_it.value_or(0);
      refused += !events_of_it;
      if (given + refused >= most) {
        more = true;
        break;
      }
      if (++read % kMost == 0) ring.release();
    }
    ring.release();
  }
  const auto time = boot_nanoseconds();
  if (time >= next_renewal_) {
    next_renewal_ = time + static_cast<std::uint64_t>(std::chrono::nanoseconds(options_.renewal).count());
    renew();
  }
  if (!more) given += decoder_.give_unanswered(time - std::min(time, kPatience), sink);
  const auto newest = decoder_.newest();
  const std::scoped_lock lock(mutex_);
  for (std::size_t i = 0; i < rings_.size(); ++i)
    if (rings_[i] && rings_[i]->ends && !more) {
      maps_.erase(maps_.find(kRings[i]));
      rings_[i].reset();
    }
  kept_ += given;
  unknown_ += refused;
  nobodys_ = decoder_.unattributed();
  decoded_ = decoder_.counts();
  if (read > 0) lag_ = time - std::min(time, newest);
  return more;
}

SourceCounts Opened::counts() const {
  const std::scoped_lock lock(mutex_);
  SourceCounts all{
      .seen = 0, .kept = kept_, .filtered = 0, .dropped = {}, .lag = lag_, .partial = {}, .missing = missing_};
  std::uint64_t sent = 0;
  const int fd = map("counters");
  std::array<bool, WIRE_PROGRAMS> told{};
  for (const auto& entry : kPrograms) {
    std::uint64_t misses = 0;
    if (const auto past = misses_.find(entry.name); past != misses_.end()) misses += past->second;
    if (const auto loaded = programs_.find(entry.name); loaded != programs_.end())
      misses += loaded->second->recursion_misses();
    const auto tell = [&](std::vector<SourceCounts::Drop>& where, std::string_view reason, std::uint64_t count,
                          const std::string& group = {}) {
      if (count > 0)
        where.push_back({.stage = std::string(entry.name),
                         .reason = std::string(reason),
                         .count = count,
                         .exact = true,
                         .worst_cgroup = group});
    };
    tell(all.dropped, "recursion", misses);
    *all.seen += misses;
    if (std::exchange(told[entry.row], true)) continue;
    wire_counters row = past_[entry.row];
    if (fd >= 0) add(row, read_counters(fd, entry.row));
    *all.seen += row.seen;
    *all.filtered += row.filtered;
    sent += row.sent;
    const auto no_room = row.ring_full + row.over_share;
    const auto worst = no_room > 0 ? worst_group(entry.name, no_room) : std::string();
    tell(all.dropped, "ring full", row.ring_full, worst);
    tell(all.dropped, "ring full: its group's share", row.over_share, worst);
    tell(all.dropped, "unreadable", row.unread);
    tell(all.partial, "arguments cut", row.arguments_cut);
    tell(all.partial, "arguments not resident", row.arguments_unread);
    tell(all.partial, "path cut", row.path_cut);
    tell(all.partial, "answer lost", row.answers_lost);
  }
  if (decoded_.cut > 0)
    all.partial.push_back(
        {.stage = "dns", .reason = "segment cut", .count = decoded_.cut, .exact = true, .worst_cgroup = {}});
  *all.filtered += decoded_.unwatched + nobodys_;
  *all.seen += decoded_.repeated;
  if (unknown_ > 0)
    all.dropped.push_back(
        {.stage = "decoder", .reason = "malformed", .count = unknown_, .exact = true, .worst_cgroup = {}});
  if (left_ > 0)
    all.dropped.push_back({.stage = "ring", .reason = "closed", .count = left_, .exact = true, .worst_cgroup = {}});
  // What lies in the rings is not seen yet.
  *all.seen -= sent - std::min(sent, kept_ - decoded_.repeated + decoded_.unwatched + nobodys_ + unknown_ + left_);
  return all;
}

void Opened::close() noexcept {
  const std::scoped_lock lock(mutex_);
  for (const auto& [name, program] : programs_) misses_[name] += program->recursion_misses();
  programs_.clear();
  const int fd = map("counters");
  std::uint64_t sent = 0;
  for (std::uint32_t row = 0; row < WIRE_PROGRAMS; ++row) {
    add(past_[row], fd >= 0 ? read_counters(fd, row) : wire_counters{});
    sent += past_[row].sent;
  }
  left_ = sent - std::min(sent, kept_ - decoded_.repeated + decoded_.unwatched + nobodys_ + unknown_);
  decoder_.forget();
  for (auto& ring : rings_) ring.reset();
  maps_.clear();
  missing_.clear();
  pushed_.clear();
  rows_.clear();
  ready_.reset();
  unified_.reset();
  memory_.reset();
}

Result<void> Opened::seed(const std::function<void(const Actor&)>& visit) {
  const BpfModule* const module = TRY(open_module<BpfModule>());
  const auto program = TRY(module->load({.program = "tasks", .maps = {}, .sizes = {{"task_scratch", processors()}}}));
  const auto iterator = TRY(program->iterate());
  std::vector<std::byte> bytes;
  constexpr std::size_t kStep = 64 << 10;
  for (std::size_t end = 0;;) {
    bytes.resize(end + kStep);
    const auto got = ::read(iterator.get(), bytes.data() + end, kStep);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_failure("bpf iterator");
    bytes.resize(end += static_cast<std::size_t>(got));
    if (got == 0) break;
  }
  Decoder decoder;
  Actor actor;
  for (std::span<const std::byte> rest = bytes; !rest.empty();) {
    if (!decoder.take_task(rest, actor)) return failure("bpf iterator", "wrote what is no process");
    visit(actor);
  }
  return {};
}

}  // namespace

std::unique_ptr<BpfSource> make_bpf_source(const BpfOptions& options) { return std::make_unique<Opened>(options); }

}  // namespace osprey::events::bpf
