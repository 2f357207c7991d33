#include "events/syslog/syslog_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "base/clock_reading.h"
#include "base/module.h"
#include "base/root.h"
#include "events/syslog/message.h"
#include "linux/dbus/systemd_module.h"
#include "linux/files/passwd.h"

namespace osprey::events {
namespace {

constexpr mode_t kPipeMode = 0460;  // rsyslog, of the group, writes
constexpr std::string_view kPipeGroup = "syslog";
constexpr mode_t kSocketMode = 0666;
constexpr std::chrono::milliseconds kWindow{200};
constexpr std::size_t kLongestLine = 64 << 10;
constexpr std::size_t kLongestMessage = 64 << 10;
constexpr int kBuffer = 4 << 20;
constexpr int kMostDropped = 1000;  // at once

// The group by the host's own file: NSS might ask the network.
std::optional<gid_t> group_of_pipe() {
  const auto groups = linux::read_group(Root::host());
  if (!groups) return std::nullopt;
  for (const auto& group : groups->entries)
    if (group.groupname == kPipeGroup) return group.gid;
  return std::nullopt;
}

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return failure(path, "is too long for a socket");
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

// RFC 3339, in UTC.
std::string time_text(std::uint64_t microseconds) {
  const auto seconds = static_cast<std::time_t>(microseconds / 1'000'000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}+00:00", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, microseconds % 1'000'000);
}

}  // namespace

SyslogSource::SyslogSource(SyslogOptions options) : options_(std::move(options)), cursor_(options_.cursor) {}

Result<void> SyslogSource::open(const Demand&) {
  if (poll_) return {};
  auto opened = open_all();
  if (!opened) close();
  return opened;
}

Result<void> SyslogSource::open_all() {
  poll_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  timer_ = UniqueFd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!poll_ || !timer_) return system_failure("syslog");
  TRY(watch(timer_.get()));
  if (!options_.pipe.empty()) TRY(open_pipe());
  if (!options_.socket.empty()) TRY(open_socket());
  if (options_.journal) TRY(open_journal());
  if (!pipe_ && !socket_ && !journal_) return failure("syslog", "nothing is to be read");
  window_ = Clock::now();
  return {};
}

Result<void> SyslogSource::watch(int descriptor) {
  epoll_event event{.events = EPOLLIN, .data = {.fd = descriptor}};
  if (::epoll_ctl(poll_.get(), EPOLL_CTL_ADD, descriptor, &event) != 0) return system_failure("syslog");
  return {};
}

void SyslogSource::close() noexcept {
  if (socket_ && is_ours()) ::unlink(options_.socket.c_str());
  socket_is_open_ = false;
  socket_.reset();
  pipe_.reset();
  pipe_lock_.reset();
  line_.clear();
  too_long_ = false;
  journal_.reset();
  timer_.reset();
  poll_.reset();
  held_back_ = false;
}

SourceCounts SyslogSource::counts() const {
  SourceCounts counts;
  counts.kept = kept_;
  counts.filtered = 0;
  counts.dropped = {{"parser", "not understood", not_understood_, true},
                    {"pipe", "line too long", too_long_count_, true},
                    {"socket", "rate limit", over_limit_, true},
                    {"journal", "damaged", damaged_, true}};
  counts.seen = counts.kept;
  for (const auto& drop : counts.dropped) *counts.seen += drop.count;
  return counts;
}

std::optional<SyslogSource::SocketCounts> SyslogSource::socket_counts() const {
  if (!socket_is_open_) return std::nullopt;
  return SocketCounts{.received = received_, .dropped = over_limit_, .last = last_};
}

std::string SyslogSource::cursor() const {
  const std::lock_guard lock(mutex_);
  return cursor_;
}

Result<bool> SyslogSource::next(EventSink& sink, std::size_t most) {
  const auto now = Clock::now();
  if (now - window_ >= kWindow) {
    window_ = now;
    told_ = 0;
  }
  std::uint64_t times = 0;
  static_cast<void>(::read(timer_.get(), &times, sizeof times));
  std::size_t left = std::min(most, options_.rate_limit > told_ ? options_.rate_limit - told_ : 0);
  const auto before = left;
  bool more = false;
  // The socket first, as those who log wait for it.
  if (socket_) more |= TRY(read_socket(sink, left));
  if (pipe_ && left > 0) more |= TRY(read_pipe(sink, left));
  if (journal_ && left > 0) more |= TRY(read_journal(sink, left));
  told_ += before - left;
  const bool limited = told_ >= options_.rate_limit;
  if (limited || held_back_) hold_back(limited);
  return more && !limited;
}

