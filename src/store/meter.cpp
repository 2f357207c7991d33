#include "store/meter.h"

#include <filesystem>

namespace osprey::store {
namespace {

using rocksdb::FileOptions;
using rocksdb::FileSystem;
using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

class MeteredFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  MeteredFile(std::unique_ptr<FSWritableFile> file, std::uint64_t size, std::shared_ptr<Meter> meter,
              FileSystem& system, std::string name)
      : FSWritableFileOwnerWrapper(std::move(file)),
        size_(size),
        meter_(std::move(meter)),
        system_(system),
        name_(std::move(name)) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
    return counted(data.size(), options, debug, [&] { return target()->Append(data, options, debug); });
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo& verification,
                  IODebugContext* debug) override {
    return counted(data.size(), options, debug, [&] { return target()->Append(data, options, verification, debug); });
  }
  // Only direct I/O appends by position, which we do not use.
  IOStatus PositionedAppend(const Slice&, std::uint64_t, const IOOptions&, IODebugContext*) override {
    return IOStatus::NotSupported();
  }
  IOStatus PositionedAppend(const Slice&, std::uint64_t, const IOOptions&, const rocksdb::DataVerificationInfo&,
                            IODebugContext*) override {
    return IOStatus::NotSupported();
  }
  IOStatus Truncate(std::uint64_t size, const IOOptions& options, IODebugContext* debug) override {
    auto status = target()->Truncate(size, options, debug);
    if (status.ok()) {
      meter_->change(size_, size);
      size_ = size;
    }
    return status;
  }

 private:
  template <class Write>
  IOStatus counted(std::uint64_t bytes, const IOOptions& options, IODebugContext* debug, Write&& write) {
    const bool compaction = GetIOPriority() == rocksdb::Env::IO_LOW;
    if (!meter_->grow(size_, size_ + bytes, compaction)) return IOStatus::NoSpace("the store's cap is reached", name_);
    auto status = write();
    auto now = size_ + bytes;
    // A failed write may have written a part.
    if (!status.ok() && system_.GetFileSize(name_, options, &now, debug).ok()) meter_->change(size_ + bytes, now);
    size_ = now;
    return status;
  }

  std::uint64_t size_;
  std::shared_ptr<Meter> meter_;
  FileSystem& system_;  // the process's own, never destroyed
  std::string name_;
};

class MeteredFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  explicit MeteredFileSystem(std::shared_ptr<Meter> meter)
      : FileSystemWrapper(FileSystem::Default()), meter_(std::move(meter)) {}
  const char* Name() const override { return "osprey.metered"; }

  IOStatus NewWritableFile(const std::string& name, const FileOptions& options, std::unique_ptr<FSWritableFile>* result,
                           IODebugContext* debug) override {
    // RocksDB writes its options down at each start, reads them back and goes on without if it cannot. Ours stand in
    // the program: two thirds of the time that opening takes are saved.
    if (name.contains("/OPTIONS-")) return IOStatus::NotSupported();
    const auto before = size_of(name);
    auto status = target()->NewWritableFile(name, options, result, debug);
    if (!status.ok()) return status;
    meter_->change(before, 0);
    wrap(name, 0, *result);
    return status;
  }
  IOStatus ReopenWritableFile(const std::string& name, const FileOptions& options,
                              std::unique_ptr<FSWritableFile>* result, IODebugContext* debug) override {
    auto status = target()->ReopenWritableFile(name, options, result, debug);
    if (status.ok()) wrap(name, size_of(name), *result);
    return status;
  }
  // Logs are not reused (recycle_log_file_num), and nothing else is.
  IOStatus ReuseWritableFile(const std::string&, const std::string&, const FileOptions&,
                             std::unique_ptr<FSWritableFile>*, IODebugContext*) override {
    return IOStatus::NotSupported();
  }
  IOStatus DeleteFile(const std::string& name, const IOOptions& options, IODebugContext* debug) override {
    const auto before = size_of(name);
    auto status = target()->DeleteFile(name, options, debug);
    if (status.ok()) meter_->change(before, 0);
    return status;
  }
  IOStatus Truncate(const std::string& name, size_t size, const IOOptions& options, IODebugContext* debug) override {
    const auto before = size_of(name);
    auto status = target()->Truncate(name, size, options, debug);
    if (status.ok()) meter_->change(before, size);
    return status;
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* debug) override {
    const auto replaced = size_of(to);
    auto status = target()->RenameFile(from, to, options, debug);
    if (status.ok()) meter_->change(replaced, 0);
    return status;
  }

 private:
  std::uint64_t size_of(const std::string& name) const {
    std::uint64_t size = 0;
    return target()->GetFileSize(name, IOOptions(), &size, nullptr).ok() ? size : 0;
  }
  void wrap(const std::string& name, std::uint64_t size, std::unique_ptr<FSWritableFile>& file) {
    file = std::make_unique<MeteredFile>(std::move(file), size, meter_, *target(), name);
  }

  std::shared_ptr<Meter> meter_;
};

}  // namespace

bool Meter::grow(std::uint64_t from, std::uint64_t to, bool compaction) noexcept {
  const auto more = on_disk(to) - on_disk(from);
  if (more == 0) return true;
  auto used = used_.load(std::memory_order_relaxed);
  do {
    if (cap_ != 0 && used + more + (compaction ? kept_ : 0) > cap_) return false;
  } while (!used_.compare_exchange_weak(used, used + more, std::memory_order_relaxed));
  return true;
}

std::uint64_t measure(const std::string& directory) {
  std::uint64_t bytes = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
    std::error_code gone;
    const auto size = at->is_regular_file(gone) ? at->file_size(gone) : 0;
    if (!gone) bytes += Meter::on_disk(size);
  }
  return bytes;
}

std::shared_ptr<rocksdb::FileSystem> metered_file_system(std::shared_ptr<Meter> meter) {
  return std::make_shared<MeteredFileSystem>(std::move(meter));
}

}  // namespace osprey::store
