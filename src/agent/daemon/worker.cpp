#include "agent/daemon/worker.h"

#include <fmt/format.h>
#include <linux/capability.h>
#include <malloc.h>
#include <poll.h>
#include <sqlite3.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "agent/carve/carver.h"
#include "agent/config/config_manager.h"
#include "agent/config/config_refresh.h"
#include "agent/daemon/host_identity.h"
#include "agent/daemon/program_text.h"
#include "agent/daemon/service_manager.h"
#include "agent/differential/differential.h"
#include "agent/distributed/distributed.h"
#include "agent/events/event_capture.h"
#include "agent/limits/group_monitor.h"
#include "agent/limits/io_limits.h"
#include "agent/limits/limits.h"
#include "agent/limits/losses.h"
#include "agent/limits/scan_errors.h"
#include "agent/logging/log_buffer.h"
#include "agent/logging/sink_runner.h"
#include "agent/remote/host_details.h"
#include "agent/remote/tls_remote.h"
#include "agent/schedule/death_note.h"
#include "agent/schedule/scheduler.h"
#include "agent/watcher/performance_limits.h"
#include "agent/watcher/usage.h"
#include "agent/watcher/watcher.h"
#include "linux/files/digest_cache.h"
#include "linux/files/io_budget.h"
#include "linux/files/magic.h"
#include "linux/sandbox/capabilities.h"
#include "linux/sandbox/zygote.h"
#include "linux/yara/yara_engine.h"
#include "sql/memory.h"
#include "store/memory_store.h"
#include "store/rocksdb_store.h"

namespace osprey::agent {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kMegabyte = 1 << 20;
constexpr int kOpenTries = 25;  // of a store that the worker before may still hold
constexpr auto kBetweenTries = 200ms;
constexpr std::chrono::milliseconds kBetweenRoomTries = 5s;  // of a full disk
constexpr auto kStartTime = 5s;                              // after which its code may be forgotten
constexpr auto kTrimInterval = 10s;                          // between two looks at how much memory is resident
constexpr auto kSyncInterval = 1s;                           // what a power cut may take back

// What the tables and sinks that there are need of root's powers: reading what is not ours, other processes' links and
// memory maps, the kernel's log and registers, network settings, O_NOATIME on others' files, System V memory.
constexpr std::array kCapabilities = {CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE, CAP_SYSLOG,   CAP_SYS_RAWIO,
                                      CAP_NET_ADMIN,       CAP_FOWNER,     CAP_IPC_OWNER};

bool belongs_to_us(const std::string& path) {
  struct stat about{};
  return ::stat(path.c_str(), &about) != 0 || about.st_uid == ::geteuid();
}

class Worker {
 public:
  Worker(const Flags& flags, const Program& program, sql::Registry& registry, StatusLog& status)
      : flags_(flags), program_(program), registry_(registry), status_(status), secret_(EnrollSecret::of(flags)) {}

  int run() {
    ::prctl(PR_SET_NAME, program_.name.c_str());  // execve(2) of /proc/self/exe has called it "exe"
    // An arena a thread would keep what each has freed.
    ::mallopt(M_ARENA_MAX, 2);
    // Before there are threads: they inherit the mask, the zygote has none of them, and all but the one that captures
    // events have few rights.
    block_signals();
    sql::account_for_memory();
    linux::magic_reader();
    linux::yara_engine();
    if (const auto started = linux::start_zygote(); !started) status_.warning(started.error().text());
    if (const auto given = keep_capabilities(true); !given) status_.warning(given.error().text());

    Result<void> opened;
    with_few_rights([&] { opened = open_store(); });
    if (!opened) return fail(opened.error().text());
    digests_ = std::make_shared<linux::DigestCache>(
        static_cast<std::size_t>(std::max<std::int64_t>(flags_.number("hash_cache_max"), 0)));
    io_budget_ = std::make_shared<linux::IoBudget>(io_rates(flags_));
    if (opened = open_events(); !opened) status_.error(fmt::format("no events: {}", opened.error().text()));
    if (const auto given = keep_capabilities(false); !given) status_.warning(given.error().text());
    start_services();
    if (const auto ready = load_configuration(); !ready) return fail(ready.error().text());
    if (server_stop_.requested()) return 0;
    if (const auto started = start_sinks(); !started)
      return server_stop_.requested() ? 0 : fail(started.error().text());
    start_queries();
    notify_service_manager("READY=1");
    const int status = loop();
    notify_service_manager("STOPPING=1");
    stop();
    return status;
  }

