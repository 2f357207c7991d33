#include "linux/procfs/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <climits>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "base/text.h"

namespace osprey::linux {
namespace {

// The entries of a directory that are numbers, in ascending order. procfs tells them so, other filesystems do not.
Result<std::vector<int>> numbered_entries(int fd) {
  std::vector<int> numbers;
  alignas(dirent64) std::array<char, 32768> buffer;
  for (;;) {
    const auto count = ::getdents64(fd, buffer.data(), buffer.size());
    if (count < 0) return system_failure("");
    if (count == 0) break;
    for (ssize_t offset = 0; offset < count;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer.data() + offset);
      offset += entry->d_reclen;
      if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9')
        if (const auto number = parse<int>(entry->d_name)) numbers.push_back(*number);
    }
  }
  if (!std::ranges::is_sorted(numbers)) std::ranges::sort(numbers);
  return numbers;
}

// A number as a path component, without the heap.
class Decimal {
 public:
  explicit Decimal(int number, std::string_view suffix = {}) noexcept {
    auto* end = std::to_chars(text_.data(), text_.data() + 12, number).ptr;
    end = std::ranges::copy(suffix, end).out;
    *end = '\0';
  }
  const char* c_str() const noexcept { return text_.data(); }

 private:
  std::array<char, 24> text_;
};

// Reads until the kernel has no more. A file of /proc that is one record (stat, status, cmdline…) ends with the first
// read that does not fill the buffer; one of many records (maps, net/tcp) ends with an empty read.
enum class Records { one, many };

ssize_t read_some(int fd, char* buffer, std::size_t size) {
  ssize_t count;
  do count = ::read(fd, buffer, size);
  while (count < 0 && errno == EINTR);
  return count;
}

// False with errno set where reading fails.
bool read_whole(int fd, std::size_t cap, Records records, std::string& text) {
  text.resize(std::min<std::size_t>(cap, 4096));
  std::size_t used = 0;
  for (;;) {
    const auto asked = text.size() - used;
    const auto count = read_some(fd, text.data() + used, asked);
    if (count < 0) return false;
    used += static_cast<std::size_t>(count);
    const bool more = records == Records::one ? static_cast<std::size_t>(count) == asked : count > 0;
    if (!more || used == cap) break;
    if (used == text.size()) text.resize(std::min(cap, text.size() * 2));
  }
  text.resize(used);
  return true;
}

// Runs a read that may never return in a thread of its own, which is left behind if it does not. The kernel wakes such
// threads when this process ends. At most four are left at a time; then nothing more is tried.
class PatientReader {
 public:
  static constexpr auto kPatience = std::chrono::milliseconds(200);
  static constexpr int kMostStuck = 4;

  static bool read(UniqueFd file, std::size_t cap, Records records, std::string& text) {
    if (stuck_.load() >= kMostStuck) {
      errno = ETIMEDOUT;
      return false;
    }
    auto job = std::make_shared<Job>();
    job->file = std::move(file);
    stuck_.fetch_add(1);
    std::thread([job, cap, records] {
      std::string read;
      const int code = read_whole(job->file.get(), cap, records, read) ? 0 : errno;
      stuck_.fetch_sub(1);
      const std::lock_guard lock(job->mutex);
      job->text = std::move(read);
      job->code = code;
      job->done = true;
      job->ready.notify_one();
    }).detach();
    std::unique_lock lock(job->mutex);
    if (!job->ready.wait_for(lock, kPatience, [&] { return job->done; })) {
      errno = ETIMEDOUT;
      return false;
    }
    text = std::move(job->text);
    errno = job->code;
    return job->code == 0;
  }

 private:
  struct Job {
    UniqueFd file;
    std::mutex mutex;
    std::condition_variable ready;
    bool done = false;
    int code = 0;
    std::string text;
  };
  static inline std::atomic<int> stuck_{0};
};

// False with errno set.
bool stat_followed(const Proc& proc, int directory, const char* name, struct statx& info) {
  if (!proc.is_kernels()) {
    errno = ENOENT;
    return false;
  }
  constexpr int kFlags = AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC;
  return ::statx(directory, name, kFlags, STATX_BASIC_STATS, &info) == 0;
}

// A file below `directory` for reading; none with errno set. Other trees than the kernel's own are not trusted to have
// plain files where the kernel has them.
UniqueFd open_regular(const Proc& proc, int directory, const char* name) {
  constexpr int kFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  if (proc.is_kernels()) return UniqueFd(::openat(directory, name, kFlags));
  open_how how{};
  how.flags = kFlags;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  UniqueFd file(static_cast<int>(::syscall(SYS_openat2, directory, name, &how, sizeof how)));
  struct stat info;
  if (!file || ::fstat(file.get(), &info) != 0) return {};
  if (S_ISREG(info.st_mode)) return file;
  errno = EINVAL;
  return {};
}

Records records_of(std::string_view name) {
  return name == "maps" || name.starts_with("net/") ? Records::many : Records::one;
}

}  // namespace

