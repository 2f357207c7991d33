#include "agent/events/scratch_journal.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <string_view>

#include "base/text.h"

namespace osprey::agent {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "osprey-events-";  // and the process's id

// Those of processes that are no more, if they are this user's.
void remove_left(const fs::path& parent) {
  std::error_code error;
  for (fs::directory_iterator at(parent, error), end; !error && at != end; at.increment(error)) {
    const auto name = at->path().filename().string();
    if (!name.starts_with(kPrefix)) continue;
    auto rest = std::string_view(name).substr(kPrefix.size());
    const auto pid = parse<pid_t>(take_until(rest, '-'));
    struct stat facts{};
    if (!pid || *pid <= 0 || (::kill(*pid, 0) == 0 || errno != ESRCH)) continue;
    if (::lstat(at->path().c_str(), &facts) != 0 || !S_ISDIR(facts.st_mode) || facts.st_uid != ::geteuid()) continue;
    std::error_code ignored;
    fs::remove_all(at->path(), ignored);
  }
}

}  // namespace

Result<ScratchJournal> ScratchJournal::make(const std::string& parent) {
  remove_left(parent);
  auto path = fmt::format("{}/{}{}-XXXXXX", parent, kPrefix, ::getpid());
  if (!::mkdtemp(path.data())) return system_failure(parent);
  return ScratchJournal(std::move(path));
}

ScratchJournal::~ScratchJournal() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

ScratchJournal::ScratchJournal(ScratchJournal&& from) noexcept : path_(std::exchange(from.path_, {})) {}

}  // namespace osprey::agent