 private:
  int fail(const std::string& why) {
    status_.error(why);
    status_.set_receiver(nullptr);
    return kCatastrophic;
  }

  void block_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&signals, signal);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    signals_.reset(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    wake_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  }

  bool is_ephemeral() const { return flags_.boolean("disable_database") || flags_.boolean("ephemeral"); }
  bool wants_events() const { return !flags_.boolean("disable_events"); }

  std::vector<int> capabilities(bool events_too) const {
    std::vector<int> kept(kCapabilities.begin(), kCapabilities.end());
    if (events_too && wants_events()) {
      const auto more = event_capabilities();
      kept.insert(kept.end(), more.begin(), more.end());
    }
    // Where the folders we write to are another user's, root's right to do so is needed after all.
    const bool ours = belongs_to_us(std::string(flags_.text("database_path"))) &&
                      belongs_to_us(std::string(flags_.text("logger_path")));
    if (!ours) kept.push_back(CAP_DAC_OVERRIDE);
    return kept;
  }

  // Gives the others away; those of event sources are kept until their thread has them.
  Result<void> keep_capabilities(bool events_too) const {
    if (::geteuid() != 0) return {};
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return linux::keep_only_capabilities(capabilities(events_too));
  }

  // Does, while those of event sources are still kept, what starts threads that are to do without.
  void with_few_rights(const std::function<void()>& job) const {
    if (::geteuid() != 0) return job();
    linux::thread_with_only(capabilities(false), "store", job).join();
  }

  Result<void> open_store() {
    if (is_ephemeral()) {
      store_ = store::memory_store();
      return {};
    }
    const store::RocksdbOptions options{.directory = std::string(flags_.text("database_path")),
                                        .cap_bytes = megabytes("disk_limit_mb"),
                                        .free_floor_bytes = megabytes("free_space_floor_mb")};
    auto opened = store::open_rocksdb(options);
    for (int i = 1; i < kOpenTries && !opened && opened.error().code == EBUSY; ++i) {
      std::this_thread::sleep_for(kBetweenTries);
      opened = store::open_rocksdb(options);
    }
    // A full disk is no reason to be gone: it may have room again.
    bool told = false;
    while (!opened && opened.error().code == ENOSPC) {
      if (!std::exchange(told, true)) status_.error(fmt::format("{}: waiting for room", opened.error().text()));
      if (pollfd stop{signals_.get(), POLLIN, 0}; ::poll(&stop, 1, static_cast<int>(kBetweenRoomTries.count())) > 0)
        break;
      opened = store::open_rocksdb(options);
    }
    if (!opened) return std::unexpected(std::move(opened.error()));
    if (!opened->set_aside.empty())
      status_.error(fmt::format("the store was damaged and is set aside as {}: {}", opened->set_aside, opened->reason));
    else if (!opened->reason.empty())
      status_.error(fmt::format("the store was damaged: {}", opened->reason));
    for (const auto& path : opened->dropped) status_.warning(fmt::format("removed {}, set aside earlier", path));
    store_ = std::move(opened->store);
    return {};
  }

  Result<void> open_events() {
    if (!wants_events()) return {};
    events_ = TRY(EventCapture::open({.program = program_,
                                      .flags = flags_,
                                      .registry = registry_,
                                      .status = status_,
                                      .store = *store_,
                                      .digests = digests_,
                                      .budget = io_budget_,
                                      .with_few_rights = [this](const auto& job) { with_few_rights(job); },
                                      .largest_hashed = flags_.number("read_max"),
                                      .ephemeral = is_ephemeral()}));
    limits_.add([this] { return std::vector<Limit>{events_->limit()}; });
    return {};
  }

