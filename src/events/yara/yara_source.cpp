#include "events/yara/yara_source.h"

#include <linux/capability.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "base/clock_reading.h"
#include "linux/sandbox/capabilities.h"

namespace osprey::events {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostFindings = 10'000;  // that wait to be taken
constexpr std::size_t kMostScanned = 4096;     // that are remembered
// A file's times tell two changes apart when there is a clock tick of the kernel between them.
constexpr std::int64_t kTick_ns = 20'000'000;

bool may_have_new_content(FileAction action) {
  return action == FileAction::created || action == FileAction::updated || action == FileAction::moved_to;
}

}  // namespace

YaraSource::YaraSource(Options options)
    : options_(std::move(options)), ready_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void YaraSource::configure(linux::YaraSettings settings) {
  const std::lock_guard lock(mutex_);
  settings_ = std::make_shared<const linux::YaraSettings>(std::move(settings));
  ++generation_;
}

void YaraSource::drop(const char* stage, const char* reason, std::uint64_t count) {
  if (count > 0) dropped_[{stage, reason}] += count;
}

void YaraSource::saw(const FileEvent& event) {
  if (!may_have_new_content(event.action)) return;
  const std::lock_guard lock(mutex_);
  if (!open_ || !settings_->file_paths.contains(event.category)) return;
  ++seen_;
  std::pair<std::string, std::string> key(event.category, event.path);
  if (queued_.contains(key)) {
    ++filtered_;
    return;
  }
  const auto bytes = key.first.size() + key.second.size();
  if (queue_.size() >= options_.most_queued || queued_bytes_ + bytes > options_.most_queued_bytes)
    return drop("queue", "full");
  queued_bytes_ += bytes;
  queue_.push_back({key.first, key.second, event.action, Clock::now() + options_.settle});
  queued_.insert(std::move(key));
  wake_.notify_one();
}

Result<void> YaraSource::open(const Demand&) {
  if (thread_.joinable()) return {};
  {
    const std::lock_guard lock(mutex_);
    open_ = true;
  }
  stop_.reset(std::nullopt);
  thread_ = linux::thread_with_only(std::array{CAP_DAC_READ_SEARCH, CAP_FOWNER}, "events: yara", [this] { run(); });
  return {};
}

