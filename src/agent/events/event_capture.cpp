#include "agent/events/event_capture.h"

#include <fmt/format.h>
#include <linux/capability.h>

#include <array>
#include <filesystem>
#include <numeric>
#include <thread>

#include "agent/config/yara_settings.h"
#include "agent/events/event_demand.h"
#include "agent/events/event_sources.h"
#include "agent/events/event_switch.h"
#include "linux/sandbox/capabilities.h"

namespace osprey::agent {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kMegabyte = 1 << 20;
constexpr int kOpenTries = 25;  // of a journal that the worker before may still hold
constexpr auto kBetweenTries = 200ms;
constexpr std::string_view kJournalCursor = "journald.cursor";

// What sources need of root's powers: BPF, audit, fanotify and mounts' handles, netlink, other processes' links.
constexpr std::array kCapabilities = {CAP_BPF,          CAP_PERFMON,   CAP_SYS_ADMIN,       CAP_AUDIT_CONTROL,
                                      CAP_AUDIT_READ,   CAP_NET_ADMIN, CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE,
                                      CAP_SYS_RESOURCE, CAP_FOWNER,    CAP_DAC_OVERRIDE,    CAP_CHOWN};

// Shares of what the journal may hold, by kind: what is most of what happens has most room.
constexpr std::uint64_t share_of(std::size_t kind) {
  using namespace events;
  switch (kind) {
    case kKind<ProcessEvent>:
    case kKind<SocketEvent>:
    case kKind<FileEvent>:
    case kKind<ProcessFileEvent>:
      return 4;
    case kKind<ExitEvent>:
    case kKind<DnsEvent>:
    case kKind<SyslogEvent>:
      return 2;
    default:
      return 1;
  }
}

Result<store::OpenedFifo> open_journal(const store::FifoOptions& options) {
  auto opened = store::open_fifo(options);
  for (int i = 1; i < kOpenTries && !opened && opened.error().code == EBUSY; ++i) {
    std::this_thread::sleep_for(kBetweenTries);
    opened = store::open_fifo(options);
  }
  return opened;
}

}  // namespace

std::span<const int> event_capabilities() noexcept { return kCapabilities; }

std::string journal_directory(std::string_view database_path) { return fmt::format("{}.events", database_path); }

std::vector<store::FifoFamily> journal_families(const Flags& flags) {
  const auto megabytes = static_cast<std::uint64_t>(std::max<std::int64_t>(flags.number("events_limit_mb"), 0));
  const auto total = std::max(megabytes * kMegabyte, store::kFifoOverhead) - store::kFifoOverhead;
  std::uint64_t shares = 0;
  for (std::size_t kind = 0; kind < events::kKinds; ++kind) shares += share_of(kind);
  std::vector<store::FifoFamily> families;
  families.reserve(events::kKinds);
  for (std::size_t kind = 0; kind < events::kKinds; ++kind)
    families.push_back(
        {std::string(events::kFamilies[kind]), std::max(total / shares * share_of(kind), store::kLeastFamily)});
  return families;
}

