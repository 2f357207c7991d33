#include "store/rocksdb_database.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/unique_fd.h"

// The linker's names for where RocksDB's static constructors begin and end: see cmake/Dependencies.cmake.
// NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" {
extern void (*const __start_rocksdb_constructors[])();
extern void (*const __stop_rocksdb_constructors[])();
}
// NOLINTEND(bugprone-reserved-identifier)

namespace osprey::store {

using rocksdb::Slice;
using rocksdb::Status;

namespace {

// Whether RocksDB could not open a file for a reason that says nothing about what is in it.
bool is_refusal(const Status& status) {
  const auto text = status.ToString();
  return std::ranges::any_of(std::array{EACCES, EPERM, EMFILE, ENFILE, ENOMEM, EROFS, EINTR},
                             [&](int code) { return text.ends_with(::strerror(code)); });
}

int code_of(const Status& status) {
  // A write that waited for the background tells its error as «incomplete».
  if (status.IsNoSpace() || (status.IsIncomplete() && status.ToString().contains("No space left"))) return ENOSPC;
  if (status.IsIOError() && status.ToString().contains("lock ")) return EBUSY;
  if (status.IsCorruption()) return EBADMSG;
  return EIO;
}

// RocksDB would make a new database over the files of one that has lost its CURRENT, and remove them.
bool has_lost_current(const std::string& directory) {
  std::error_code error;
  if (std::filesystem::exists(directory + "/CURRENT", error)) return false;
  for (std::filesystem::directory_iterator at(directory, error), end; !error && at != end; at.increment(error))
    if (const auto extension = at->path().extension(); extension == ".sst" || extension == ".log") return true;
  return false;
}

}  // namespace

void run_rocksdb_constructors() {
  static const bool once = [] {
    std::for_each(__start_rocksdb_constructors, __stop_rocksdb_constructors, [](auto* one) { one(); });
    return true;
  }();
  (void)once;
}

std::unexpected<Error> to_error(const Status& status, std::string subject) {
  return std::unexpected(Error{code_of(status), std::move(subject), status.ToString()});
}

OpenError open_error(const Status& status) {
  return {status, !status.IsNoSpace() && code_of(status) != EBUSY && !is_refusal(status)};
}

std::string Trouble::damage() const {
  std::lock_guard lock(mutex_);
  return damage_;
}

void Trouble::note(const Status& status) {
  if (!status.IsCorruption() || damaged_.exchange(true)) return;
  std::lock_guard lock(mutex_);
  damage_ = status.ToString();
}

void Trouble::OnBackgroundError(rocksdb::BackgroundErrorReason, Status* status) {
  note(*status);
  set_stopped(true);
}

// After an error that stops writes whoever writes goes on. One that does not (a compaction without room) is left to
// RocksDB: without that it would stop flushing, too.
void Trouble::OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, Status status, bool* automatic) {
  *automatic = status.severity() < Status::Severity::kHardError;
}

void Database::close() {
  if (!db) return;
  for (auto* one : handles) db->DestroyColumnFamilyHandle(one);
  handles.clear();
  (void)db->Close();
  db.reset();
}

std::expected<void, OpenError> Database::open(const std::string& directory, std::shared_ptr<Meter> counting,
                                              rocksdb::DBOptions options,
                                              const std::vector<rocksdb::ColumnFamilyDescriptor>& families) {
  if (has_lost_current(directory)) return std::unexpected(open_error(Status::Corruption("CURRENT is missing")));
  meter = std::move(counting);
  meter->change(0, measure(directory));
  env = rocksdb::NewCompositeEnv(metered_file_system(meter));
  trouble = std::make_shared<Trouble>();
  warnings = std::make_shared<WarningLogger>();
  options.env = env.get();
  options.info_log = warnings;
  options.listeners = {trouble};
  rocksdb::DB* opened = nullptr;
  try {
    const auto status = rocksdb::DB::Open(options, directory, families, &handles, &opened);
    if (!status.ok()) return std::unexpected(open_error(status));
  } catch (const std::exception& thrown) {  // of lengths that a damaged file claims
    return std::unexpected(open_error(Status::Corruption(thrown.what())));
  }
  db.reset(opened);
  return {};
}