std::int64_t ticks_per_second() {
  static const std::int64_t ticks = ::sysconf(_SC_CLK_TCK);
  return ticks;
}

std::optional<std::uint64_t> bracketed_inode(std::string_view link, std::string_view kind) {
  if (!link.starts_with(kind)) return std::nullopt;
  link.remove_prefix(kind.size());
  if (!link.starts_with(":[") || !link.ends_with(']')) return std::nullopt;
  return parse<std::uint64_t>(link.substr(2, link.size() - 3));
}

Result<Proc> Proc::open(const Root& root) {
  Proc proc;
  proc.directory_ = TRY(root.open_directory("/proc"));
  struct statfs info;
  proc.kernels_ = ::fstatfs(proc.fd(), &info) == 0 && info.f_type == PROC_SUPER_MAGIC;
  return proc;
}

Result<std::vector<pid_t>> Proc::pids() const {
  if (::lseek(fd(), 0, SEEK_SET) < 0) return system_failure("/proc");
  auto pids = numbered_entries(fd());
  if (!pids) pids.error().subject = "/proc";
  return pids;
}

Result<std::int64_t> Proc::boot_time() {
  if (!boot_time_) {
    boot_time_ = [&]() -> Result<std::int64_t> {
      const auto file = open_regular(*this, fd(), "stat");
      if (!file) return system_failure("/proc/stat");
      const auto content = TRY(read_all(file.get(), 4 << 20, "/proc/stat"));
      for (auto line : Lines(content.bytes)) {
        if (take_field(line) != "btime") continue;
        if (const auto time = parse<std::int64_t>(trim(line))) return *time;
      }
      return failure("/proc/stat", "does not tell the time of boot");
    }();
  }
  return *boot_time_;
}

std::unexpected<Error> Process::error(const char* name) const {
  if (errno == EACCES || errno == EPERM) return system_failure(std::string("/proc/*/") + name);
  return system_failure("/proc/" + std::to_string(pid_) + "/" + name);
}

Result<void> Process::open() const {
  if (directory_) return {};
  constexpr int kFlags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  directory_.reset(::openat(proc_->fd(), Decimal(pid_).c_str(), kFlags));
  if (!directory_) return error("");
  return {};
}

Result<UniqueFd> Process::open_file(const char* name) const {
  if (auto opened = open(); !opened) return std::unexpected(std::move(opened).error());
  auto file = open_regular(*proc_, directory_.get(), name);
  if (!file) return error(name);
  return file;
}

Result<std::string> Process::read(const char* name, std::size_t cap) const {
  const auto file = TRY(open_file(name));
  std::string text;
  if (!read_whole(file.get(), cap, records_of(name), text)) return error(name);
  return text;
}

Result<std::string> Process::read_at_once(const char* name, std::size_t cap) const {
  const auto file = TRY(open_file(name));
  std::string text(cap, '\0');
  const auto count = read_some(file.get(), text.data(), text.size());
  if (count < 0) return error(name);
  text.resize(static_cast<std::size_t>(count));
  return text;
}

Result<std::string> Process::read_locked(const char* name, std::size_t cap) const {
  if (const auto& now = stat(); !now || now->state != 'D' || !proc_->is_kernels()) return read(name, cap);
  auto file = TRY(open_file(name));
  std::string text;
  if (!PatientReader::read(std::move(file), cap, records_of(name), text)) return error(name);
  return text;
}

const Result<ProcessStat>& Process::stat() const {
  if (!stat_) {
    stat_ = [&]() -> Result<ProcessStat> {
      const auto file = TRY(open_file("stat"));
      std::array<char, 2048> buffer;  // 52 numbers of 20 digits at most, and a name of 64 bytes
      const auto count = read_some(file.get(), buffer.data(), buffer.size());
      if (count < 0) return error("stat");
      auto parsed = parse_process_stat({buffer.data(), static_cast<std::size_t>(count)});
      if (!parsed) return failure("/proc/" + std::to_string(pid_) + "/stat", "not understood");
      return std::move(*parsed);
    }();
  }
  return *stat_;
}