// Until the window is over nothing is watched but the timer: the pipe and the journal may stay readable. (A closed pipe
// tells that whatever one watches it for.)
void SyslogSource::hold_back(bool limited) {
  const auto set = [&](int descriptor) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = descriptor}};
    ::epoll_ctl(poll_.get(), limited ? EPOLL_CTL_DEL : EPOLL_CTL_ADD, descriptor, &event);  // may be so already
  };
  if (pipe_) set(pipe_.get());
  if (journal_) set(journal_->descriptor());
  itimerspec time{};
  if (limited) time.it_value.tv_nsec = std::chrono::nanoseconds(kWindow).count();
  ::timerfd_settime(timer_.get(), 0, &time, nullptr);
  held_back_ = limited;
}

// --- The pipe ---

Result<void> SyslogSource::open_pipe() {
  const auto& path = options_.pipe;
  if (::mkfifo(path.c_str(), kPipeMode) == 0) {
    // Whatever the umask; who is in no such group writes as root.
    if (const auto group = group_of_pipe()) static_cast<void>(::chown(path.c_str(), static_cast<uid_t>(-1), *group));
    if (::chmod(path.c_str(), kPipeMode) != 0) return system_failure(path);
  } else if (errno != EEXIST) {
    return system_failure(path);
  }
  pipe_lock_ = UniqueFd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW));
  struct stat facts{};
  if (!pipe_lock_ || ::fstat(pipe_lock_.get(), &facts) != 0) return system_failure(path);
  if (!S_ISFIFO(facts.st_mode)) return failure(path, "is no named pipe (--syslog_pipe_path)");
  if (::flock(pipe_lock_.get(), LOCK_EX | LOCK_NB) != 0)
    return errno == EWOULDBLOCK ? failure(path, "is read by another program") : system_failure(path);
  return open_reading_end();
}

// Anew when the last writer has gone: the old end would be readable for ever.
Result<void> SyslogSource::open_reading_end() {
  UniqueFd end(::open(options_.pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW));
  if (!end) return system_failure(options_.pipe);
  TRY(watch(end.get()));
  pipe_ = std::move(end);
  return {};
}

