// The process events connector as a source: for hosts where neither BPF nor audit can be had. The kernel tells of
// forks, execs, exits and changes of ids by pid alone: what a process runs is read from /proc at once, and of one that
// has ended by then only that it was.
//
// Needs CAP_NET_ADMIN, in the initial user, pid and network namespaces.
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/root.h"
#include "base/unique_fd.h"
#include "events/connector/process_connector.h"
#include "events/source.h"
#include "linux/procfs/process.h"

namespace osprey::events {

class ConnectorSource final : public Source {
 public:
  // `root`: whose /proc.
  explicit ConnectorSource(Root root) : root_(std::move(root)) {}
  ~ConnectorSource() override { close(); }

  Origin origin() const noexcept override { return Origin::connector; }
  Kinds offers() const override;
  Result<void> open(const Demand& demand) override;
  int descriptor() const noexcept override { return socket_.get(); }
  Result<bool> next(EventSink& sink, std::size_t most) override;
  SourceCounts counts() const override;
  void close() noexcept override;

 private:
  // The kernel tells of each thread's end; a process is over when none is left.
  struct Threads {
    std::int64_t alive = 1;
    bool counted = true;          // false: it was there before us, /proc has to say
    std::uint32_t exit_code = 0;  // of the first thread
  };

  Result<void> listen();
  void count_gap(const ConnectorEvent& event);
  void take(const ConnectorEvent& event, EventSink& sink);
  bool tell_fork(const ConnectorEvent& event, std::uint64_t moment, EventSink& sink);
  bool tell_exec(const ConnectorEvent& event, std::uint64_t moment, EventSink& sink);
  bool tell_ids(const ConnectorEvent& event, std::uint64_t moment, EventSink& sink);
  bool tell_exit(const ConnectorEvent& event, std::uint64_t moment, EventSink& sink);
  void count_anew(std::int64_t pid);
  bool is_over(std::int64_t pid, std::uint64_t moment) const;

  Root root_;
  std::optional<linux::Proc> proc_;
  Demand demand_;
  UniqueFd socket_;
  std::uint64_t asleep_ = 0;                               // CLOCK_BOOTTIME less CLOCK_MONOTONIC
  std::unordered_map<std::uint32_t, std::uint32_t> next_;  // sequence, by processor
  std::unordered_map<std::int64_t, Threads> threads_;      // by pid
  std::atomic<std::uint64_t> kept_ = 0, filtered_ = 0, dropped_ = 0, lag_ = 0;
};

}  // namespace osprey::events
