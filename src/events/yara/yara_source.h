// Files that change, scanned with YARA, as a source: it is told what other sources saw, and tells what its rules match.
//
// A file is scanned a moment after it has changed, once however often it changed until then, and not again while it
// stays the same. Needs CAP_DAC_READ_SEARCH to read what others own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/interrupt.h"
#include "base/root.h"
#include "base/unique_fd.h"
#include "events/source.h"
#include "linux/files/digest_cache.h"
#include "linux/yara/yara_engine.h"
#include "linux/yara/yara_scan.h"
#include "linux/yara/yara_settings.h"

namespace osprey::events {

class YaraSource final : public Source {
 public:
  struct Options {
    linux::YaraEngine& engine;
    Root root = Root::host();
    linux::IoBudget* budget = nullptr;  // may be null
    bool tell_skipped = true;           // also of files that could not be scanned
    std::size_t most_queued = 10'000;
    std::size_t most_queued_bytes = 4 << 20;
    std::chrono::milliseconds settle{250};  // after a change, before the scan
  };
  explicit YaraSource(Options options);
  ~YaraSource() override { close(); }

  // From any thread: which files are scanned with which rules, from now on.
  void configure(linux::YaraSettings settings);
  // From any thread, without waiting: something has happened to a file.
  void saw(const FileEvent& event);

  Origin origin() const noexcept override { return Origin::yara; }
  Kinds offers() const override { return Kinds().set(kKind<YaraEvent>); }
  Result<void> open(const Demand& demand) override;
  int descriptor() const noexcept override { return ready_.get(); }
  Result<bool> next(EventSink& sink, std::size_t most) override;
  SourceCounts counts() const override;
  void close() noexcept override;

 private:
  using Clock = std::chrono::steady_clock;
  using Settings = std::shared_ptr<const linux::YaraSettings>;
  struct Job {
    std::string category;
    std::string path;
    FileAction action;
    Clock::time_point due;
  };
  struct Finding {
    Job job;
    linux::YaraReport report;
  };
  // A file as it was scanned for a category.
  using Scanned = std::pair<linux::FileVersion, std::string>;
  enum class Outcome { told, nothing, same, gone, no_rules };

  void run();
  Outcome scan(const Job& job, const Settings& settings);
  std::vector<linux::AskedYaraSet> rules_of(const std::string& category, const linux::YaraSettings& settings);
  bool remember(const Scanned& scanned);
  // With mutex_ held.
  void drop(const char* stage, const char* reason, std::uint64_t count = 1);

  const Options options_;
  UniqueFd ready_;
  Interrupt stop_;
  std::thread thread_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool open_ = false;
  Settings settings_ = std::make_shared<const linux::YaraSettings>();
  std::uint64_t generation_ = 0;  // of the settings
  std::deque<Job> queue_;         // the next one due first
  std::size_t queued_bytes_ = 0;
  std::set<std::pair<std::string, std::string>, std::less<>> queued_;  // category and path
  std::deque<Finding> findings_;
  std::uint64_t seen_ = 0, kept_ = 0, filtered_ = 0;
  std::map<std::pair<std::string, std::string>, std::uint64_t> dropped_;  // by stage and reason

  // Of the thread.
  std::uint64_t known_generation_ = 0;
  std::set<Scanned> scanned_;
  std::deque<std::set<Scanned>::iterator> scanned_order_;  // oldest first
  std::map<std::string, linux::YaraRuleSetPtr> rules_;     // by group, as scanned_ was made with
};

}  // namespace osprey::events
