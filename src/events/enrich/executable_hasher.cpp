#include "events/enrich/executable_hasher.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "events/journal/record.h"
#include "linux/sandbox/capabilities.h"

namespace osprey::events {
namespace {

constexpr linux::DigestSet kSha256{linux::DigestKind::sha256};

struct Job {
  std::uint64_t number = 0;
  ExecutableHasher::Clock::time_point until;
  std::int64_t pid = 0;
  std::optional<std::uint64_t> inode;
  std::string path;
};

struct Executable {
  UniqueFd file;
  struct stat facts{};
};

bool is_of(const Job& job, const Executable& executable) {
  return executable.file && S_ISREG(executable.facts.st_mode) && (!job.inode || *job.inode == executable.facts.st_ino);
}

Executable open_of(const Job& job, const Root& root) {
  const auto opened = [](UniqueFd file) {
    Executable executable{.file = std::move(file), .facts = {}};
    if (executable.file && ::fstat(executable.file.get(), &executable.facts) != 0) executable.file.reset();
    return executable;
  };
  auto executable =
      opened(UniqueFd(::open(fmt::format("/proc/{}/exe", job.pid).c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)));
  // It is gone, but for its file.
  if (!is_of(job, executable) && job.inode)
    if (auto file = root.open(job.path)) executable = opened(std::move(*file));
  if (!is_of(job, executable)) executable.file.reset();
  return executable;
}

Result<linux::Digests> sha256_of(int file, std::string_view path) {
  const std::atomic<bool> never = false;
  return linux::digest_file(file, kSha256, never, path);
}

}  // namespace

struct ExecutableHasher::Shared {
  explicit Shared(Options given) : options(std::move(given)), ready(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  const Options options;
  const UniqueFd ready;
  std::mutex mutex;
  // Of the mutex. While the thread is with a file it has nothing else than that: what the options point to may go.
  std::condition_variable for_work, for_results;
  std::deque<Job> jobs;
  std::map<std::uint64_t, std::string> results;  // by number; empty: none
  std::uint64_t hashed = 0;
  bool with_file = false;
  bool stop = false;
};

ExecutableHasher::ExecutableHasher(Options options)
    : options_(std::move(options)), shared_(std::make_shared<Shared>(options_)) {}

ExecutableHasher::~ExecutableHasher() { finish(std::chrono::milliseconds(0)); }

bool ExecutableHasher::take(ProcessEvent& event) {
  if (!event.syscall.starts_with("exec") || event.result != 0) return false;
  const auto until = Clock::now() + options_.patience;
  {
    const std::lock_guard lock(shared_->mutex);
    if (stopped_ || std::max(waiting_.size(), shared_->jobs.size()) >= options_.most) {
      ++unhashed_;
      return false;
    }
    shared_->jobs.push_back({.number = ++taken_,
                             .until = until,
                             .pid = event.actor.process.pid,
                             .inode = event.executable.inode,
                             .path = std::string(event.actor.path)});
  }
  shared_->for_work.notify_one();
  auto& waiting = waiting_.emplace_back(Waiting{.number = taken_, .until = until, .record = {}});
  encode(event, waiting.record);
  if (!thread_.joinable())
    thread_ = linux::thread_with_only(std::array{CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE}, "events: programs",
                                      [shared = shared_] { work(shared); });
  return true;
}

void ExecutableHasher::finished(Clock::time_point now, const std::function<void(ProcessEvent&)>& use) {
  std::map<std::uint64_t, std::string> results;
  {
    const std::lock_guard lock(shared_->mutex);
    eventfd_t count = 0;
    ::eventfd_read(shared_->ready.get(), &count);
    results.swap(shared_->results);
  }
  for (; !waiting_.empty(); waiting_.pop_front()) {
    const auto& [number, until, record] = waiting_.front();
    const auto result = results.find(number);
    const bool done = result != results.end();
    if (!done && until > now && !stopped_) break;
    auto event = decode<ProcessEvent>(record);
    if (!event) continue;  // it was encoded here
    if (done) event->executable_sha256 = result->second;
    if (event->executable_sha256.empty()) ++unhashed_;
    use(*event);
  }
}

int ExecutableHasher::descriptor() const noexcept { return shared_->ready.get(); }

void ExecutableHasher::finish(std::chrono::milliseconds time) {
  bool hangs = false;
  {
    std::unique_lock lock(shared_->mutex);
    shared_->for_results.wait_for(lock, time, [&] { return shared_->jobs.empty() && !shared_->with_file; });
    shared_->stop = stopped_ = true;
    hangs = shared_->with_file;
  }
  shared_->for_work.notify_all();
  if (!thread_.joinable()) return;
  if (hangs)
    thread_.detach();
  else
    thread_.join();
}

ExecutableHasher::Counts ExecutableHasher::counts() const {
  const std::lock_guard lock(shared_->mutex);
  return {.hashed = shared_->hashed, .unhashed = unhashed_};
}

void ExecutableHasher::work(const std::shared_ptr<Shared>& shared) {
  const auto& options = shared->options;
  std::unique_lock lock(shared->mutex);
  // False: the rest is not wanted any more.
  const auto with_file = [&](const auto& what) {
    shared->with_file = true;
    lock.unlock();
    what();
    lock.lock();
    shared->with_file = false;
    if (shared->stop) lock.unlock();
    return lock.owns_lock();
  };
  for (;;) {
    shared->for_work.wait(lock, [&] { return shared->stop || !shared->jobs.empty(); });
    if (shared->stop) return;
    const auto job = std::move(shared->jobs.front());
    shared->jobs.pop_front();
    if (job.until <= Clock::now()) continue;  // it has been given back
    Executable executable;
    if (!with_file([&] { executable = open_of(job, options.root); })) return;
    std::optional<linux::Digests> digests;
    if (executable.file) {
      const auto version = linux::version_of(executable.facts);
      digests = options.digests->find(version, kSha256);
      const auto size = executable.facts.st_size;
      if (!digests && size <= options.largest && options.budget->at_once(static_cast<std::uint64_t>(size))) {
        const auto read = [&] {
          const int file = executable.file.get();
          if (auto made = options.digest ? options.digest(file, job.path) : sha256_of(file, job.path))
            digests = std::move(*made);
        };
        if (!with_file(read)) return;
        if (digests) {
          options.digests->insert(version, *digests);
          ++shared->hashed;
        }
      }
      if (!with_file([&] { executable.file.reset(); })) return;
    }
    shared->results.emplace(job.number, digests ? (*digests)[linux::DigestKind::sha256] : std::string());
    ::eventfd_write(shared->ready.get(), 1);
    shared->for_results.notify_all();
  }
}

}  // namespace osprey::events