namespace {

Result<OpenedPlace> open_locked(StoreDirectory place, std::string known_damage,
                                const std::function<std::expected<std::unique_ptr<Database>, OpenError>()>& open) {
  OpenedPlace opened{.place = std::move(place), .database = {}, .set_aside = {}, .reason = std::move(known_damage)};
  std::expected<std::unique_ptr<Database>, OpenError> database = nullptr;
  if (opened.reason.empty()) {
    database = open();
    if (!database && !database.error().damage) return to_error(database.error().status, opened.place.path());
    if (!database) opened.reason = database.error().status.ToString();
  }
  if (!opened.reason.empty()) {
    opened.set_aside = TRY(opened.place.set_aside());
    database = open();
    if (!database) return to_error(database.error().status, opened.place.path());
  }
  opened.database = std::move(*database);
  if (const auto dropped = opened.database->warnings->dropped(); opened.reason.empty() && !dropped.empty())
    opened.reason = fmt::format("the last writes are lost: the log ends in what cannot be read ({})", dropped);
  return opened;
}

}  // namespace

Result<OpenedPlace> open_place(const std::string& directory,
                               const std::function<std::expected<std::unique_ptr<Database>, OpenError>()>& open) {
  run_rocksdb_constructors();
  auto place = TRY(StoreDirectory::lock(directory));
  auto damage = place.damage().value_or("");
  // RocksDB's own assertions may end the process over what it reads.
  if (place.begin_opening() >= 3 && damage.empty()) damage = "opening it has ended the process three times";
  auto opened = open_locked(std::move(place), std::move(damage), open);
  if (!opened) StoreDirectory::end_opening(directory);
  return opened;
}

Result<std::unique_ptr<Database>> open_secondary(
    const std::string& directory, rocksdb::DBOptions options,
    const std::function<std::vector<rocksdb::ColumnFamilyDescriptor>(const std::shared_ptr<rocksdb::Cache>&)>&
        families) {
  std::error_code error;
  if (!std::filesystem::exists(directory + "/CURRENT", error))
    return system_failure(error ? error.value() : ENOENT, directory);
  std::string scratch = std::filesystem::temp_directory_path(error) / "osprey-store-XXXXXX";
  if (::mkdtemp(scratch.data()) == nullptr) return system_failure(scratch);

  auto made = std::make_unique<Database>();
  made->cache = make_cache();
  made->warnings = std::make_shared<WarningLogger>();
  options.info_log = made->warnings;
  Status status;
  // The writer may remove a file between our reading of its name and our opening it.
  for (int attempt = 0; attempt < 5; ++attempt) {
    rocksdb::DB* db = nullptr;
    status = rocksdb::DB::OpenAsSecondary(options, directory, scratch, families(made->cache), &made->handles, &db);
    made->db.reset(db);
    if (status.ok()) status = made->db->TryCatchUpWithPrimary();
    if (status.ok()) break;
    made->close();
  }
  std::filesystem::remove_all(scratch, error);  // it is not used once all is open
  if (!status.ok()) return to_error(status, directory);
  return made;
}

Result<void> sync_logs(const std::string& directory) {
  std::error_code error;
  for (std::filesystem::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
    if (at->path().extension() != ".log") continue;
    const UniqueFd file(::open(at->path().c_str(), O_RDONLY | O_CLOEXEC));
    if (file && ::fdatasync(file.get()) != 0) return system_failure(at->path());
  }
  const UniqueFd opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened || ::fsync(opened.get()) != 0) return system_failure(directory);
  return {};
}

RocksdbCursor::RocksdbCursor(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family, std::string_view first,
                             std::string_view last, std::function<void(const Status&)> failed)
    : last_(last), upper_(last_), failed_(std::move(failed)) {
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  if (!last_.empty()) options.iterate_upper_bound = &upper_;
  iterator_.reset(db.NewIterator(options, family));
  // RocksDB takes an upper bound before the lower for a mistake of ours.
  if (last_.empty() || first < last) iterator_->Seek(Slice(first.data(), first.size()));
  check();
}

void RocksdbCursor::next() {
  iterator_->Next();
  check();
}

Result<void> RocksdbCursor::status() const {
  if (const auto status = iterator_->status(); !status.ok()) return to_error(status, "store");
  return {};
}

void RocksdbCursor::check() {
  if (iterator_->Valid()) return;
  if (const auto status = iterator_->status(); !status.ok()) failed_(status);
}

}  // namespace osprey::store
