#include "linux/files/sqlite.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "base/unique_fd.h"

namespace osprey::linux {
namespace {

// What SQLite sees as a file: a descriptor that is read and nothing else. It is borrowed from the State.
struct File {
  sqlite3_file base;
  int fd;  // -1: an empty file
};

const File& self(sqlite3_file* file) { return *reinterpret_cast<const File*>(file); }

int read_at(sqlite3_file* file, void* out, int size, sqlite3_int64 offset) {
  auto* bytes = static_cast<char*>(out);
  int done = 0;
  while (done < size && self(file).fd >= 0) {
    const auto count = ::pread(self(file).fd, bytes + done, static_cast<std::size_t>(size - done), offset + done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SQLITE_IOERR_READ;
    if (count == 0) break;
    done += static_cast<int>(count);
  }
  if (done == size) return SQLITE_OK;
  std::memset(bytes + done, 0, static_cast<std::size_t>(size - done));
  return SQLITE_IOERR_SHORT_READ;
}

int file_size(sqlite3_file* file, sqlite3_int64* size) {
  struct stat info{};
  if (self(file).fd >= 0 && ::fstat(self(file).fd, &info) != 0) return SQLITE_IOERR_FSTAT;
  *size = info.st_size;
  return SQLITE_OK;
}

// Version 1: no shared memory. In exclusive locking mode a write-ahead log is indexed on the heap instead.
constexpr sqlite3_io_methods kMethods = {
    .iVersion = 1,
    .xClose = [](sqlite3_file*) { return SQLITE_OK; },
    .xRead = read_at,
    .xWrite = [](sqlite3_file*, const void*, int, sqlite3_int64) { return SQLITE_READONLY; },
    .xTruncate = [](sqlite3_file*, sqlite3_int64) { return SQLITE_READONLY; },
    .xSync = [](sqlite3_file*, int) { return SQLITE_OK; },
    .xFileSize = file_size,
    .xLock = [](sqlite3_file*, int) { return SQLITE_OK; },
    .xUnlock = [](sqlite3_file*, int) { return SQLITE_OK; },
    .xCheckReservedLock =
        [](sqlite3_file*, int* reserved) {
          *reserved = 0;
          return SQLITE_OK;
        },
    .xFileControl = [](sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; },
    .xSectorSize = [](sqlite3_file*) { return 512; },
    .xDeviceCharacteristics = [](sqlite3_file*) { return 0; },
};

struct Descriptors {
  UniqueFd database;
  UniqueFd log;
};

int open_file(sqlite3_vfs* vfs, const char*, sqlite3_file* out, int flags, int* out_flags) {
  const auto& descriptors = *static_cast<const Descriptors*>(vfs->pAppData);
  auto* file = reinterpret_cast<File*>(out);
  file->base.pMethods = nullptr;
  if (flags & SQLITE_OPEN_MAIN_DB)
    file->fd = descriptors.database.get();
  else if (flags & SQLITE_OPEN_WAL)
    file->fd = descriptors.log.get();
  else
    return SQLITE_CANTOPEN;
  file->base.pMethods = &kMethods;
  if (out_flags) *out_flags = (flags & ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) | SQLITE_OPEN_READONLY;
  return SQLITE_OK;
}

// A rollback journal is not looked for: to apply it would be to write.
int access(sqlite3_vfs* vfs, const char* name, int, int* answer) {
  const auto& descriptors = *static_cast<const Descriptors*>(vfs->pAppData);
  *answer = std::string_view(name).ends_with("-wal") && descriptors.log;
  return SQLITE_OK;
}

int full_pathname(sqlite3_vfs*, const char* name, int size, char* out) {
  sqlite3_snprintf(size, out, "%s", name);
  return SQLITE_OK;
}

}  // namespace

struct SqliteFile::State {
  Descriptors descriptors;
  std::string path;
  std::string vfs_name;
  sqlite3_vfs vfs{};
  bool registered = false;
  sqlite3* connection = nullptr;

