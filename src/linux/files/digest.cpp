#include "linux/files/digest.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <vector>

#include "base/text.h"

namespace osprey::linux {
namespace {

constexpr std::size_t kBlock = 256 << 10;  // stays in a core's own cache while several digests pass over it

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

// Null where OpenSSL's configuration forbids the algorithm (FIPS and MD5). Fetched once: a fetch takes a lock.
const EVP_MD* algorithm(DigestKind kind) {
  static const std::array<EVP_MD*, kDigestKinds> kAlgorithms = {
      EVP_MD_fetch(nullptr, "MD5", nullptr), EVP_MD_fetch(nullptr, "SHA1", nullptr),
      EVP_MD_fetch(nullptr, "SHA256", nullptr), EVP_MD_fetch(nullptr, "SHA512", nullptr)};
  return kAlgorithms[static_cast<std::size_t>(kind)];
}

struct Running {
  DigestKind kind;
  Context context;
};

Result<std::vector<Running>> start(DigestSet kinds, std::string_view path) {
  std::vector<Running> running;
  for (std::size_t i = 0; i < kDigestKinds; ++i) {
    const auto kind = static_cast<DigestKind>(i);
    if (!kinds.has(kind)) continue;
    Context context(EVP_MD_CTX_new());
    if (!algorithm(kind) || !context || EVP_DigestInit_ex2(context.get(), algorithm(kind), nullptr) != 1)
      return failure(std::string(path), "this build of OpenSSL does not offer the digest");
    running.push_back({kind, std::move(context)});
  }
  return running;
}

// Whether the file's beginning is in the page cache. Filesystems that cannot tell say it is.
bool is_cached(int fd) {
  char byte;
  const iovec one{&byte, 1};
  return ::preadv2(fd, &one, 1, 0, RWF_NOWAIT) >= 0 || errno != EAGAIN;
}

// Reads on from `offset`, at most a block: from the file, or zeros where it has a hole.
class Blocks {
 public:
  Blocks(int fd, bool sparse) : fd_(fd), sparse_(sparse), bytes_(std::make_unique_for_overwrite<char[]>(kBlock)) {}

  // Empty at the end.
  Result<std::string_view> next(std::string_view path) {
    if (sparse_ && offset_ >= data_end_ && offset_ >= data_start_) find_data();
    std::size_t length = kBlock;
    from_disk_ = !sparse_ || offset_ >= data_start_;
    if (!from_disk_) {
      length = static_cast<std::size_t>(std::min<std::int64_t>(kBlock, data_start_ - offset_));
      if (!zeros_) zeros_ = std::make_unique<char[]>(kBlock);
      offset_ += static_cast<std::int64_t>(length);
      return std::string_view(zeros_.get(), length);
    }
    if (sparse_) length = static_cast<std::size_t>(std::min<std::int64_t>(kBlock, data_end_ - offset_));
    if (length == 0) return std::string_view();
    for (;;) {
      const auto count = ::pread(fd_, bytes_.get(), length, offset_);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return system_failure(std::string(path));
      offset_ += count;
      // A file that was cut while it was read ends here.
      return std::string_view(bytes_.get(), static_cast<std::size_t>(count));
    }
  }
  // Whether the last block was read, and is no hole.
  bool from_disk() const noexcept { return from_disk_; }

 private:
  // The next extent of data, or the end of the file.
  void find_data() {
    const auto end = ::lseek(fd_, 0, SEEK_END);
    const auto data = ::lseek(fd_, offset_, SEEK_DATA);
    if (data < 0) {
      data_start_ = data_end_ = std::max(offset_, end);  // ENXIO: a hole to the end
      return;
    }
    data_start_ = data;
    const auto hole = ::lseek(fd_, data, SEEK_HOLE);
    data_end_ = hole < 0 ? end : hole;
  }

  int fd_;
  bool sparse_;
  bool from_disk_ = false;
  std::unique_ptr<char[]> bytes_;
  std::unique_ptr<char[]> zeros_;
  std::int64_t offset_ = 0;
  std::int64_t data_start_ = 0;
  std::int64_t data_end_ = 0;
};

}  // namespace

bool Digests::holds(DigestSet kinds) const noexcept {
  for (std::size_t i = 0; i < kDigestKinds; ++i)
    if (kinds.has(static_cast<DigestKind>(i)) && text_[i].empty()) return false;
  return true;
}

Result<Digests> digest_file(int fd, DigestSet kinds, const std::atomic<bool>& stop, std::string_view path,
                            IoBudget* budget) {
  struct stat info;
  if (::fstat(fd, &info) != 0) return system_failure(std::string(path));
  auto running = TRY(start(kinds, path));
  const bool sparse = info.st_size > 0 && info.st_blocks > 0 && std::int64_t{info.st_blocks} * 512 < info.st_size;
  const bool cached = info.st_size == 0 || is_cached(fd);
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_NOREUSE);
  Blocks blocks(fd, sparse);
  const auto stopped = [&stop] { return stop.load(std::memory_order_relaxed); };
  for (;;) {
    const auto block = TRY(blocks.next(path));
    // If that hung there may be nobody left to go on for.
    if (stopped()) return system_failure(ECANCELED, std::string(path));
    if (block.empty()) break;
    if (budget && blocks.from_disk() && !budget->read(block.size(), stopped))
      return system_failure(ECANCELED, std::string(path));
    for (auto& one : running) EVP_DigestUpdate(one.context.get(), block.data(), block.size());
  }
  if (!cached) ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  Digests digests;
  for (auto& one : running) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> raw;
    unsigned length = 0;
    EVP_DigestFinal_ex(one.context.get(), raw.data(), &length);
    digests[one.kind] = hex({reinterpret_cast<const char*>(raw.data()), length});
  }
  return digests;
}

}  // namespace osprey::linux