Result<bool> SyslogSource::read_pipe(EventSink& sink, std::size_t& left) {
  for (;;) {
    // Lines that are there already.
    std::size_t begin = 0;
    while (left > 0) {
      const auto end = line_.find('\n', begin);
      if (end == line_.npos) break;
      if (!too_long_) {
        tell_line(std::string_view(line_).substr(begin, end - begin), sink);
        --left;
      }
      too_long_ = false;
      begin = end + 1;
    }
    line_.erase(0, begin);
    if (left == 0) return true;
    if (line_.size() >= kLongestLine) {
      if (!too_long_) ++too_long_count_;
      too_long_ = true;
      line_.clear();
    }
    const auto had = line_.size();
    line_.resize(kLongestLine);
    const auto size = ::read(pipe_.get(), line_.data() + had, kLongestLine - had);
    line_.resize(had + static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    if (size > 0 || (size < 0 && errno == EINTR)) continue;
    if (size < 0 && errno == EAGAIN) return false;
    if (size < 0) return system_failure(options_.pipe);
    TRY(open_reading_end());
    return false;
  }
}

void SyslogSource::tell_line(std::string_view line, EventSink& sink) {
  SyslogTexts texts;
  SyslogEvent event;
  if (!parse_syslog_csv(line, texts, event)) {
    ++not_understood_;
    return;
  }
  event.source = "pipe";
  ++kept_;
  sink.take(&event);
}

// --- The journal ---

Result<void> SyslogSource::open_journal() {
  const auto* module = TRY(open_module<linux::SystemdModule>());
  journal_ = TRY(module->open_journal(options_.journal_directory, cursor()));
  return watch(journal_->descriptor());
}

Result<bool> SyslogSource::read_journal(EventSink& sink, std::size_t& left) {
  TRY(journal_->changed());
  linux::JournalEntry entry;
  bool any = false;
  bool more = true;
  while (left > 0 && (more = TRY(journal_->next(entry)))) {
    tell_entry(entry, sink);
    --left;
    any = true;
  }
  damaged_ = journal_->skipped;
  if (any) {
    auto cursor = TRY(journal_->cursor());
    const std::lock_guard lock(mutex_);
    cursor_ = std::move(cursor);
  }
  return more;
}

void SyslogSource::tell_entry(const linux::JournalEntry& entry, EventSink& sink) {
  constexpr std::int64_t kNotice = 5;
  constexpr std::uint32_t kUser = 1;
  SyslogEvent event;
  const auto since_boot = static_cast<std::int64_t>(entry.realtime * 1000) - wall_nanoseconds_at_boot();
  event.header.moment = static_cast<std::uint64_t>(std::max<std::int64_t>(since_boot, 1));
  const auto datetime = time_text(entry.realtime);
  const auto& name = entry.identifier.empty() ? entry.command : entry.identifier;
  const auto process = !entry.process.empty() ? entry.process : entry.pid ? std::to_string(*entry.pid) : "";
  const auto tag = process.empty() ? name : fmt::format("{}[{}]", name, process);
  event.datetime = datetime;
  event.host = entry.host;
  event.severity = entry.priority.value_or(kNotice);
  event.facility = facility_name(entry.facility.value_or(kUser));
  event.tag = tag;
  event.message = entry.message;
  event.msgid = entry.message_id;
  event.source = "journal";
  // What journald has from the kernel, not from the sender.
  event.actor.process.pid = entry.pid.value_or(0);
  event.actor.ids.uid = entry.uid;
  event.actor.ids.gid = entry.gid;
  event.actor.ids.login_uid = entry.login_uid;
  event.actor.ids.session = entry.session;
  event.actor.name = entry.command;
  event.actor.path = entry.executable;
  event.actor.cmdline = entry.command_line;
  event.actor.unit = entry.unit;
  event.actor.cgroup_path = entry.cgroup;
  ++kept_;
  sink.take(&event);
}

// --- A socket of our own ---

Result<void> SyslogSource::open_socket() {
  const auto& path = options_.socket;
  const auto address = TRY(address_of(path));
  const auto* name = reinterpret_cast<const sockaddr*>(&address);
  struct stat facts{};
  if (::lstat(path.c_str(), &facts) == 0) {
    if (!S_ISSOCK(facts.st_mode)) return failure(path, "is there already, and no socket: it is left alone");
    // A connection of datagrams sends nothing and starts nobody.
    const UniqueFd asks(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (::connect(asks.get(), name, sizeof address) == 0 || errno != ECONNREFUSED)
      return failure(path, "belongs to another program, which logs already");
    if (::unlink(path.c_str()) != 0) return system_failure(path);
  }
  UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket || ::bind(socket.get(), name, sizeof address) != 0) return system_failure(path);
  socket_ = std::move(socket);
  if (::lstat(path.c_str(), &facts) != 0) return system_failure(path);
  device_ = facts.st_dev;
  inode_ = facts.st_ino;
  const int on = 1;
  if (::chmod(path.c_str(), kSocketMode) != 0 ||
      ::setsockopt(socket_.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0)
    return system_failure(path);
  if (::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kBuffer, sizeof kBuffer) != 0)
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &kBuffer, sizeof kBuffer);
  TRY(watch(socket_.get()));
  socket_is_open_ = true;
  return {};
}

bool SyslogSource::is_ours() const noexcept {
  struct stat facts{};
  return ::lstat(options_.socket.c_str(), &facts) == 0 && facts.st_dev == device_ && facts.st_ino == inode_;
}

Result<bool> SyslogSource::read_socket(EventSink& sink, std::size_t& left) {
  if (!is_ours()) return failure(options_.socket, "has been taken over by another program, which logs now");
  const auto bytes = std::make_unique_for_overwrite<char[]>(kLongestMessage);
  for (int dropped = 0; dropped < kMostDropped;) {
    iovec piece{bytes.get(), kLongestMessage};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred))> control;
    msghdr head{};
    head.msg_iov = &piece;
    head.msg_iovlen = 1;
    head.msg_control = control.data();
    head.msg_controllen = control.size();
    const auto size = ::recvmsg(socket_.get(), &head, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return false;
    if (size < 0) return system_failure(options_.socket);
    ++received_;
    last_ = ::time(nullptr);
    if (left == 0) {
      ++over_limit_;
      ++dropped;
      continue;
    }
    SyslogTexts texts;
    SyslogEvent event;
    parse_syslog_message({bytes.get(), static_cast<std::size_t>(size)}, texts, event);
    event.source = "socket";
    if (const auto* part = CMSG_FIRSTHDR(&head);
        part && part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_CREDENTIALS) {
      ucred sender{};
      std::memcpy(&sender, CMSG_DATA(part), sizeof sender);
      event.actor.process.pid = sender.pid;
      event.actor.ids.uid = sender.uid;
      event.actor.ids.gid = sender.gid;
    }
    --left;
    ++kept_;
    sink.take(&event);
  }
  return true;
}

}  // namespace osprey::events