  ~State() {
    sqlite3_close_v2(connection);
    if (registered) sqlite3_vfs_unregister(&vfs);
  }
  std::unexpected<Error> failed() const { return failure(path, sqlite3_errmsg(connection)); }
};

SqliteFile::SqliteFile(std::unique_ptr<State> state) : state_(std::move(state)) {}
SqliteFile::SqliteFile(SqliteFile&&) noexcept = default;
SqliteFile& SqliteFile::operator=(SqliteFile&&) noexcept = default;
SqliteFile::~SqliteFile() = default;

Result<SqliteFile> SqliteFile::open(const Root& root, std::string_view path, const Interrupt& interrupt) {
  auto state = std::make_unique<State>();
  state->path = path;
  state->descriptors.database = TRY(root.open(path));
  if (auto log = root.open(state->path + "-wal")) state->descriptors.log = std::move(*log);

  // A file system of its own for each file: that is how SQLite is told which descriptors to read.
  static_assert(std::is_standard_layout_v<File>);
  auto* standard = sqlite3_vfs_find(nullptr);
  if (!standard) return failure(state->path, "SQLite has no file system");
  auto& vfs = state->vfs;
  state->vfs_name = "osprey-" + std::to_string(reinterpret_cast<std::uintptr_t>(state.get()));
  vfs.iVersion = 1;
  vfs.szOsFile = sizeof(File);
  vfs.mxPathname = 64;
  vfs.zName = state->vfs_name.c_str();
  vfs.pAppData = &state->descriptors;
  vfs.xOpen = open_file;
  vfs.xDelete = [](sqlite3_vfs*, const char*, int) { return SQLITE_IOERR_DELETE; };
  vfs.xAccess = access;
  vfs.xFullPathname = full_pathname;
  vfs.xRandomness = standard->xRandomness;
  vfs.xSleep = standard->xSleep;
  vfs.xCurrentTime = standard->xCurrentTime;
  vfs.xGetLastError = standard->xGetLastError;
  state->registered = sqlite3_vfs_register(&vfs, 0) == SQLITE_OK;

  constexpr int kFlags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX;
  if (sqlite3_open_v2("db", &state->connection, kFlags, vfs.zName) != SQLITE_OK) return state->failed();
  auto* connection = state->connection;
  sqlite3_limit(connection, SQLITE_LIMIT_LENGTH, kValueCap);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_progress_handler(
      connection, 10000, [](void* order) { return static_cast<const Interrupt*>(order)->requested() ? 1 : 0; },
      const_cast<Interrupt*>(&interrupt));
  constexpr const char* kSettings =
      "PRAGMA locking_mode = EXCLUSIVE; PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON; PRAGMA cache_size = "
      "-1024";
  if (sqlite3_exec(connection, kSettings, nullptr, nullptr, nullptr) != SQLITE_OK) return state->failed();
  return SqliteFile(std::move(state));
}

Result<SqliteFile::Query> SqliteFile::query(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(state_->connection, sql.data(), static_cast<int>(sql.size()), &statement, nullptr) !=
      SQLITE_OK)
    return state_->failed();
  Query query;
  query.statement_.reset(statement);
  query.path_ = &state_->path;
  return query;
}

void SqliteFile::Query::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

void SqliteFile::Query::bind(int parameter, std::string_view text) {
  sqlite3_bind_text(statement_.get(), parameter, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
}

Result<bool> SqliteFile::Query::next() {
  switch (sqlite3_step(statement_.get())) {
    case SQLITE_ROW:
      return true;
    case SQLITE_DONE:
      return false;
    case SQLITE_INTERRUPT:
      return system_failure(ECANCELED, *path_);
    default:
      return failure(*path_, sqlite3_errmsg(sqlite3_db_handle(statement_.get())));
  }
}

std::string_view SqliteFile::Query::bytes(int column) {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

std::int64_t SqliteFile::Query::integer(int column) { return sqlite3_column_int64(statement_.get(), column); }

bool SqliteFile::Query::is_null(int column) { return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL; }

void SqliteFile::Query::rewind() {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
}

}  // namespace osprey::linux
