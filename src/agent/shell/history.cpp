#include "agent/shell/history.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/root.h"
#include "base/text.h"

namespace osprey::agent::shell {
namespace {

// Readable by its owner only: statements may hold secrets. O_NOFOLLOW and O_NONBLOCK: nobody else's file, no FIFO.
UniqueFd open_history(const std::string& path, int flags) {
  return UniqueFd(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
}

void write(const UniqueFd& file, std::string_view text) {
  if (file) [[maybe_unused]]
    const auto written = ::write(file.get(), text.data(), text.size());
}

}  // namespace

History::History(std::string path, std::size_t most) : path_(std::move(path)), most_(most) {
  if (path_.empty()) return;
  const auto file = open_history(path_, O_RDONLY);
  if (!file) return;
  const auto text = read_all(file.get(), Root::kTextCap, path_);
  if (!text) return;
  for (const auto line : Lines(text->bytes))
    if (!trim(line).empty()) lines_.emplace_back(line);
  if (lines_.size() <= most_) return;
  lines_.erase(lines_.begin(), lines_.end() - static_cast<std::ptrdiff_t>(most_));
  rewrite();
}

void History::add(const std::string& line) {
  if (!lines_.empty() && lines_.back() == line) return;
  lines_.push_back(line);
  if (path_.empty()) return;
  std::error_code error;
  const auto directory = std::filesystem::path(path_).parent_path();
  if (std::filesystem::create_directory(directory, error)) ::chmod(directory.c_str(), 0700);
  write(open_history(path_, O_WRONLY | O_CREAT | O_APPEND), line + '\n');
}

void History::rewrite() const {
  std::string text;
  for (const auto& line : lines_) text += line + '\n';
  write(open_history(path_, O_WRONLY | O_TRUNC), text);
}

}  // namespace osprey::agent::shell