  std::uint64_t megabytes(FlagName flag) const {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(flags_.number(flag), 0)) * kMegabyte;
  }

  void start_services() {
    losses_.emplace(*store_);
    if (events_) events_->count_losses(*losses_);
    identity_.emplace(*store_, Root::host());
    limits_.add([this] { return io_limits(*io_budget_); });
    limits_.add([this] { return std::vector<Limit>{disk_limit()}; });
    limits_.add([] { return std::vector<Limit>{yara_limit()}; });
    remote_.emplace(RemoteParts{.program = program_,
                                .flags = flags_,
                                .store = *store_,
                                .status = status_,
                                .secret = secret_,
                                .host_identifier = [this] { return host_identifier(); },
                                .host_details = [this] { return details_of_host(); }});
    monitor_.emplace(GroupMonitor::Options{
        .limits = GroupLimits::of(flags_), .watched = program_.watcher > 0, .shed = [this] { shed_caches(); }});
    limits_.add([this] { return monitor_->report(); });
  }

  Limit disk_limit() const {
    Limit limit{.name = "disk", .scope = "agent", .kind = "hard", .enforced_by = "store"};
    if (const auto cap = megabytes("disk_limit_mb")) limit.limit_value = static_cast<std::int64_t>(cap);
    limit.used = static_cast<std::int64_t>(store_->disk_bytes());
    limit.unit = "bytes";
    limit.configured_by = "disk_limit_mb";
    return limit;
  }

  static Limit yara_limit() {
    const auto usage = linux::yara_engine().rule_sets.usage();
    Limit limit{.name = "yara_rules", .scope = "agent", .kind = "soft", .enforced_by = "rule cache"};
    limit.limit_value = static_cast<std::int64_t>(usage.most_bytes);
    limit.used = static_cast<std::int64_t>(usage.bytes);
    limit.unit = "bytes";
    limit.struck = static_cast<std::int64_t>(usage.forgotten);
    return limit;
  }

  // Memory is short: gives back what can be had again. On the monitor's thread.
  void shed_caches() {
    status_.warning("memory is at its soft mark: caches are given up");
    digests_->clear();
    linux::yara_engine().rule_sets.clear();
    store_->shed_caches();
    ::sqlite3_release_memory(INT32_MAX);
    ::malloc_trim(0);
    forget_program_text();
  }

  Result<void> load_configuration() {
    auto plugin = TRY(make_config_plugin(
        flags_, program_, [this](const auto& text) { status_.warning(text); }, ConfigServer{*remote_, server_stop_}));
    configuration_.emplace(
        ConfigManager::Parts{.program = program_,
                             .base = flags_,
                             .plugin = std::move(plugin),
                             .store = store_.get(),
                             .tell = [this](auto severity, const auto& text) { tell(severity, text); },
                             .host_name = host_name()});
    configuration_->add_listener([this](const ConfigurationPtr&) { wake(); });
    // Without a configuration there is nothing to do, and that is no reason not to run: it may come.
    Result<void> loaded;
    wait_for_server([&] { loaded = configuration_->load(); });
    if (!loaded && program_.osquery_compatible) status_.warning(osquery_failure(loaded.error()));
    return {};
  }

  // Does what may take as long as a server likes; an order to stop ends it, and the worker after it.
  void wait_for_server(const std::function<void()>& work) {
    std::atomic<bool> done = false;
    const std::jthread thread([&] {
      work();
      done = true;
      wake();
    });
    while (!done) {
      std::array<pollfd, 2> ready{{{signals_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}}};
      ::poll(ready.data(), ready.size(), -1);
      std::uint64_t count = 0;
      static_cast<void>(::read(wake_.get(), &count, sizeof count));
      signalfd_siginfo info{};
      while (::read(signals_.get(), &info, sizeof info) == sizeof info)
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) server_stop_.request();
    }
  }

  std::string details_of_host() {
    auto program = program_;
    sql::Services services;
    services.provide(program);
    services.provide(*identity_);
    services.provide(*configuration_);
    return host_details({.registry = &registry_,
                         .services = &services,
                         .osquery_compatible = program_.osquery_compatible,
                         .hidden_tables = {},
                         .extra_tables = {}});
  }

  void tell(protocol::Severity severity, const std::string& text) {
    if (severity == protocol::Severity::info)
      status_.info(text);
    else if (severity == protocol::Severity::warning)
      status_.warning(text);
    else
      status_.error(text);
  }

  Result<void> start_sinks() {
    const auto now = configuration_->current();
    buffer_ = TRY(open_log_buffer(*store_, *losses_, status_, buffer_options(now->flags)));
    sinks_.emplace(*buffer_, SinkParts{.program = program_,
                                       .status = status_,
                                       .losses = *losses_,
                                       .host_identifier = [this] { return host_identifier(); },
                                       .decorations = [this] { return decorations(); },
                                       .remote = &*remote_});
    if (!now->flags.boolean("disable_logging")) {
      if (program_.osquery_compatible) TRY(enrol_for_sinks(*now));
      TRY(sinks_->start(now));
    }
    queue_status_lines(status_, *buffer_);
    differential_ = make_differential(*store_, *buffer_, status_);
    return {};
  }

  // Under our own name lines wait for the node key. osquery does not start without.
  Result<void> enrol_for_sinks(const Configuration& configuration) {
    const auto names = sinks_of(configuration);
    if (std::ranges::find(names, "tls") == names.end()) return {};
    Result<void> enrolled;
    wait_for_server([&] { enrolled = remote_->enrol(server_stop_); });
    if (enrolled && !server_stop_.requested()) return {};
    return failure({}, "Cannot activate tls logger plugin: No node key, TLS logging disabled.");
  }

  protocol::Decorations decorations() const {
    const auto* scheduler = running_scheduler_.load();
    return scheduler ? scheduler->decorations(*configuration_->current()) : protocol::Decorations();
  }

  LogBufferOptions buffer_options(const Flags& flags) const {
    // The rest is for differential state, events and the files being compacted.
    return {.cap_bytes = megabytes("disk_limit_mb") / 2,
            .cap_lines = static_cast<std::uint64_t>(std::max<std::int64_t>(flags.number("buffered_log_max"), 0))};
  }

  std::string host_identifier() const { return identity_->identifier(configuration_->current()->flags); }

  Root root_to_look_at() {
    const auto directory = flags_.text("root");
    if (directory.empty()) return Root::host();
    auto opened = Root::at(std::string(directory));
    if (opened) return *opened;
    status_.error(fmt::format("--root {}", opened.error().text()));
    return Root::host();
  }

  void start_queries() {
    const auto root = root_to_look_at();
    start_carver(root);
    scheduler_.emplace(SchedulerParts{
        .program = program_,
        .registry = registry_,
        .store = *store_,
        .differential = *differential_,
        .status = status_,
        .scan_errors = scan_errors_,
        .limits = limits_,
        .root = root,
        .journal = journal(),
        .provide = [this](sql::Services& services) { provide(services); },
        .discovered = [this](auto packs) { configuration_->set_active_packs(std::move(packs)); },
        .host_identifier = [this] { return host_identifier(); },
        .host_name = host_name(),
        .last_death = last_death(),
    });
    running_scheduler_ = &*scheduler_;
    make_distributed(root);
    apply(configuration_->current());
    refresh_.emplace(*configuration_, refresh_times(flags_, program_));
  }

  void start_carver(const Root& root) {
    if (flags_.boolean("disable_carver")) return;
    carver_.emplace(CarverParts{.program = program_,
                                .store = *store_,
                                .remote = *remote_,
                                .status = status_,
                                .budget = &*io_budget_,
                                .root = root,
                                .options = carver_options(flags_)});
    carves_.emplace(&*carver_);
    carver_->start();
  }

  void make_distributed(const Root& root) {
    if (const auto plugin = flags_.text("distributed_plugin"); plugin != "tls")
      return status_.error(fmt::format("--distributed_plugin={}: there is only tls: no live queries", plugin));
    distributed_.emplace(DistributedParts{.program = program_,
                                          .registry = registry_,
                                          .store = *store_,
                                          .remote = *remote_,
                                          .status = status_,
                                          .scan_errors = scan_errors_,
                                          .losses = *losses_,
                                          .limits = limits_,
                                          .root = root,
                                          .journal = journal(),
                                          .provide =
                                              [this](sql::Services& services) {
                                                provide(services);
                                                services.provide(*scheduler_);
                                              },
                                          .carver = carver_ ? &*carver_ : nullptr});
  }

  const events::Journal* journal() const { return events_ ? &events_->journal() : nullptr; }

  void provide(sql::Services& services) {
    services.provide(registry_);
    services.provide(*configuration_);
    services.provide(limits_);
    services.provide(*losses_);
    services.provide(scan_errors_);
    services.provide(*store_);
    services.provide(*sinks_);
    services.provide(*identity_);
    services.provide(*io_budget_);
    services.provide<Remote>(*remote_);
    if (!flags_.boolean("disable_hash_cache")) services.provide(*digests_);
    if (carves_) carves_->provide(services);
    if (events_) events_->provide(services);
  }

  void apply(const ConfigurationPtr& configuration) {
    applied_ = configuration;
    status_.set_levels(levels_of(configuration->flags));
    buffer_->set_options(buffer_options(configuration->flags));
    sinks_->configure(configuration);
    scheduler_->apply(configuration);
    if (distributed_) distributed_->apply(configuration);
    if (events_) events_->apply(*configuration);
  }

  void wake() const noexcept {
    const std::uint64_t one = 1;
    (void)!::write(wake_.get(), &one, sizeof one);
  }

  // Until told to stop. Returns the exit status.
  int loop() {
    auto start_is_over = std::chrono::steady_clock::now() + kStartTime;
    for (;;) {
      std::array<pollfd, 2> ready{{{signals_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}}};
      ::poll(ready.data(), ready.size(), static_cast<int>(std::chrono::milliseconds(kSyncInterval).count()));
      signalfd_siginfo info{};
      while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
        switch (info.ssi_signo) {
          case SIGHUP:
            refresh_->now();
            break;
          case SIGUSR1:
            scheduler_->limit_hit();
            if (distributed_) distributed_->limit_hit();
            break;
          default:
            return 0;
        }
      }
      std::uint64_t count = 0;
      if (::read(wake_.get(), &count, sizeof count) == sizeof count && configuration_->current() != applied_)
        apply(configuration_->current());
      if (program_.watcher > 0 && ::getppid() != program_.watcher) {
        status_.warning("the watcher is gone: stopping");
        return 0;
      }
      save();
      trim_memory();
      if (std::chrono::steady_clock::now() >= start_is_over) {
        forget_program_text();
        start_is_over = std::chrono::steady_clock::time_point::max();
      }
      if (store_->damage()) {
        status_.error(fmt::format("the store is damaged: {}; another worker sets it aside", *store_->damage()));
        return EXIT_FAILURE;
      }
    }
  }

  // Gives free memory back to the system where much is resident (--malloc_trim_threshold, in megabytes; 0: never).
  void trim_memory() {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_trim_) return;
    next_trim_ = now + kTrimInterval;
    const auto& flags = applied_->flags;
    auto threshold = std::max<std::int64_t>(flags.number("malloc_trim_threshold"), 0);
    if (!flags.is_set("malloc_trim_threshold") && program_.watcher > 0)
      threshold = static_cast<std::int64_t>(performance_limits(flags).memory_mb) * 4 / 5;
    if (threshold > 0 && usage_of(::getpid()).resident_bytes > static_cast<std::uint64_t>(threshold) * kMegabyte)
      ::malloc_trim(0);
  }

  // What counts up is kept now and then, and what was written survives a power cut from here on.
  void save() {
    losses_->save();
    // Without room both are tried again in a second; the store tells of damage itself.
    static_cast<void>(store_->sync());
    if (events_) events_->sync();
  }

  void stop() {
    server_stop_.request();
    refresh_.reset();
    scheduler_->stop();
    if (distributed_) distributed_->stop();
    if (carver_) carver_->stop();
    if (events_) events_->stop();
    status_.set_receiver(nullptr);
    const bool all_left = sinks_->stop();
    save();
    // A sink that hangs still holds what would be destroyed now.
    if (!all_left) ::_exit(0);
  }

  const Flags& flags_;
  const Program& program_;
  sql::Registry& registry_;
  StatusLog& status_;
  const EnrollSecret secret_;
  Interrupt server_stop_;  // of what waits for the server on none of the sinks' threads
  UniqueFd signals_;
  UniqueFd wake_;

  Limits limits_;
  ScanErrors scan_errors_;
  std::unique_ptr<store::Store> store_;
  std::optional<Losses> losses_;
  std::optional<HostIdentity> identity_;
  std::shared_ptr<linux::DigestCache> digests_;
  std::shared_ptr<linux::IoBudget> io_budget_;
  std::unique_ptr<EventCapture> events_;
  std::optional<TlsRemote> remote_;
  std::optional<GroupMonitor> monitor_;
  std::optional<ConfigManager> configuration_;
  ConfigurationPtr applied_;
  std::chrono::steady_clock::time_point next_trim_;
  std::unique_ptr<LogBuffer> buffer_;
  std::optional<SinkRunners> sinks_;
  std::unique_ptr<Differential> differential_;
  std::optional<Carver> carver_;
  std::optional<CarveDesk> carves_;
  std::optional<Scheduler> scheduler_;
  std::atomic<const Scheduler*> running_scheduler_ = nullptr;  // for who may ask before it is there
  std::optional<Distributed> distributed_;
  std::optional<ConfigRefresh> refresh_;
};

}  // namespace

int run_worker(const Flags& flags, const Program& program, sql::Registry& registry, StatusLog& status) {
  return Worker(flags, program, registry, status).run();
}

}  // namespace osprey::agent
