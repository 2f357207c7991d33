#include "agent/daemon/pidfile.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <optional>
#include <thread>

#include "base/root.h"
#include "base/text.h"

namespace osprey::agent {
namespace {

constexpr int kTries = 5;
constexpr std::chrono::seconds kBetweenTries{2};

std::optional<pid_t> written_pid(int file) {
  std::string text(32, '\0');
  const auto length = ::pread(file, text.data(), text.size(), 0);
  if (length <= 0) return std::nullopt;
  return parse<pid_t>(trim(std::string_view(text).substr(0, static_cast<std::size_t>(length))));
}

bool is_agent(pid_t pid) {
  const auto name = Root::host().read_trimmed(fmt::format("/proc/{}/comm", pid));
  return name && (name->starts_with("osquery") || name->starts_with("osprey"));
}

bool lock(int file) { return ::flock(file, LOCK_EX | LOCK_NB) == 0; }

bool lock_after_asking(int file) {
  const auto holder = written_pid(file);
  if (!holder || !is_agent(*holder)) return false;
  ::kill(*holder, SIGTERM);
  for (int i = 0; i < kTries; ++i) {
    std::this_thread::sleep_for(kBetweenTries);
    if (lock(file)) return true;
  }
  ::kill(*holder, SIGKILL);
  std::this_thread::sleep_for(kBetweenTries);
  return lock(file);
}

// Whether the open file is still the one at `path`: its holder may have removed it between open and lock.
bool is_still_there(int file, const std::string& path) {
  struct stat opened{};
  struct stat named{};
  return ::fstat(file, &opened) == 0 && ::stat(path.c_str(), &named) == 0 && opened.st_dev == named.st_dev &&
         opened.st_ino == named.st_ino;
}

Result<void> write_pid(int file, const std::string& path) {
  const auto text = fmt::to_string(::getpid());
  if (::fchmod(file, 0600) != 0 || ::ftruncate(file, 0) != 0 ||
      ::pwrite(file, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    return system_failure(path);
  return {};
}

}  // namespace

Result<Pidfile> Pidfile::take(const std::string& path, bool force) {
  for (;;) {
    UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) return system_failure(path);
    if (!lock(file.get()) && !(force && lock_after_asking(file.get()))) {
      const auto holder = written_pid(file.get());
      return failure(path, holder ? fmt::format("another agent is running, process {}", *holder)
                                  : std::string("another agent is running"));
    }
    if (!is_still_there(file.get(), path)) continue;
    TRY(write_pid(file.get(), path));
    return Pidfile(path, std::move(file));
  }
}

Pidfile::~Pidfile() {
  if (file_) ::unlink(path_.c_str());
}

}  // namespace osprey::agent
