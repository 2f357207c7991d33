// AuditSource: events from the kernel's audit system, without auditd and beside it.
//
// Where nobody has the seat (the pid that audit's records go to), it takes it; where somebody has, it listens beside
// (multicast), and takes the seat over only when it has become free. Where the kernel has no multicast (before 3.16) it
// reads what auditd gives on: its dispatcher's socket, or its log.
//
// Needs CAP_AUDIT_CONTROL for the seat, rules and state, CAP_AUDIT_READ for multicast, CAP_NET_ADMIN for a large socket
// buffer; to look at descriptors of processes CAP_SYS_PTRACE.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/audit/decode.h"
#include "events/audit/local_ports.h"
#include "events/audit/log_reader.h"
#include "events/audit/options.h"
#include "events/audit/reassembly.h"
#include "events/audit/record_queue.h"
#include "events/audit/serials.h"
#include "events/source.h"
#include "linux/audit/control.h"

namespace osprey::events::audit {

// A rule of ours and what became of it.
struct RuleState {
  std::string text;
  bool installed = false;
  std::string reason;  // why it is not
};

class AuditSource final : public Source {
 public:
  explicit AuditSource(AuditOptions options);
  ~AuditSource() override;
  AuditSource(const AuditSource&) = delete;
  AuditSource& operator=(const AuditSource&) = delete;

  Origin origin() const noexcept override { return Origin::audit; }
  Kinds offers() const override { return offered(options_); }
  Result<void> open(const Demand& demand) override;
  int descriptor() const noexcept override;
  Result<bool> next(EventSink& sink, std::size_t most) override;
  SourceCounts counts() const override;
  void close() noexcept override;

  // "unicast", "multicast", "dispatcher", "log"; "none" while it is closed. Any thread, as the next.
  std::string_view mode() const noexcept;
  std::vector<RuleState> rules() const;
  std::vector<PushedFilter> pushed() const override;

 private:
  // What was in the kernel before it was changed.
  struct Before {
    std::uint32_t enabled = 0, failure = 0, backlog_limit = 0;
    std::optional<std::uint32_t> backlog_wait_time;
  };

  Result<void> begin(const Demand& demand);
  Result<void> attach(const linux::AuditStatus& status);
  Result<void> attach_kernel(Mode mode);
  Result<void> attach_lines(Mode mode);
  void detach() noexcept;
  Result<void> configure(const linux::AuditStatus& status);
  Result<void> install(const Demand& demand);
  void settle_titles();
  void remove_ours() noexcept;
  void restore() noexcept;
  void look_after();
  Result<bool> next_record();
  void took(const Record& record);

  const AuditOptions options_;
  const std::string own_executable_;
  LocalPorts ports_;
  Decoder decoder_;
  Reassembly reassembly_;
  Serials serials_;
  EventSink* sink_ = nullptr;  // during next()
  std::int64_t newest_ = 0;    // Unix milliseconds of the newest record that this next() took; 0: none

  std::optional<linux::AuditControl> control_;
  std::optional<linux::AuditReceiver> receiver_;
  std::unique_ptr<RecordQueue> queue_;
  std::unique_ptr<LogReader> lines_;
  RecordBatch batch_;
  bool open_ = false;
  std::atomic<Mode> mode_{Mode::automatic};
  std::optional<Before> before_;
  std::vector<linux::AuditRule> installed_;
  std::vector<linux::AuditRule> theirs_;  // of ours, those that somebody else had put there before
  bool reads_titles_ = true;              // PROCTITLE records
  bool titles_off_ = false;               // the kernel does not tell them
  std::optional<std::uint32_t> lost_then_;
  std::chrono::steady_clock::time_point looked_{};

  mutable std::mutex mutex_;  // of what follows: asked by other threads
  std::vector<RuleState> states_;
  std::vector<PushedFilter> pushed_;
  SourceCounts counts_;
  std::uint64_t kernel_lost_ = 0, socket_drops_ = 0, queue_full_ = 0;
};

}  // namespace osprey::events::audit