Result<std::unique_ptr<EventCapture>> EventCapture::open(Parts parts) {
  const auto families = journal_families(parts.flags);
  std::uint64_t cap = store::kFifoOverhead;
  for (const auto& family : families) cap += family.cap_bytes;
  std::unique_ptr<EventCapture> made(new EventCapture(parts, cap));
  if (parts.ephemeral) {
    std::error_code ignored;
    auto scratch = TRY(ScratchJournal::make(std::filesystem::temp_directory_path(ignored).string()));
    made->scratch_.emplace(std::move(scratch));
  }
  const auto directory = made->scratch_ ? made->scratch_->path() : journal_directory(parts.flags.text("database_path"));
  Result<store::OpenedFifo> tried;
  parts.with_few_rights([&] { tried = open_journal({directory, families}); });
  auto opened = TRY(std::move(tried));
  if (!opened.reason.empty())
    parts.status.error(fmt::format("the event journal was damaged{}{}: {}",
                                   opened.set_aside.empty() ? "" : " and is set aside as ", opened.set_aside,
                                   opened.reason));
  made->store_ = std::move(opened.store);
  made->journal_.emplace(*made->store_, std::vector<std::string>(events::kFamilies.begin(), events::kFamilies.end()));
  made->stored_cursor_ = made->told_cursor_ = TRY(parts.store.get(store::Family::events, kJournalCursor)).value_or("");
  auto sources = event_sources({.flags = parts.flags,
                                .osquery_compatible = parts.program.osquery_compatible,
                                .journal_cursor = made->stored_cursor_,
                                .budget = parts.budget.get()});
  made->yara_ = sources.yara;
  if (sources.audit) made->audit_role_.mode = [audit = sources.audit] { return audit->mode(); };
  made->own_log_.counts = [syslog = sources.syslog, path = std::string(parts.flags.text("syslog_socket"))] {
    const auto counts = syslog->socket_counts();
    using Counts = linux::OwnLog::Counts;
    return counts ? std::optional(Counts{path, counts->received, counts->dropped, counts->last}) : std::nullopt;
  };
  events::CaptureParts capture{.journal = *made->journal_, .sources = std::move(sources.list)};
  capture.begin = [&status = parts.status] {
    if (const auto kept = linux::keep_only_capabilities(kCapabilities); !kept) status.warning(kept.error().text());
  };
  capture.hashing = {events::FileHasher::of_changes(parts.largest_hashed),
                     events::FileHasher::of_code(parts.flags.boolean("events_hash_executables"))};
  for (auto& hashing : capture.hashing) {
    hashing.digests = parts.digests;
    hashing.budget = parts.budget;
  }
  capture.saw_file = [yara = made->yara_](const events::FileEvent& event) { yara->saw(event); };
  capture.halt = [events = EventSwitch(parts.flags.text("database_path"))] { return events.is_off(); };
  capture.halted = [events = EventSwitch(parts.flags.text("database_path"))] { events.confirm_off(); };
  capture.tell = [&status = parts.status](const auto& text) { status.info(text); };
  capture.warn = [&status = parts.status](const auto& text) { status.warning(text); };
  capture.committed = [self = made.get(), syslog = sources.syslog] {
    auto cursor = syslog->cursor();
    const std::lock_guard lock(self->mutex_);
    self->told_cursor_ = std::move(cursor);
  };
  capture.lost = [self = made.get()](std::string_view who, const events::SourceCounts::Drop& drop) {
    if (auto* losses = self->losses_.load())
      losses->add(std::string(who), drop.stage, drop.reason, drop.count, 0, drop.exact, drop.worst_cgroup);
  };
  made->capture_.emplace(std::move(capture));
  made->audit_role_.with_rights = [to = &*made->capture_](const auto& job) { to->run_there(job); };
  return made;
}

void EventCapture::count_losses(Losses& losses) { losses_ = &losses; }

void EventCapture::apply(const Configuration& configuration) {
  auto tables = active_event_tables(configuration, program_.osquery_compatible);
  yara_->configure(yara_settings(configuration, program_, nullptr));
  capture_->expire_after(event_expiry(configuration));
  std::vector<std::string> wrong;
  capture_->limit(event_pressure(configuration, tables, wrong));
  for (const auto& name : wrong) status_.warning(fmt::format("events_shed_order: {} is no table of events", name));
  const auto hashed = hashed_categories(configuration, tables, program_.osquery_compatible, registry_);
  auto demand = event_demand(configuration, tables, hashed, program_.osquery_compatible);
  // The same filters go on counting.
  if (configuration.event_filters != configured_filters_) {
    configured_filters_ = configuration.event_filters;
    filters_ = configured_filters_.empty() ? nullptr : std::make_shared<const events::Filters>(configured_filters_);
  }
  demand.filters = filters_;
  capture_->demand(std::move(demand));
  const std::lock_guard lock(mutex_);
  active_ = std::move(tables);
}

// The cursor after the events that it stands for: after a power cut some may be told again, none is left out.
void EventCapture::sync() {
  auto cursor = [this] {
    const std::lock_guard lock(mutex_);
    return told_cursor_;
  }();
  if (!store_->sync() || cursor == stored_cursor_) return;
  store::Batch batch;
  batch.put(store::Family::events, kJournalCursor, cursor);
  if (state_.write(batch)) stored_cursor_ = std::move(cursor);
}

void EventCapture::stop() { capture_->stop(); }

void EventCapture::provide(sql::Services& services) {
  services.provide(*this);
  services.provide(capture_->processes());
  services.provide(audit_role_);
  services.provide(own_log_);
}

std::set<std::string_view> EventCapture::active() const {
  const std::lock_guard lock(mutex_);
  return active_;
}

Limit EventCapture::limit() const {
  return {.name = "event_journal",
          .scope = "agent",
          .kind = "hard",
          .enforced_by = "store",
          .limit_value = static_cast<std::int64_t>(cap_bytes_),
          .used = static_cast<std::int64_t>(store_->disk_bytes()),
          .unit = "bytes",
          .configured_by = "events_limit_mb"};
}

}  // namespace osprey::agent