void YaraSource::close() noexcept {
  {
    const std::lock_guard lock(mutex_);
    open_ = false;
    drop("queue", "closed", queue_.size());
    // Those that were not scanned have been counted.
    drop("findings", "closed", static_cast<std::uint64_t>(std::ranges::count_if(findings_, [](const Finding& finding) {
           return finding.report.scanned;
         })));
    queue_.clear();
    queued_.clear();
    queued_bytes_ = 0;
    findings_.clear();
  }
  stop_.request();
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void YaraSource::run() {
  std::unique_lock lock(mutex_);
  while (open_) {
    if (queue_.empty()) {
      wake_.wait(lock);
      continue;
    }
    if (queue_.front().due > Clock::now()) {
      wake_.wait_until(lock, queue_.front().due);
      continue;
    }
    const Job job = std::move(queue_.front());
    queue_.pop_front();
    queued_.erase({job.category, job.path});
    queued_bytes_ -= job.category.size() + job.path.size();
    const auto settings = settings_;
    if (std::exchange(known_generation_, generation_) != generation_) {
      rules_.clear();
      scanned_.clear();
      scanned_order_.clear();
    }
    lock.unlock();
    const auto outcome = scan(job, settings);
    lock.lock();
    if (outcome == Outcome::nothing || outcome == Outcome::same) ++filtered_;
    if (outcome == Outcome::gone) drop("scan", "file gone");
    if (outcome == Outcome::no_rules) drop("scan", "no rules compiled");
    if (outcome != Outcome::same && outcome != Outcome::gone)
      wake_.wait_for(lock, settings->delay, [this] { return !open_; });
  }
}

// A group that has no rules is told by yara_rule_sets.
std::vector<linux::AskedYaraSet> YaraSource::rules_of(const std::string& category,
                                                      const linux::YaraSettings& settings) {
  std::vector<linux::AskedYaraSet> sets;
  const auto groups = settings.file_paths.find(category);
  if (groups == settings.file_paths.end()) return sets;
  for (const auto& group : groups->second) {
    const auto files = settings.signatures.find(group);
    if (files == settings.signatures.end()) continue;
    auto set = options_.engine.rule_sets.of_files(linux::YaraRuleSource::group, group, files->second,
                                                  settings.directory, stop_);
    if (!set) continue;
    // What was scanned with other rules is to be scanned anew.
    if (auto& known = rules_[group]; known != *set) {
      known = *set;
      scanned_.clear();
      scanned_order_.clear();
    }
    if ((*set)->compiled()) sets.push_back({std::move(*set), true});
  }
  return sets;
}

// True: it was known.
bool YaraSource::remember(const Scanned& scanned) {
  if (scanned_.contains(scanned)) return true;
  if (clock_nanoseconds(CLOCK_REALTIME) - scanned.first.changed_ns < kTick_ns) return false;
  scanned_order_.push_back(scanned_.insert(scanned).first);
  if (scanned_order_.size() > kMostScanned) {
    scanned_.erase(scanned_order_.front());
    scanned_order_.pop_front();
  }
  return false;
}

YaraSource::Outcome YaraSource::scan(const Job& job, const Settings& settings) {
  const auto sets = rules_of(job.category, *settings);
  if (sets.empty()) return Outcome::no_rules;
  const linux::YaraScans scans{.scanner = options_.engine.for_events,
                               .budget = options_.budget,
                               .largest_file = settings->largest_file,
                               .interrupt = stop_};
  const auto stopped = [this] { return stop_.requested(); };
  if (options_.budget && !options_.budget->open(stopped)) return Outcome::gone;
  Result<linux::YaraReport> report;
  if (const auto file = options_.root.open(job.path)) {
    struct stat facts;
    if (::fstat(file->get(), &facts) != 0) return Outcome::gone;
    if (remember({linux::version_of(facts), job.category})) return Outcome::same;
    report = scan_open_file(scans, file->get(), job.path, sets);
  } else if (file.error().absent()) {
    return Outcome::gone;
  } else {
    report = linux::YaraReport{.scanned = false, .skipped = file.error().message};
  }
  if (!report) return Outcome::gone;
  const std::lock_guard lock(mutex_);
  if (report->scanned && report->count == 0) return Outcome::nothing;
  if (!report->scanned) drop("scan", "not scanned");
  if (!report->scanned && !options_.tell_skipped) return Outcome::told;
  if (findings_.size() >= kMostFindings) {
    if (report->scanned) drop("findings", "full");
    return Outcome::told;
  }
  findings_.push_back({job, std::move(*report)});
  ::eventfd_write(ready_.get(), 1);
  return Outcome::told;
}

Result<bool> YaraSource::next(EventSink& sink, std::size_t most) {
  eventfd_t count = 0;
  ::eventfd_read(ready_.get(), &count);
  for (std::size_t given = 0; given < most; ++given) {
    Finding finding;
    {
      const std::lock_guard lock(mutex_);
      if (findings_.empty()) return false;
      finding = std::move(findings_.front());
      findings_.pop_front();
      if (finding.report.scanned) ++kept_;
    }
    const auto& report = finding.report;
    YaraEvent event;
    event.header.origin = Origin::yara;
    event.category = finding.job.category;
    event.path = finding.job.path;
    event.action = finding.job.action;
    event.matches = report.matches;
    event.count = report.count;
    event.strings = report.strings;
    event.tags = report.tags;
    event.nanoseconds = static_cast<std::uint64_t>(report.seconds * 1e9);
    event.scanned = report.scanned;
    event.skipped = report.skipped;
    sink.take(&event);
  }
  return true;
}

SourceCounts YaraSource::counts() const {
  const std::lock_guard lock(mutex_);
  SourceCounts counts;
  counts.seen = seen_;
  counts.kept = kept_;
  counts.filtered = filtered_;
  for (const auto& [where, count] : dropped_) counts.dropped.push_back({where.first, where.second, count, true});
  return counts;
}

}  // namespace osprey::events
