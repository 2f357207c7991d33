#include "agent/events/scratch_journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string_view>

namespace osprey::agent {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "osprey-events-";

UniqueFd open_folder(const fs::path& path) {
  return UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

// Those that nobody has, if they are this user's.
void remove_left(const fs::path& parent) {
  std::error_code error;
  for (fs::directory_iterator at(parent, error), end; !error && at != end; at.increment(error)) {
    if (!at->path().filename().string().starts_with(kPrefix)) continue;
    const auto folder = open_folder(at->path());
    struct stat facts{};
    if (!folder || ::fstat(folder.get(), &facts) != 0 || facts.st_uid != ::geteuid()) continue;
    if (::flock(folder.get(), LOCK_EX | LOCK_NB) != 0) continue;
    std::error_code ignored;
    fs::remove_all(at->path(), ignored);
  }
}

}  // namespace

Result<ScratchJournal> ScratchJournal::make(const std::string& parent) {
  remove_left(parent);
  for (;;) {
    auto path = fmt::format("{}/{}XXXXXX", parent, kPrefix);
    if (!::mkdtemp(path.data())) return system_failure(parent);
    auto lock = open_folder(path);
    // An agent that starts beside us may have taken it for one that was left.
    if (!lock && errno == ENOENT) continue;
    if (!lock || ::flock(lock.get(), LOCK_EX) != 0) return system_failure(path);
    if (::access(path.c_str(), F_OK) == 0) return ScratchJournal(std::move(path), std::move(lock));
  }
}

ScratchJournal::~ScratchJournal() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

ScratchJournal::ScratchJournal(ScratchJournal&& from) noexcept
    : path_(std::exchange(from.path_, {})), lock_(std::move(from.lock_)) {}

}  // namespace osprey::agent
