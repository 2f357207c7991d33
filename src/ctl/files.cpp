#include "ctl/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/unique_fd.h"

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

}  // namespace osprey::ctl
