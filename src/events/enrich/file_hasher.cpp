#include "events/enrich/file_hasher.h"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/unique_fd.h"
#include "linux/sandbox/capabilities.h"

namespace osprey::events {
namespace {

using namespace std::chrono_literals;
using enum linux::DigestKind;

constexpr auto kToStop = 200ms;  // what a thread that does not hang needs for that
// Documentation/admin-guide/module-signing.rst
constexpr std::string_view kSignatureMark = "~Module signature appended~\n";

// Why an event has no digests.
constexpr std::string_view kUnreadable = "cannot be read";
constexpr std::string_view kTooLarge = "too large";
constexpr std::string_view kNoBudget = "over the I/O budget";
constexpr std::string_view kNoRoom = "too many";
constexpr std::string_view kTooLate = "too late";

struct Job {
  std::uint64_t number = 0;
  FileHasher::Clock::time_point until;
  linux::DigestSet kinds;
  std::string path;
  std::int64_t pid = 0;                        // whose executable it is
  std::optional<std::uint64_t> inode, device;  // what are not known are not compared
  std::int64_t size = 0;                       // by the event
  bool is_module = false;
};

struct Finding {
  linux::Digests digests;
  std::string_view without;       // why there are none
  std::optional<bool> is_signed;  // a module
};

// Empty: nothing is to be read for this event.
template <class Event>
std::optional<Job> job_of(const Event& event) {
  Job job;
  if constexpr (std::is_same_v<Event, FileEvent>) {
    if (!event.to_hash || !event.file.inode) return std::nullopt;
    job.kinds = {md5, sha1, sha256, sha512};
    job.path = event.path;
    job.inode = event.file.inode;
    job.device = event.file.device;
    job.size = event.file.size.value_or(0);
  } else if constexpr (std::is_same_v<Event, ProcessEvent>) {
    if (!event.syscall.starts_with("exec") || event.result != 0) return std::nullopt;
    job.kinds = {sha256};
    job.path = event.actor.path;
    job.pid = event.actor.process.pid;
    job.inode = event.executable.inode;
    job.size = event.executable.size.value_or(0);
  } else if constexpr (std::is_same_v<Event, KernelModuleEvent>) {
    // Its path is the host's only for who is in no container.
    if (event.action != "load" || event.path.empty() || !event.actor.container_id.empty()) return std::nullopt;
    job.kinds = {sha256};
    job.path = event.path;
    job.is_module = true;
  } else {
    return std::nullopt;
  }
  return job;
}

template <class Event>
void tell(const Finding& finding, Event& event) {
  const auto& digests = finding.digests;
  if constexpr (std::is_same_v<Event, FileEvent>) {
    event.hashed = finding.without.empty() ? 1 : finding.without == kUnreadable ? -1 : 0;
    event.md5 = digests[md5];
    event.sha1 = digests[sha1];
    event.sha256 = digests[sha256];
    event.sha512 = digests[sha512];
  } else if constexpr (std::is_same_v<Event, ProcessEvent>) {
    event.executable_sha256 = digests[sha256];
  } else if constexpr (std::is_same_v<Event, KernelModuleEvent>) {
    event.sha256 = digests[sha256];
    event.is_signed = finding.is_signed;
  }
}

// An O_PATH handle of the event's file, unless that is gone, and its facts.
UniqueFd find(const Job& job, const Root& root, struct stat& facts) {
  const auto is_it = [&](const UniqueFd& handle) {
    return ::fstat(handle.get(), &facts) == 0 && S_ISREG(facts.st_mode) &&
           facts.st_ino == job.inode.value_or(facts.st_ino) && facts.st_dev == job.device.value_or(facts.st_dev);
  };
  if (job.pid > 0) {
    UniqueFd program(::open(fmt::format("/proc/{}/exe", job.pid).c_str(), O_PATH | O_CLOEXEC));
    if (program && is_it(program)) return program;
    if (!job.inode) return {};  // what is at the path may be another
  }
  auto named = root.open_path(job.path, Links::keep);
  if (named && is_it(*named)) return std::move(*named);
  return {};
}

// Empty: a compressed one has its signature inside.
std::optional<bool> is_signed(int module, off_t size) {
  const auto has = [module](off_t at, std::string_view mark) {
    std::string bytes(mark.size(), '\0');
    return ::pread(module, bytes.data(), bytes.size(), std::max<off_t>(at, 0)) == std::ssize(bytes) && bytes == mark;
  };
  if (!has(0, ELFMAG)) return std::nullopt;
  return has(size - std::ssize(kSignatureMark), kSignatureMark);
}

Finding look(const Job& job, const FileHasher::Options& options, const std::atomic<bool>& stop) {
  Finding finding{.digests = {}, .without = kUnreadable, .is_signed = {}};
  struct stat facts{};
  const auto handle = find(job, options.root, facts);
  if (!handle) return finding;
  UniqueFd file;
  const auto open = [&] {
    if (!file)
      if (auto opened = open_handle(handle.get(), job.path)) file = std::move(*opened);
    return static_cast<bool>(file);
  };
  if (job.is_module && open()) finding.is_signed = is_signed(file.get(), facts.st_size);
  const auto version = linux::version_of(facts);
  if (options.digests)
    if (auto known = options.digests->find(version, job.kinds)) {
      finding.digests = std::move(*known);
      finding.without = {};
      return finding;
    }
  if (facts.st_size > options.largest) {
    finding.without = kTooLarge;
    return finding;
  }
  const auto stopped = [&] { return stop || FileHasher::Clock::now() >= job.until; };
  if (options.budget && !(options.paced ? options.budget->open(stopped)
                                        : options.budget->at_once(static_cast<std::uint64_t>(facts.st_size)))) {
    finding.without = kNoBudget;
    return finding;
  }
  if (!open()) return finding;
  auto* const pace = options.paced ? options.budget.get() : nullptr;
  auto made = options.digest ? options.digest(file.get(), job.path)
                             : linux::digest_file(file.get(), job.kinds, stop, job.path, pace);
  if (!made) {
    if (stop) finding.without = kTooLate;
    return finding;
  }
  // Of what was written meanwhile there will be another event.
  if (options.digests && ::fstat(file.get(), &facts) == 0 && linux::version_of(facts) == version)
    options.digests->insert(version, *made);
  finding.digests = std::move(*made);
  finding.without = {};
  return finding;
}

}  // namespace

struct FileHasher::Shared {
  explicit Shared(Options given) : options(std::move(given)), ready(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  const Options options;
  const UniqueFd ready;
  std::atomic<bool> stop{false};
  std::mutex mutex;
  std::condition_variable for_work, idle;
  std::deque<Job> jobs;
  std::map<std::uint64_t, Finding> findings;  // by number
  bool looking = false;
  std::map<std::pair<Origin, std::string_view>, std::uint64_t> without;
};

FileHasher::Options FileHasher::of_code(bool programs) {
  Options options{.name = "events: code", .kinds = Kinds().set(kKind<KernelModuleEvent>)};
  options.kinds.set(kKind<ProcessEvent>, programs);
  return options;
}

FileHasher::Options FileHasher::of_changes(std::int64_t largest) {
  return {.kinds = Kinds().set(kKind<FileEvent>), .largest = largest, .patience = 60s, .paced = true};
}

FileHasher::FileHasher(Options options) : shared_(std::make_shared<Shared>(std::move(options))) {}

FileHasher::~FileHasher() { finish(Clock::now()); }

bool FileHasher::take(AnyEvent event) {
  const auto& options = shared_->options;
  if (!options.kinds.test(event.index())) return false;
  auto job = std::visit([](const auto* one) { return job_of(*one); }, event);
  if (!job) return false;
  job->number = ++taken_;
  job->until = Clock::now() + options.patience;
  Waiting waiting{.number = job->number, .until = job->until, .event = {}};
  {
    const std::lock_guard lock(shared_->mutex);
    const auto refuse = [&](std::string_view why) {
      ++shared_->without[{std::visit([](const auto* one) { return one->header.origin; }, event), why}];
      return false;
    };
    if (job->size > options.largest) return refuse(kTooLarge);
    if (shared_->stop) return refuse(kTooLate);
    // The thread may be behind with what has been given back.
    if (std::max(waiting_.size(), shared_->jobs.size()) >= options.most) return refuse(kNoRoom);
    shared_->jobs.push_back(std::move(*job));
  }
  shared_->for_work.notify_one();
  waiting.event.add(event);
  waiting_.push_back(std::move(waiting));
  if (thread_.joinable()) return true;
  std::vector<int> rights{CAP_DAC_READ_SEARCH, CAP_FOWNER};
  if (options.kinds.test(kKind<ProcessEvent>)) rights.push_back(CAP_SYS_PTRACE);  // for /proc/PID/exe
  thread_ = linux::thread_with_only(rights, options.name, [shared = shared_] { work(shared); });
  return true;
}

void FileHasher::finished(Clock::time_point now, const std::function<void(AnyEvent)>& use) {
  std::map<std::uint64_t, Finding> findings;
  {
    const std::lock_guard lock(shared_->mutex);
    eventfd_t count = 0;
    ::eventfd_read(shared_->ready.get(), &count);
    findings.swap(shared_->findings);
  }
  for (; !waiting_.empty(); waiting_.pop_front()) {
    auto& [number, until, held] = waiting_.front();
    const auto found = findings.find(number);
    if (found == findings.end() && until > now && !shared_->stop) break;
    Finding finding{.digests = {}, .without = kTooLate, .is_signed = {}};
    if (found != findings.end()) finding = std::move(found->second);
    held.release([&](AnyEvent event) {
      std::visit(
          [&](auto* one) {
            tell(finding, *one);
            if (finding.without.empty()) return;
            const std::lock_guard lock(shared_->mutex);
            ++shared_->without[{one->header.origin, finding.without}];
          },
          event);
      use(event);
    });
  }
}

int FileHasher::descriptor() const noexcept { return shared_->ready.get(); }

void FileHasher::finish(Clock::time_point until) {
  std::unique_lock lock(shared_->mutex);
  if (thread_.joinable())
    shared_->idle.wait_until(lock, until, [&] { return shared_->jobs.empty() && !shared_->looking; });
  shared_->stop = true;
  if (!thread_.joinable()) return;
  const bool hangs = !shared_->idle.wait_for(lock, kToStop, [&] { return !shared_->looking; });
  lock.unlock();
  shared_->for_work.notify_all();
  if (hangs)
    thread_.detach();
  else
    thread_.join();
}

std::map<std::string_view, std::uint64_t> FileHasher::without(Origin origin) const {
  std::map<std::string_view, std::uint64_t> counts;
  const std::lock_guard lock(shared_->mutex);
  for (const auto& [of, count] : shared_->without)
    if (of.first == origin) counts.emplace(of.second, count);
  return counts;
}

void FileHasher::work(const std::shared_ptr<Shared>& shared) {
  std::unique_lock lock(shared->mutex);
  for (;;) {
    shared->for_work.wait(lock, [&] { return shared->stop || !shared->jobs.empty(); });
    if (shared->stop) return;
    const auto job = std::move(shared->jobs.front());
    shared->jobs.pop_front();
    shared->looking = true;
    lock.unlock();
    Finding finding{.digests = {}, .without = kTooLate, .is_signed = {}};
    if (job.until > Clock::now()) finding = look(job, shared->options, shared->stop);
    lock.lock();
    shared->looking = false;
    shared->findings.emplace(job.number, std::move(finding));
    ::eventfd_write(shared->ready.get(), 1);
    shared->idle.notify_all();
  }
}

}  // namespace osprey::events
