#include "agent/logging/sinks/status_files.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <vector>

namespace osprey::agent {
namespace {

constexpr std::array<std::string_view, 3> kLevels{"INFO", "WARNING", "ERROR"};
constexpr std::uint64_t kMostBytes = 10 << 20;
constexpr mode_t kMode = 0644;  // --logger_mode is for results

std::tm local_time(std::time_t time) {
  std::tm parts{};
  ::localtime_r(&time, &parts);
  return parts;
}

std::string header(std::time_t now, std::time_t begun) {
  ::utsname host{};
  ::uname(&host);
  const auto at = local_time(now);
  const auto running = now - begun;
  return fmt::format(
      "Log file created at: {}/{:02}/{:02} {:02}:{:02}:{:02}\nRunning on machine: {}\n"
      "Running duration (h:mm:ss): {}:{:02}:{:02}\n"
      "Log line format: [IWEF]yyyymmdd hh:mm:ss.uuuuuu threadid file:line] msg\n",
      at.tm_year + 1900, at.tm_mon + 1, at.tm_mday, at.tm_hour, at.tm_min, at.tm_sec, host.nodename, running / 3600,
      running / 60 % 60, running % 60);
}

}  // namespace

Result<bool> StatusFiles::write(const protocol::StatusLine& status) {
  const auto line = protocol::glog_line(status);
  const std::string_view piece = line;
  const auto highest = std::min(static_cast<std::size_t>(status.severity), kLevels.size() - 1);
  bool made = false;
  for (std::size_t level = 0; level <= highest; ++level) {
    auto& file = files_[level];
    if (!file.is_open() || file.size() >= kMostBytes || !file.is_at(paths_[level])) {
      TRY(open(level));
      made = true;
    }
    TRY(file.append({&piece, 1}));
  }
  return made;
}

Result<void> StatusFiles::open(std::size_t level) {
  const auto now = std::time(nullptr);
  const auto at = local_time(now);
  const auto link = fmt::format("{}/{}.{}", directory_, name_, kLevels[level]);
  const auto name = fmt::format("{}.{}.{}{:02}{:02}-{:02}{:02}{:02}.{}", name_, kLevels[level], at.tm_year + 1900,
                                at.tm_mon + 1, at.tm_mday, at.tm_hour, at.tm_min, at.tm_sec, ::getpid());
  paths_[level] = directory_ + "/" + name;
  auto& file = files_[level];
  TRY(file.open(paths_[level], kMode));
  if (file.size() == 0) {
    const auto text = header(now, begun_);
    const std::string_view piece = text;
    TRY(file.append({&piece, 1}));
  }
  ::unlink(link.c_str());
  if (::symlink(name.c_str(), link.c_str()) != 0) return system_failure(link);
  clean(level);
  return {};
}

// By name: the time in it sorts as text.
void StatusFiles::clean(std::size_t level) const {
  const auto prefix = fmt::format("{}.{}.", name_, kLevels[level]);
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, ignored)) {
    auto name = entry.path().filename().string();
    if (name.starts_with(prefix)) names.push_back(std::move(name));
  }
  if (names.size() <= keep_) return;
  std::ranges::sort(names);
  names.resize(names.size() - std::max<std::size_t>(keep_, 1));
  for (const auto& name : names) ::unlink((directory_ + "/" + name).c_str());
}

}  // namespace osprey::agent
