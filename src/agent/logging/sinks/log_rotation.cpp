#include "agent/logging/sinks/log_rotation.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <vector>

#include "base/unique_fd.h"

namespace osprey::agent {
namespace {

constexpr int kCompressionLevel = 3;
// 128 KiB of history: a little more than a megabyte of memory while it lasts.
constexpr int kWindowLog = 17;

bool exists(const std::string& path) {
  struct ::stat status{};
  return ::lstat(path.c_str(), &status) == 0;
}

Result<void> rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return system_failure(from);
  return {};
}

Result<void> write_all(int file, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const auto count = ::write(file, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_failure(path);
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

// Bounded memory, whatever the file's size. False: stopped.
Result<bool> compress(const std::string& from, const std::string& to, const Interrupt& stop) {
  const UniqueFd in(::open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!in) return system_failure(from);
  struct ::stat status{};
  if (::fstat(in.get(), &status) != 0) return system_failure(from);
  const UniqueFd out(::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, status.st_mode & 0777));
  if (!out) return system_failure(to);
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, kCompressionLevel);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_windowLog, kWindowLog);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  std::string block(ZSTD_CStreamInSize(), '\0');
  std::string packed(ZSTD_CStreamOutSize(), '\0');
  for (bool more = true; more;) {
    if (stop.requested()) return false;
    const auto count = ::read(in.get(), block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_failure(from);
    more = count > 0;
    ZSTD_inBuffer input{block.data(), static_cast<std::size_t>(count), 0};
    std::size_t left = 0;
    do {
      ZSTD_outBuffer output{packed.data(), packed.size(), 0};
      left = ZSTD_compressStream2(context.get(), &output, &input, more ? ZSTD_e_continue : ZSTD_e_end);
      if (ZSTD_isError(left)) return failure(from, ZSTD_getErrorName(left));
      TRY(write_all(out.get(), std::string_view(packed).substr(0, output.pos), to));
    } while (more ? input.pos < input.size : left > 0);
  }
  const ::timespec times[2] = {status.st_atim, status.st_mtim};
  ::futimens(out.get(), times);  // its age is that of its lines
  if (::fsync(out.get()) != 0) return system_failure(to);
  return true;
}

}  // namespace

LogRotation::~LogRotation() {
  stop_.request();
  if (compressor_.joinable()) compressor_.join();
}

bool LogRotation::is_compressing() {
  if (compressing_) return true;
  if (compressor_.joinable()) compressor_.join();
  return false;
}

void LogRotation::recover() {
  if (is_compressing()) return;
  if (exists(older(2)) && exists(packed(2))) ::unlink(older(2).c_str());
  ::unlink((packed(2) + ".part").c_str());
  if (exists(older(2))) compress_second();
}

// Moves the compressed files up to where there is a gap, which a death may have left.
Result<void> LogRotation::free_second() const {
  std::size_t gap = 2;
  while (exists(packed(gap))) ++gap;
  for (; gap > 2; --gap) TRY(rename(packed(gap - 1), packed(gap)));
  return {};
}

Result<bool> LogRotation::rotate(std::size_t keep) {
  if (is_compressing()) return false;
  if (exists(older(2))) {
    recover();
    return false;
  }
  if (keep > 1 && exists(older(1))) {
    TRY(free_second());
    TRY(rename(older(1), older(2)));
  }
  TRY(rename(log_, older(1)));
  for (std::size_t number = std::max<std::size_t>(keep, 1) + 1; ::unlink(packed(number).c_str()) == 0;) ++number;
  if (exists(older(2))) compress_second();
  return true;
}

void LogRotation::compress_second() {
  compressing_ = true;
  compressor_ = std::thread([this] {
    const auto part = packed(2) + ".part";
    const auto done = compress(older(2), part, stop_);
    if (done && *done) {
      if (const auto renamed = rename(part, packed(2)); renamed) ::unlink(older(2).c_str());
    } else {
      ::unlink(part.c_str());
    }
    if (!done) status_.warning("A rotated log could not be compressed, it is tried again: " + done.error().text());
    compressing_ = false;
  });
}

std::uint64_t cap_logs(const std::string& directory, const std::string& name, std::uint64_t most_bytes) {
  struct File {
    std::filesystem::path path;
    std::uint64_t size;
    std::filesystem::file_time_type time;
    bool in_use;
  };
  std::vector<File> files;
  std::vector<std::filesystem::path> in_use;
  std::uint64_t total = 0;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
    const auto file = entry.path().filename().string();
    if (!file.starts_with(name + ".")) continue;
    if (entry.is_symlink(ignored)) {
      in_use.push_back(std::filesystem::read_symlink(entry.path(), ignored).filename());
    } else if (entry.is_regular_file(ignored)) {
      const auto size = entry.file_size(ignored);
      total += size;
      files.push_back({entry.path(), size, entry.last_write_time(ignored), file.ends_with(".log")});
    }
  }
  std::ranges::sort(files, {}, &File::time);
  std::uint64_t gone = 0;
  for (const auto& file : files) {
    if (total - gone <= most_bytes) break;
    if (file.in_use || std::ranges::find(in_use, file.path.filename()) != in_use.end()) continue;
    if (std::filesystem::remove(file.path, ignored)) gone += file.size;
  }
  return gone;
}

}  // namespace osprey::agent
