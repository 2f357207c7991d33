// EventCapture: the agent's events, from the sources that the configuration asks for into the journal.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "agent/config/configuration.h"
#include "agent/events/event_sources.h"
#include "agent/events/scratch_journal.h"
#include "agent/limits/limits.h"
#include "agent/limits/losses.h"
#include "agent/logging/status_log.h"
#include "agent/program.h"
#include "events/capture/capture.h"
#include "events/journal/journal.h"
#include "linux/audit/role.h"
#include "linux/sockets/own_log.h"
#include "sql/registry.h"
#include "sql/scan.h"
#include "store/fifo_store.h"
#include "store/store.h"

namespace osprey::agent {

// The capabilities(7) that sources may need, where events are wanted at all. More than the rest of the agent needs: the
// thread on which sources run alone has them, none that it starts and none of the journal's.
std::span<const int> event_capabilities() noexcept;

// Where the journal lies: beside the store.
std::string journal_directory(std::string_view database_path);
// Its families and what each may hold of --events_limit_mb.
std::vector<store::FifoFamily> journal_families(const Flags& flags);

// Thread-safe.
class EventCapture {
 public:
  struct Parts {
    const Program& program;
    const Flags& flags;
    const sql::Registry& registry;
    StatusLog& status;
    store::Store& store;                          // for what is to be known after a restart
    std::shared_ptr<linux::DigestCache> digests;  // both may be null
    std::shared_ptr<linux::IoBudget> budget;
    // Runs a job where threads start that are not to have the caller's capabilities, and waits for it.
    std::function<void(const std::function<void()>&)> with_few_rights = [](const auto& job) { job(); };
    std::int64_t largest_hashed = 50 << 20;  // bytes
    bool ephemeral = false;                  // the journal goes when this does
  };
  // Opens the journal, anew where it was damaged. The thread on which sources run begins here, with the capabilities
  // that the caller has.
  static Result<std::unique_ptr<EventCapture>> open(Parts parts);

  // Losses are told to `losses` from here on.
  void count_losses(Losses& losses);
  void apply(const Configuration& configuration);
  // What was written survives a power cut from here on. From one thread.
  void sync();
  void stop();

  const events::Journal& journal() const noexcept { return *journal_; }
  const events::Capture& capture() const noexcept { return *capture_; }
  // What tables ask about events.
  void provide(sql::Services& services);
  // The tables that are filled.
  std::set<std::string_view> active() const;
  Limit limit() const;

 private:
  EventCapture(const Parts& parts, std::uint64_t cap)
      : program_(parts.program),
        registry_(parts.registry),
        status_(parts.status),
        state_(parts.store),
        cap_bytes_(cap) {}

  const Program& program_;
  const sql::Registry& registry_;
  StatusLog& status_;
  store::Store& state_;
  const std::uint64_t cap_bytes_;
  std::optional<ScratchJournal> scratch_;
  std::unique_ptr<store::FifoStore> store_;
  std::optional<events::Journal> journal_;
  events::YaraSource* yara_ = nullptr;  // of the sources that capture_ has
  linux::AuditRole audit_role_{.mode = [] { return "none"; }, .with_rights = {}};
  linux::OwnLog own_log_{.counts = [] { return std::nullopt; }};
  std::string stored_cursor_;  // of the system's journal
  std::atomic<Losses*> losses_ = nullptr;
  mutable std::mutex mutex_;
  std::string told_cursor_;  // what stands before it has been told
  std::set<std::string_view> active_;
  // Of the last apply(), whose thread has them.
  std::vector<events::Filter> configured_filters_;
  std::shared_ptr<const events::Filters> filters_;
  std::optional<events::Capture> capture_;  // whose thread uses what is above
};

}  // namespace osprey::agent
