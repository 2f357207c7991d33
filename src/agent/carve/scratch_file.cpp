#include "agent/carve/scratch_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/text.h"

namespace osprey::agent {
namespace {

constexpr std::size_t kBuffer = 256 << 10;

Result<std::uint64_t> size_of(int fd, const std::string& path) {
  struct stat facts{};
  if (::fstat(fd, &facts) != 0) return system_failure(path);
  return static_cast<std::uint64_t>(facts.st_size);
}

}  // namespace

Result<ScratchFile> ScratchFile::create(const std::string& path, std::uint64_t cap, store::Store& store) {
  remove(path, store);
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return system_failure(path);
  ScratchFile made(path, std::move(fd), store);
  made.cap_ = cap;
  made.digest_.reset(::EVP_MD_CTX_new());
  if (!made.digest_ || ::EVP_DigestInit_ex(made.digest_.get(), ::EVP_sha256(), nullptr) != 1)
    return failure(path, "no SHA-256");
  return made;
}

Result<ScratchFile> ScratchFile::open(const std::string& path, store::Store& store) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return system_failure(path);
  const auto size = TRY(size_of(fd.get(), path));
  ScratchFile opened(path, std::move(fd), store);
  opened.size_ = size;
  return opened;
}

void ScratchFile::remove(const std::string& path, store::Store& store) {
  struct stat facts{};
  if (::lstat(path.c_str(), &facts) != 0 || ::unlink(path.c_str()) != 0) return;
  static_cast<void>(store.resize_beside(static_cast<std::uint64_t>(facts.st_size), 0));
}

Result<void> ScratchFile::append(std::string_view bytes) {
  if (cap_ > 0 && size_ + bytes.size() > cap_)
    return failure({}, fmt::format("it exceeds the limit of {} MB (--carver_limit_mb)", cap_ >> 20));
  ::EVP_DigestUpdate(digest_.get(), bytes.data(), bytes.size());
  buffer_ += bytes;
  size_ += bytes.size();
  return buffer_.size() < kBuffer ? Result<void>() : flush();
}

Result<void> ScratchFile::flush() {
  TRY(store_->resize_beside(size_ - buffer_.size(), size_));
  for (std::string_view rest = buffer_; !rest.empty();) {
    const auto written = ::write(fd_.get(), rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return system_failure(path_);
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  buffer_.clear();
  return {};
}

Result<std::string> ScratchFile::finish() {
  TRY(flush());
  // A carve goes on after a power cut: what the store says of this file is to be true.
  if (::fdatasync(fd_.get()) != 0) return system_failure(path_);
  std::array<unsigned char, EVP_MAX_MD_SIZE> raw;
  unsigned length = 0;
  ::EVP_DigestFinal_ex(digest_.get(), raw.data(), &length);
  return hex({reinterpret_cast<const char*>(raw.data()), length});
}

Result<std::string> ScratchFile::read(std::uint64_t offset, std::size_t count) const {
  std::string bytes(count, '\0');
  std::size_t have = 0;
  while (have < count) {
    const auto got = ::pread(fd_.get(), bytes.data() + have, count - have, static_cast<off_t>(offset + have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_failure(path_);
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  bytes.resize(have);
  return bytes;
}

}  // namespace osprey::agent
