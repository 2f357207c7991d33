#include "ctl/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace osprey::ctl {

Result<std::string> read_file(const std::string& path) {
  const UniqueFd opened(path == "-" ? ::dup(STDIN_FILENO) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (opened.get() < 0) return system_failure(path);
  std::string text;
  char piece[65536];
  for (;;) {
    const auto got = ::read(opened.get(), piece, sizeof piece);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_failure(path);
    if (got == 0) return text;
    text.append(piece, static_cast<std::size_t>(got));
    if (text.size() > kMostFileBytes) return failure(path, "is larger than 64 MiB");
  }
}

Result<void> write_file(const std::string& path, std::string_view text, mode_t mode) {
  auto part = path + ".XXXXXX";
  UniqueFd opened(::mkostemp(part.data(), O_CLOEXEC));
  if (opened.get() < 0) return system_failure(path);
  const auto fail = [&]() -> Result<void> {
    const auto code = errno;
    ::unlink(part.c_str());
    return system_failure(code, path);
  };
  while (!text.empty()) {
    const auto put = ::write(opened.get(), text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return fail();
    text.remove_prefix(static_cast<std::size_t>(put));
  }
  if (::fchmod(opened.get(), mode) != 0 || ::fsync(opened.get()) != 0) return fail();
  if (::rename(part.c_str(), path.c_str()) != 0) return fail();
  return {};
}

Result<GrowingFile> GrowingFile::make(std::string path) {
  GrowingFile made(std::move(path));
  const auto part = made.part();
  made.fd_ = UniqueFd(::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!made.fd_) return system_failure(part);
  return made;
}

GrowingFile::~GrowingFile() {
  if (fd_) ::unlink(part().c_str());
}

bool GrowingFile::write(std::string_view bytes) {
  while (!bytes.empty() && refused_ == 0) {
    const auto put = ::write(fd_.get(), bytes.data(), bytes.size());
    if (put < 0 && errno != EINTR) refused_ = errno;
    if (put > 0) bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return refused_ == 0;
}

Result<void> GrowingFile::finish() {
  if (refused_ != 0) return system_failure(refused_, path_);
  if (::fsync(fd_.get()) != 0 || ::rename(part().c_str(), path_.c_str()) != 0) return system_failure(path_);
  fd_.reset();
  return {};
}

}  // namespace osprey::ctl
