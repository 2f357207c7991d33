#include "events/audit/log_reader.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/text.h"

namespace osprey::events::audit {
namespace {

constexpr std::size_t kChunk = 256 << 10;
constexpr std::size_t kLongestLine = 64 << 10;

UniqueFd open_log(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
}

}  // namespace

std::string audit_log_path(const Root& root) {
  std::string path = "/var/log/audit/audit.log";
  const auto settings = root.read("/etc/audit/auditd.conf");
  if (!settings) return path;
  for (const auto line : Lines(settings->bytes)) {
    auto value = line;
    const auto name = trim(take_until(value, '='));
    value = trim(value);
    if (equal_ignoring_case(name, "log_file") && value.starts_with('/')) path = value;
  }
  return path;
}

Result<std::unique_ptr<LogReader>> LogReader::follow(std::string path, bool from_the_end) {
  auto file = open_log(path);
  struct stat about{};
  if (!file || ::fstat(file.get(), &about) != 0) return system_failure(path);
  if (!S_ISREG(about.st_mode)) return failure(path, "is no regular file");
  if (from_the_end) ::lseek(file.get(), 0, SEEK_END);
  return std::unique_ptr<LogReader>(new LogReader(std::move(path), std::move(file), true));
}

Result<std::unique_ptr<LogReader>> LogReader::connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return system_failure(ENAMETOOLONG, path);
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return system_failure(path);
  return std::unique_ptr<LogReader>(new LogReader(path, std::move(socket), false));
}

// Whether another file has taken the name, and is open now. What the old one held has been read.
bool LogReader::reopen() {
  struct stat here{};
  struct stat there{};
  if (::stat(path_.c_str(), &there) != 0 || ::fstat(source_.get(), &here) != 0) return false;
  if (here.st_ino == there.st_ino && here.st_dev == there.st_dev) {
    // Cut to nothing where it stands.
    if (::lseek(source_.get(), 0, SEEK_CUR) > here.st_size) ::lseek(source_.get(), 0, SEEK_SET);
    return false;
  }
  auto file = open_log(path_);
  if (!file) return false;
  source_ = std::move(file);
  return true;
}

// More bytes; false: none now.
Result<bool> LogReader::fill() {
  buffer_.erase(0, used_);
  used_ = 0;
  const auto before = buffer_.size();
  for (;;) {
    buffer_.resize(before + kChunk);
    const auto size = ::read(source_.get(), buffer_.data() + before, kChunk);
    buffer_.resize(before + static_cast<std::size_t>(size > 0 ? size : 0));
    if (size > 0) return true;
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return false;
    if (size < 0) return system_failure(path_);
    if (!is_file_) return failure(path_, "whoever wrote to it is gone");
    if (!reopen()) return false;
  }
}

Result<std::string_view> LogReader::next() {
  for (;;) {
    const auto end = buffer_.find('\n', used_);
    if (end != std::string::npos) {
      const auto line = std::string_view(buffer_).substr(used_, end - used_);
      used_ = end + 1;
      if (std::exchange(skipping_, false) || line.empty()) continue;
      return line;
    }
    if (buffer_.size() - used_ > kLongestLine) {
      if (!std::exchange(skipping_, true)) ++too_long_;
      used_ = buffer_.size();
    }
    if (!TRY(fill())) return std::string_view();
  }
}

}  // namespace osprey::events::audit
