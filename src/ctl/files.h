// Files of the user's.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/unique_fd.h"

namespace osprey::ctl {

inline constexpr std::size_t kMostFileBytes = 64 << 20;

// "-" is standard input.
Result<std::string> read_file(const std::string& path);
// In one step: whoever reads it sees the old text or the new.
Result<void> write_file(const std::string& path, std::string_view text, mode_t mode = 0644);

// A file that is there once it is whole, and that only its owner reads. Until then it grows beside, as PATH.part.
class GrowingFile {
 public:
  static Result<GrowingFile> make(std::string path);
  GrowingFile(GrowingFile&&) = default;
  ~GrowingFile();  // without finish(): nothing is left

  // False where the disk refuses; finish() tells why.
  bool write(std::string_view bytes);
  Result<void> finish();

 private:
  explicit GrowingFile(std::string path) : path_(std::move(path)) {}
  std::string part() const { return path_ + ".part"; }

  std::string path_;
  UniqueFd fd_;
  int refused_ = 0;
};

}  // namespace osprey::ctl
