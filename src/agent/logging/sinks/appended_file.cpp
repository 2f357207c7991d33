#include "agent/logging/sinks/appended_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace osprey::agent {
namespace {

constexpr std::size_t kMostPieces = 256;  // a writev(2)

}  // namespace

Result<void> AppendedFile::open(const std::string& path, mode_t mode) {
  UniqueFd file(::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, mode));
  if (!file) return system_failure(path);
  struct ::stat status{};
  if (::fstat(file.get(), &status) != 0) return system_failure(path);
  if (!S_ISREG(status.st_mode)) return failure(path, "is not a regular file: lines cannot be kept there");
  if ((status.st_mode & 07777) != mode && ::fchmod(file.get(), mode) != 0) return system_failure(path);
  file_ = std::move(file);
  path_ = path;
  identity_ = {status.st_dev, status.st_ino};
  size_ = static_cast<std::uint64_t>(status.st_size);
  torn_ = false;
  return {};
}

bool AppendedFile::is_at(const std::string& path) const {
  struct ::stat status{};
  return ::stat(path.c_str(), &status) == 0 && identity_ == Identity{status.st_dev, status.st_ino};
}

Result<std::uint64_t> AppendedFile::size_now() const {
  struct ::stat status{};
  if (::fstat(file_.get(), &status) != 0) return system_failure(path_);
  return static_cast<std::uint64_t>(status.st_size);
}

Result<bool> AppendedFile::is_as_left() {
  const auto size = TRY(size_now());
  return std::exchange(size_, size) == size;
}

Result<void> AppendedFile::write_all(std::span<const std::string_view> pieces, std::uint64_t& written) {
  std::array<::iovec, kMostPieces> vectors;
  std::size_t skip = 0;  // of the first piece
  while (!pieces.empty()) {
    const auto count = std::min(pieces.size(), vectors.size());
    for (std::size_t i = 0; i < count; ++i)
      vectors[i] = {const_cast<char*>(pieces[i].data()) + (i == 0 ? skip : 0), pieces[i].size() - (i == 0 ? skip : 0)};
    const auto put = ::writev(file_.get(), vectors.data(), static_cast<int>(count));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return system_failure(path_);
    written += static_cast<std::uint64_t>(put);
    skip += static_cast<std::size_t>(put);
    while (!pieces.empty() && skip >= pieces.front().size()) {
      skip -= pieces.front().size();
      pieces = pieces.subspan(1);
    }
  }
  return {};
}

Result<void> AppendedFile::append(std::span<const std::string_view> pieces) {
  std::uint64_t written = 0;
  const std::array<std::string_view, 1> line_end{"\n"};
  auto put = torn_ ? write_all(line_end, written) : Result<void>();
  if (put) put = write_all(pieces, written);
  if (put) {
    size_ += written;
    torn_ = false;
    return {};
  }
  const auto before = size_;
  size_ += written;
  const auto cut = cut_back(before);
  if (written > 0 && (!cut || !*cut)) end_line_first();
  return put;
}

Result<bool> AppendedFile::cut_back(std::uint64_t size) {
  if (size == size_) return true;
  if (!TRY(is_as_left())) return false;
  if (::ftruncate(file_.get(), static_cast<::off_t>(size)) != 0) return system_failure(path_);
  size_ = size;
  return true;
}

Result<bool> AppendedFile::begins_at(std::uint64_t offset, std::span<const std::string_view> pieces) const {
  std::string bytes;
  for (const auto piece : pieces) {
    bytes.resize(piece.size());
    const auto count = ::pread(file_.get(), bytes.data(), bytes.size(), static_cast<::off_t>(offset));
    if (count < 0) return system_failure(path_);
    if (!piece.starts_with(std::string_view(bytes).substr(0, static_cast<std::size_t>(count)))) return false;
    if (static_cast<std::size_t>(count) < piece.size()) break;
    offset += piece.size();
  }
  return true;
}

Result<bool> AppendedFile::ends_line() const {
  if (size_ == 0) return true;
  char last = 0;
  if (::pread(file_.get(), &last, 1, static_cast<::off_t>(size_ - 1)) < 0) return system_failure(path_);
  return last == '\n';
}

}  // namespace osprey::agent