const Result<ProcessStatus>& Process::status() const {
  if (!status_) {
    status_ = [&]() -> Result<ProcessStatus> {
      const auto file = TRY(open_file("status"));
      std::array<char, 8192> buffer;
      const auto count = read_some(file.get(), buffer.data(), buffer.size());
      if (count < 0) return error("status");
      if (static_cast<std::size_t>(count) < buffer.size())
        return parse_process_status({buffer.data(), static_cast<std::size_t>(count)});
      // A user of very many groups.
      return parse_process_status(TRY(read("status", kTextCap)));
    }();
  }
  return *status_;
}

Result<ProcessIo> Process::io() const {
  const auto text = TRY(read("io", kSmallCap));
  const auto io = parse_process_io(text);
  if (!io) return failure("/proc/" + std::to_string(pid_) + "/io", "not understood");
  return *io;
}

Result<std::optional<std::uint32_t>> Process::audit_id(const char* name) const {
  const auto text = TRY(read(name, kSmallCap));
  const auto id = parse<std::uint32_t>(trim(text));
  return id == UINT32_MAX ? std::nullopt : id;
}

Result<std::string> Process::link(const char* name) const {
  if (auto opened = open(); !opened) return std::unexpected(std::move(opened).error());
  // The kernel tells at most one page of a path; longer ones are ENAMETOOLONG.
  std::array<char, PATH_MAX> target;
  const auto length = ::readlinkat(directory_.get(), name, target.data(), target.size());
  if (length < 0) return error(name);
  return std::string(target.data(), static_cast<std::size_t>(length));
}

Result<struct statx> Process::stat_target(const char* name) const {
  if (auto opened = open(); !opened) return std::unexpected(std::move(opened).error());
  struct statx info;
  if (!stat_followed(*proc_, directory_.get(), name, info)) return error(name);
  return info;
}

Result<std::uint64_t> Process::namespace_inode(const char* name) const {
  const auto target = TRY(link(name));  // "net:[4026531840]"
  auto rest = std::string_view(target);
  take_until(rest, '[');
  const auto inode = parse<std::uint64_t>(take_until(rest, ']'));
  if (!inode) return failure("/proc/" + std::to_string(pid_) + "/" + name, "not a namespace: " + target);
  return *inode;
}

Result<Descriptors> Descriptors::open(const Process& process) {
  Descriptors descriptors(process);
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  if (process.directory_)
    descriptors.directory_.reset(::openat(process.directory_.get(), "fd", kFlags));
  else  // one directory is enough to hold on to the process
    descriptors.directory_.reset(::openat(process.proc_->fd(), Decimal(process.pid_, "/fd").c_str(), kFlags));
  if (!descriptors.directory_) return process.error("fd");
  auto numbers = numbered_entries(descriptors.directory_.get());
  if (!numbers) return process.error("fd");
  descriptors.numbers_ = std::move(*numbers);
  return descriptors;
}

std::string_view Descriptors::target(int number) {
  target_.resize(PATH_MAX);
  const auto length = ::readlinkat(directory_.get(), Decimal(number).c_str(), target_.data(), target_.size());
  return {target_.data(), static_cast<std::size_t>(std::max<ssize_t>(length, 0))};
}

Result<Descriptors::Access> Descriptors::access(int number) const {
  if (process_->proc_->is_kernels()) {
    // The kernel shows it in the link's own permissions (proc_pid_fd(5)).
    struct stat link;
    if (::fstatat(directory_.get(), Decimal(number).c_str(), &link, AT_SYMLINK_NOFOLLOW) != 0)
      return process_->error("fd");
    return Access{(link.st_mode & S_IRUSR) != 0, (link.st_mode & S_IWUSR) != 0};
  }
  const auto text = TRY(process_->read(("fdinfo/" + std::to_string(number)).c_str(), Process::kSmallCap));
  for (auto line : Lines(text)) {
    if (take_until(line, ':') != "flags") continue;
    const auto mode = parse<unsigned>(trim(line), 8).value_or(0) & O_ACCMODE;
    return Access{mode != O_WRONLY, mode != O_RDONLY};
  }
  return failure("/proc/*/fdinfo", "does not tell the flags");
}

Result<struct statx> Descriptors::stat_target(int number) const {
  struct statx info;
  if (!stat_followed(*process_->proc_, directory_.get(), Decimal(number).c_str(), info)) return process_->error("fd");
  return info;
}

}  // namespace osprey::linux
