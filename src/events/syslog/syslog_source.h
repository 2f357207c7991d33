// What programs tell the system's log, as a source: from the pipe that rsyslog writes, from journald's journal, from a
// /dev/log of our own where nobody has one.
//
// Needs no capability but for the files: the pipe and the socket are made below folders of ours or root's (CAP_CHOWN
// for the pipe's group).
#pragma once

#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/unique_fd.h"
#include "events/source.h"
#include "linux/journal/journal_reader.h"

namespace osprey::events {

struct SyslogOptions {
  // Each is read if it is given.
  std::string pipe;  // a named pipe's path (--syslog_pipe_path), made with mode 0460 for the group syslog
  bool journal = false;
  std::string socket;  // the path of a datagram socket to make: /dev/log
  // Of the journal: behind which entry to go on, and another folder than this host's.
  std::string cursor;
  std::string journal_directory;
  // Messages in each fifth of a second (--syslog_rate_limit). More wait in the pipe and in the journal; of the socket,
  // where they would hold up whoever logs, they are dropped.
  std::size_t rate_limit = 100;
};

class SyslogSource final : public Source {
 public:
  explicit SyslogSource(SyslogOptions options);
  ~SyslogSource() override { close(); }

  Origin origin() const noexcept override { return Origin::syslog; }
  Kinds offers() const override { return Kinds().set(kKind<SyslogEvent>); }
  // An error where none of what is to be read can be had, or the pipe has another reader.
  Result<void> open(const Demand& demand) override;
  int descriptor() const noexcept override { return poll_.get(); }
  Result<bool> next(EventSink& sink, std::size_t most) override;
  SourceCounts counts() const override;
  void close() noexcept override;

  // Of the journal's entry told last, to go on from after a restart; empty before the first. Any thread may ask.
  std::string cursor() const;
  // Of the socket, while it is open; any thread may ask.
  struct SocketCounts {
    std::uint64_t received = 0, dropped = 0;
    std::int64_t last = 0;  // Unix seconds
  };
  std::optional<SocketCounts> socket_counts() const;

 private:
  using Clock = std::chrono::steady_clock;

  Result<void> open_all();
  Result<void> open_pipe();
  Result<void> open_reading_end();
  Result<void> open_journal();
  Result<void> open_socket();
  Result<void> watch(int descriptor);

  Result<bool> read_pipe(EventSink& sink, std::size_t& left);
  void tell_line(std::string_view line, EventSink& sink);
  Result<bool> read_journal(EventSink& sink, std::size_t& left);
  void tell_entry(const linux::JournalEntry& entry, EventSink& sink);
  Result<bool> read_socket(EventSink& sink, std::size_t& left);
  bool is_ours() const noexcept;
  void hold_back(bool limited);

  const SyslogOptions options_;
  UniqueFd poll_;   // epoll(7) of the others
  UniqueFd timer_;  // runs out when more may be told
  Clock::time_point window_;
  std::size_t told_ = 0;  // in this window
  bool held_back_ = false;

  UniqueFd pipe_lock_, pipe_;
  std::string line_;       // its beginning
  bool too_long_ = false;  // the rest of the line is left out

  std::unique_ptr<linux::JournalReader> journal_;
  mutable std::mutex mutex_;
  std::string cursor_;

  UniqueFd socket_;
  dev_t device_ = 0;  // of the socket's file
  ino_t inode_ = 0;

  std::atomic<std::uint64_t> kept_ = 0, not_understood_ = 0, too_long_count_ = 0, over_limit_ = 0, damaged_ = 0;
  std::atomic<bool> socket_is_open_ = false;
  std::atomic<std::uint64_t> received_ = 0;  // of the socket
  std::atomic<std::int64_t> last_ = 0;       // likewise, Unix seconds
};

}  // namespace osprey::events
