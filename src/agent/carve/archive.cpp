#include "agent/carve/archive.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "agent/carve/tar_writer.h"

namespace osprey::agent {
namespace {

constexpr std::size_t kBlock = 64 << 10;

// Bytes on their way into the scratch file, through Zstandard or not.
class Pipe {
 public:
  Pipe(ScratchFile& out, bool compress) : out_(out) {
    if (!compress) return;
    context_.reset(::ZSTD_createCCtx());
    ::ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, 1);
    buffer_.resize(::ZSTD_CStreamOutSize());
  }
  Result<void> add(std::string_view bytes) { return context_ ? compress(bytes, ZSTD_e_continue) : out_.append(bytes); }
  Result<void> finish() { return context_ ? compress({}, ZSTD_e_end) : Result<void>(); }
  bool failed_to_compress() const noexcept { return failed_; }

 private:
  Result<void> compress(std::string_view bytes, ZSTD_EndDirective directive) {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    for (;;) {
      ZSTD_outBuffer out{buffer_.data(), buffer_.size(), 0};
      const auto left = ::ZSTD_compressStream2(context_.get(), &out, &in, directive);
      if (::ZSTD_isError(left)) {
        failed_ = true;
        return failure({}, ::ZSTD_getErrorName(left));
      }
      TRY(out_.append({buffer_.data(), out.pos}));
      if (directive == ZSTD_e_end ? left == 0 : in.pos == in.size) return {};
    }
  }
  struct Free {
    void operator()(ZSTD_CCtx* context) const noexcept { ::ZSTD_freeCCtx(context); }
  };
  ScratchFile& out_;
  std::unique_ptr<ZSTD_CCtx, Free> context_;
  std::string buffer_;
  bool failed_ = false;
};

class Archive {
 public:
  Archive(const ArchiveOrder& order, ScratchFile& out, const Interrupt& stop)
      : order_(order),
        stop_(stop),
        out_(out),
        pipe_(out, order.compress),
        tar_([this](std::string_view bytes) { return pipe_.add(bytes); }),
        block_(std::make_unique<char[]>(kBlock)) {}

  Result<Archived> run() {
    for (const auto& path : order_.paths) TRY(take(path));
    TRY(tar_.finish());
    TRY(pipe_.finish());
    archived_.sha256 = TRY(out_.finish());
    return std::move(archived_);
  }
  bool failed_to_compress() const noexcept { return pipe_.failed_to_compress(); }

 private:
  bool stopped() const { return stop_.requested(); }
  std::unexpected<Error> cancelled() const { return system_failure(ECANCELED, {}); }
  std::string name_of(std::string_view path) const { return order_.prefix + std::string(path.substr(1)); }
  void miss(const Error& error) { archived_.missing.push_back(error.text()); }

  // An error ends the archive; what is wrong with one file does not.
  Result<void> take(const std::string& path) {
    const auto is_stopped = [this] { return stopped(); };
    if (stopped() || (order_.budget && !order_.budget->open(is_stopped))) return cancelled();
    const auto file = order_.root.open(path);
    if (!file) {
      miss(file.error());
      return {};
    }
    struct stat facts{};
    if (::fstat(file->get(), &facts) != 0) {
      miss(system_failure(path).error());
      return {};
    }
    if (facts.st_size == 0) return take_sizeless(path, file->get(), facts);
    TRY(tar_.begin(name_of(path), facts, static_cast<std::uint64_t>(facts.st_size)));
    TRY(copy(path, file->get()));
    TRY(tar_.end());
    ++archived_.files;
    return {};
  }

  // Empty, or a file of the kernel's that says so whatever it has.
  Result<void> take_sizeless(const std::string& path, int fd, const struct stat& facts) {
    const auto content = read_all(fd, Root::kTextCap, path, stop_);
    if (stopped()) return cancelled();
    if (!content) {
      miss(content.error());
      return {};
    }
    if (content->truncated) miss({0, path, fmt::format("cut at {} bytes", Root::kTextCap)});
    TRY(tar_.begin(name_of(path), facts, content->bytes.size()));
    TRY(tar_.add(content->bytes));
    TRY(tar_.end());
    ++archived_.files;
    return {};
  }

  Result<void> copy(const std::string& path, int fd) {
    ::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    while (tar_.left() > 0) {
      if (stopped()) return cancelled();
      const auto got = ::read(fd, block_.get(), std::min<std::uint64_t>(kBlock, tar_.left()));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) {
        miss({errno, path, fmt::format("{} bytes could not be read and are zeros", tar_.left())});
        return {};
      }
      if (got == 0) {
        miss({0, path, fmt::format("it became shorter: {} bytes are zeros", tar_.left())});
        return {};
      }
      const auto bytes = static_cast<std::size_t>(got);
      if (order_.budget && !order_.budget->read(bytes, [this] { return stopped(); })) return cancelled();
      TRY(tar_.add({block_.get(), bytes}));
    }
    return {};
  }

  const ArchiveOrder& order_;
  const Interrupt& stop_;
  ScratchFile& out_;
  Pipe pipe_;
  TarWriter tar_;
  std::unique_ptr<char[]> block_;
  Archived archived_;
};

}  // namespace

std::expected<Archived, ArchiveFailure> archive(const ArchiveOrder& order, ScratchFile& out, const Interrupt& stop) {
  Archive archive(order, out, stop);
  auto done = archive.run();
  if (!done) return std::unexpected(ArchiveFailure{archive.failed_to_compress(), std::move(done.error())});
  return std::move(*done);
}

}  // namespace osprey::agent
