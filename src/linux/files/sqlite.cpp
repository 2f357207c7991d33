#include "linux/files/sqlite.h"

#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <map>
#include <mutex>
#include <thread>

#include "base/unique_fd.h"

namespace osprey::linux {
namespace {

using Clock = Interrupt::Clock;

constexpr std::size_t kJournalHeader = 28;  // with a number that is new for each transaction
constexpr std::size_t kLogHeader = 32;      // of the write-ahead log, with salts that are new whenever it starts over
constexpr int kProgressSteps = 10000;       // of SQLite's machine between two looks at the interrupt
constexpr auto kPatience = std::chrono::seconds(2);

// The bytes of an open file from `offset` on, as many as there are; empty optional where they cannot be read.
std::optional<std::string> read_some(int fd, std::size_t size, off_t offset) {
  std::string bytes(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const auto count = ::pread(fd, bytes.data() + done, size - done, offset + static_cast<off_t>(done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::nullopt;
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  bytes.resize(done);
  return bytes;
}

// Instances of inotify(7) that nobody uses just now: to close one waits for the whole kernel, ten milliseconds and more
// on a busy host.
class IdleInstances {
 public:
  static UniqueFd take() {
    auto& [mutex, idle] = all();
    const std::lock_guard lock(mutex);
    if (idle.empty()) return UniqueFd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    auto one = std::move(idle.back());
    idle.pop_back();
    return one;
  }
  static void give(UniqueFd one) {
    auto& [mutex, idle] = all();
    const std::lock_guard lock(mutex);
    if (idle.size() < kMost) idle.push_back(std::move(one));
  }

 private:
  static constexpr std::size_t kMost = 4;
  struct All {
    std::mutex mutex;
    std::vector<UniqueFd> idle;
  };
  static All& all() {
    static All instance;
    return instance;
  }
};

// Tells whether somebody writes to a file: exactly by inotify, and as well as its times do where that is not to be had.
class Watch {
 public:
  explicit Watch(int file) : file_(file), events_(IdleInstances::take()) {
    const auto link = fmt::format("/proc/self/fd/{}", file);
    if (events_) watch_ = ::inotify_add_watch(events_.get(), link.c_str(), IN_MODIFY);
    ::fstat(file_, &before_);
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() {
    if (watch_ >= 0) ::inotify_rm_watch(events_.get(), watch_);
    while (take_event()) {
    }
    if (events_) IdleInstances::give(std::move(events_));
  }

  bool written() const {
    struct stat now{};
    written_ = written_ || take_event() || ::fstat(file_, &now) != 0 || now.st_size != before_.st_size ||
               now.st_mtim.tv_sec != before_.st_mtim.tv_sec || now.st_mtim.tv_nsec != before_.st_mtim.tv_nsec;
    return written_;
  }

 private:
  bool take_event() const {
    char event[sizeof(inotify_event)];  // of a file's own watch they carry no name
    return events_ && ::read(events_.get(), event, sizeof event) > 0;
  }

  int file_;
  UniqueFd events_;
  int watch_ = -1;
  struct stat before_{};
  mutable bool written_ = false;
};

// The database with what stands beside it, and what of it is different in memory.
struct Source {
  Source(const Root& in, const Interrupt& order) : root(in), interrupt(order) {}

  Root root;
  const Interrupt& interrupt;
  std::optional<Clock::time_point> deadline;
  UniqueFd database;
  UniqueFd log;
  std::optional<std::string> log_header;
  std::optional<Watch> watch;
  bool torn = false;  // the journal changed while it was read

  // The rollback journal of a transaction that has not ended, of a live owner or a dead one; else empty. SQLite plays
  // it back: into `restored`, by offset, instead of the file.
  std::string journal;
  std::map<sqlite3_int64, std::string> restored;
  std::optional<sqlite3_int64> restored_size;

  std::uint64_t budget = std::numeric_limits<std::uint64_t>::max();  // bytes that may still be read of the database

  bool past_deadline() const { return deadline && Clock::now() >= *deadline; }
  bool stopped() const { return interrupt.requested() || past_deadline(); }
  Result<void> read_journal(const std::string& path);
  bool changed() const {
    return torn || (watch && watch->written()) || (log && read_some(log.get(), kLogHeader, 0) != log_header);
  }
};

Result<void> Source::read_journal(const std::string& path) {
  const auto file = root.open(path);
  if (!file) {
    if (file.error().absent()) return {};
    return std::unexpected(file.error());
  }
  auto content = TRY(read_all(file->get(), SqliteFile::kJournalCap, path, interrupt));
  if (content.bytes.empty() || content.bytes.front() == '\0') return {};  // of a transaction that has ended
  if (content.truncated) return failure(path, "a transaction of more than 32 MiB has not ended");
  journal = std::move(content.bytes);
  // A transaction that ended meanwhile, or another that began, has cut or overwritten it.
  const auto header = read_some(file->get(), kJournalHeader, 0);
  struct stat now{};
  torn = ::fstat(file->get(), &now) != 0 || static_cast<std::size_t>(now.st_size) < journal.size() ||
         header != journal.substr(0, kJournalHeader);
  return {};
}

// What SQLite sees as a file.
struct File {
  enum class Kind : std::uint8_t { database, log, journal, temporary, nothing };
  sqlite3_file base;
  Kind kind;
  Source* source;
  int fd;  // of the database and the log borrowed from the Source; a temporary file's is its own
};

File& self(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }

int close_file(sqlite3_file* base) {
  if (self(base).kind == File::Kind::temporary) ::close(self(base).fd);
  return SQLITE_OK;
}

// Puts what was restored over what was read. SQLite restores whole pages, none over part of another.
void overlay(const Source& source, std::string& bytes, sqlite3_int64 offset) {
  const auto end = offset + static_cast<sqlite3_int64>(bytes.size());
  auto page = source.restored.upper_bound(offset);
  if (page != source.restored.begin()) --page;
  for (; page != source.restored.end() && page->first < end; ++page) {
    const auto from = std::max(offset, page->first);
    const auto to = std::min(end, page->first + static_cast<sqlite3_int64>(page->second.size()));
    if (from < to)
      bytes.replace(static_cast<std::size_t>(from - offset), static_cast<std::size_t>(to - from), page->second,
                    static_cast<std::size_t>(from - page->first), static_cast<std::size_t>(to - from));
  }
}

int file_size(sqlite3_file* base, sqlite3_int64* size) {
  const File& file = self(base);
  struct stat info{};
  if (file.fd >= 0 && ::fstat(file.fd, &info) != 0) return SQLITE_IOERR_FSTAT;
  *size = info.st_size;
  if (file.kind == File::Kind::journal) *size = static_cast<sqlite3_int64>(file.source->journal.size());
  if (file.kind == File::Kind::database && file.source->restored_size) *size = *file.source->restored_size;
  return SQLITE_OK;
}

int read_at(sqlite3_file* base, void* out, int wanted, sqlite3_int64 offset) {
  const File& file = self(base);
  Source& source = *file.source;
  if (source.stopped()) return SQLITE_IOERR_READ;
  const auto size = static_cast<std::size_t>(wanted);
  std::optional<std::string> read = std::string();
  if (file.kind == File::Kind::journal) {
    if (offset >= 0 && static_cast<std::size_t>(offset) < source.journal.size())
      read = source.journal.substr(static_cast<std::size_t>(offset), size);
  } else if (file.fd >= 0) {
    read = read_some(file.fd, size, offset);
  }
  if (!read) return SQLITE_IOERR_READ;
  auto& bytes = *read;
  if (file.kind == File::Kind::database) {
    if (size > source.budget) return SQLITE_IOERR_READ;
    source.budget -= size;
    sqlite3_int64 end = 0;
    if ((source.restored_size || !source.restored.empty()) && file_size(base, &end) == SQLITE_OK) {
      bytes.resize(static_cast<std::size_t>(std::clamp<sqlite3_int64>(end - offset, 0, wanted)));
      overlay(source, bytes, offset);
    }
  }
  std::memcpy(out, bytes.data(), bytes.size());
  if (bytes.size() == size) return SQLITE_OK;
  std::memset(static_cast<char*>(out) + bytes.size(), 0, size - bytes.size());
  return SQLITE_IOERR_SHORT_READ;
}

int write_at(sqlite3_file* base, const void* data, int size, sqlite3_int64 offset) {
  const File& file = self(base);
  Source& source = *file.source;
  const auto* bytes = static_cast<const char*>(data);
  switch (file.kind) {
    case File::Kind::database:
      // Only what the journal holds: no more of it than there is journal.
      if (source.journal.empty()) return SQLITE_READONLY;
      source.restored.insert_or_assign(offset, std::string(bytes, static_cast<std::size_t>(size)));
      return SQLITE_OK;
    case File::Kind::journal:  // its header is blanked: it has been played back
      source.journal.clear();
      return SQLITE_OK;
    case File::Kind::temporary: {
      if (offset + size > SqliteFile::kTemporaryCap) return SQLITE_FULL;
      int done = 0;
      while (done < size) {
        const auto count = ::pwrite(file.fd, bytes + done, static_cast<std::size_t>(size - done), offset + done);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return SQLITE_IOERR_WRITE;
        done += static_cast<int>(count);
      }
      return SQLITE_OK;
    }
    default:
      return SQLITE_READONLY;
  }
}

int truncate(sqlite3_file* base, sqlite3_int64 size) {
  const File& file = self(base);
  switch (file.kind) {
    case File::Kind::database:
      if (file.source->journal.empty()) return SQLITE_READONLY;
      file.source->restored_size = size;
      return SQLITE_OK;
    case File::Kind::journal:
      file.source->journal.clear();
      return SQLITE_OK;
    case File::Kind::temporary:
      return ::ftruncate(file.fd, size) == 0 ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
    default:
      return SQLITE_READONLY;
  }
}

// Version 1: no shared memory. In exclusive locking mode a write-ahead log is indexed on the heap instead.
constexpr sqlite3_io_methods kMethods = {
    .iVersion = 1,
    .xClose = close_file,
    .xRead = read_at,
    .xWrite = write_at,
    .xTruncate = truncate,
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

int open_file(sqlite3_vfs* vfs, const char*, sqlite3_file* out, int flags, int* out_flags) {
  auto& source = *static_cast<Source*>(vfs->pAppData);
  File& file = self(out);
  file.base.pMethods = nullptr;
  file.source = &source;
  file.fd = -1;
  bool writable = true;
  if (flags & SQLITE_OPEN_MAIN_DB) {
    file.kind = File::Kind::database;
    file.fd = source.database.get();
    writable = !source.journal.empty();  // else SQLite does not play back
  } else if (flags & SQLITE_OPEN_WAL) {
    file.kind = File::Kind::log;
    file.fd = source.log.get();
    writable = false;
  } else if (flags & SQLITE_OPEN_MAIN_JOURNAL) {
    file.kind = File::Kind::journal;
  } else if (flags & SQLITE_OPEN_SUPER_JOURNAL) {
    file.kind = File::Kind::nothing;  // whose other databases wait for it is not our business
  } else {
    file.kind = File::Kind::temporary;
    file.fd = ::memfd_create("osprey-sqlite", MFD_CLOEXEC);
    if (file.fd < 0) return SQLITE_CANTOPEN;
  }
  file.base.pMethods = &kMethods;
  if (out_flags && !writable)
    *out_flags = (flags & ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) | SQLITE_OPEN_READONLY;
  else if (out_flags)
    *out_flags = flags;
  return SQLITE_OK;
}

// Besides the log and the journal SQLite asks for the super-journal that a journal names: while it is there, the
// transaction over several databases has not ended.
int access(sqlite3_vfs* vfs, const char* name, int, int* answer) {
  const auto& source = *static_cast<const Source*>(vfs->pAppData);
  const std::string_view path = name;
  if (path == "db-wal")
    *answer = static_cast<bool>(source.log);
  else if (path == "db-journal")
    *answer = !source.journal.empty();
  else
    *answer = path.starts_with('/') && source.root.exists(path);
  return SQLITE_OK;
}

int full_pathname(sqlite3_vfs*, const char* name, int size, char* out) {
  sqlite3_snprintf(size, out, "%s", name);
  return SQLITE_OK;
}

int authorize(void*, int action, const char*, const char*, const char*, const char*) {
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_FUNCTION:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;
    default:
      return SQLITE_DENY;
  }
}

}  // namespace

struct SqliteFile::State {
  std::string path;
  Source source;
  std::string vfs_name;
  sqlite3_vfs vfs{};
  bool registered = false;
  sqlite3* connection = nullptr;

  State(const Root& root, std::string_view of, const Interrupt& interrupt) : path(of), source(root, interrupt) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    sqlite3_close_v2(connection);
    if (registered) sqlite3_vfs_unregister(&vfs);
  }
  std::unexpected<Error> failed() const {
    if (source.interrupt.requested()) return system_failure(ECANCELED, path);
    if (source.past_deadline()) return std::unexpected(Error{ETIMEDOUT, path, "to read it takes too long"});
    return failure(path, sqlite3_errmsg(connection));
  }
  Result<void> open_files();
  Result<void> connect(const Options& options);
};

Result<void> SqliteFile::State::open_files() {
  // As SQLite does: what belongs to a database stands beside the file itself, not beside a link to it.
  auto real = TRY(source.root.real_path(path));
  source.database = TRY(source.root.open(real));
  source.watch.emplace(source.database.get());  // before anything of it is read
  TRY(source.read_journal(real + "-journal"));
  if (auto log = source.root.open(real + "-wal")) {
    source.log = std::move(*log);
    source.log_header = read_some(source.log.get(), kLogHeader, 0);
  } else if (!log.error().absent()) {
    return std::unexpected(log.error());
  }
  return {};
}

Result<void> SqliteFile::State::connect(const Options& options) {
  // A file system of its own for each file: that is how SQLite is told what to read.
  static_assert(std::is_standard_layout_v<File>);
  auto* standard = sqlite3_vfs_find(nullptr);
  if (!standard) return failure(path, "SQLite has no file system");
  vfs_name = fmt::format("osprey-{}", static_cast<const void*>(this));
  vfs.iVersion = 1;
  vfs.szOsFile = sizeof(File);
  vfs.mxPathname = 512;
  vfs.zName = vfs_name.c_str();
  vfs.pAppData = &source;
  vfs.xOpen = open_file;
  vfs.xDelete = [](sqlite3_vfs*, const char*, int) { return SQLITE_OK; };
  vfs.xAccess = access;
  vfs.xFullPathname = full_pathname;
  vfs.xRandomness = standard->xRandomness;
  vfs.xSleep = standard->xSleep;
  vfs.xCurrentTime = standard->xCurrentTime;
  vfs.xGetLastError = standard->xGetLastError;
  registered = sqlite3_vfs_register(&vfs, 0) == SQLITE_OK;

  constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
  if (sqlite3_open_v2("db", &connection, kFlags, vfs.zName) != SQLITE_OK) return failed();
  sqlite3_limit(connection, SQLITE_LIMIT_LENGTH, options.value_cap);
  sqlite3_limit(connection, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_ENABLE_VIEW, options.views ? 1 : 0, nullptr);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_drop_modules(connection, nullptr);
  sqlite3_progress_handler(
      connection, kProgressSteps, [](void* order) { return static_cast<const Source*>(order)->stopped() ? 1 : 0; },
      &source);
  constexpr const char* kSettings =
      "PRAGMA locking_mode = EXCLUSIVE; PRAGMA temp_store = FILE; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; "
      "PRAGMA cache_size = -1024";
  // The first of them that needs the schema plays the journal back, indexes the log and reads it.
  source.budget = kSchemaCap + source.journal.size();
  if (sqlite3_exec(connection, kSettings, nullptr, nullptr, nullptr) != SQLITE_OK) return failed();
  sqlite3_set_authorizer(connection, authorize, nullptr);
  if (sqlite3_exec(connection, "SELECT 1 FROM sqlite_schema LIMIT 1", nullptr, nullptr, nullptr) != SQLITE_OK)
    return failed();
  source.budget = std::numeric_limits<std::uint64_t>::max();
  return {};
}

SqliteFile::SqliteFile(std::unique_ptr<State> state) : state_(std::move(state)) {}
SqliteFile::SqliteFile(SqliteFile&&) noexcept = default;
SqliteFile& SqliteFile::operator=(SqliteFile&&) noexcept = default;
SqliteFile::~SqliteFile() = default;

// Runs `attempt` until it says that nothing was spoilt by the owner's writing, or patience ends.
static Result<void> with_patience(const Interrupt& interrupt, std::string_view path,
                                  const std::function<bool(Result<void>&)>& attempt) {
  const auto end = Clock::now() + kPatience;
  for (auto pause = std::chrono::milliseconds(1);; pause = std::min(pause * 2, std::chrono::milliseconds(20))) {
    Result<void> result;
    if (attempt(result)) return result;
    if (interrupt.requested()) return system_failure(ECANCELED, std::string(path));
    if (Clock::now() + pause > end)
      return failure(std::string(path), "its owner writes to it all the time, so that it cannot be read as one");
    std::this_thread::sleep_for(pause);
  }
}

Result<SqliteFile> SqliteFile::open(const Root& root, std::string_view path, const Interrupt& interrupt,
                                    const Options& options) {
  std::unique_ptr<State> state;
  const auto attempt = [&](Result<void>& result) {
    state = std::make_unique<State>(root, path, interrupt);
    if (options.time) state->source.deadline = Clock::now() + *options.time;
    result = state->open_files();
    if (result) result = state->connect(options);
    return result ? !state->source.torn : !state->source.changed();
  };
  TRY(with_patience(interrupt, path, attempt));
  return SqliteFile(std::move(state));
}

Result<void> SqliteFile::read_whole(const Root& root, std::string_view path, const Interrupt& interrupt,
                                    const Options& options, const std::function<Result<void>(SqliteFile&)>& read) {
  return with_patience(interrupt, path, [&](Result<void>& result) {
    auto file = open(root, path, interrupt, options);
    if (!file) {
      result = std::unexpected(file.error());
      return true;
    }
    result = read(*file);
    return !file->changed();
  });
}

bool SqliteFile::changed() const { return state_->source.changed(); }

Result<SqliteFile::Query> SqliteFile::query(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(state_->connection, sql.data(), static_cast<int>(sql.size()), &statement, nullptr) !=
      SQLITE_OK)
    return state_->failed();
  if (!statement) return failure(state_->path, "the query is empty");
  Query query;
  query.statement_.reset(statement);
  query.state_ = state_.get();
  return query;
}

void SqliteFile::Query::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

int SqliteFile::Query::size() const { return sqlite3_column_count(statement_.get()); }

std::string_view SqliteFile::Query::column_name(int column) const {
  const auto* name = sqlite3_column_name(statement_.get(), column);
  return name ? name : "";
}

void SqliteFile::Query::bind(int parameter, std::string_view text) {
  sqlite3_bind_text(statement_.get(), parameter, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
}

Result<bool> SqliteFile::Query::next() {
  switch (sqlite3_step(statement_.get())) {
    case SQLITE_ROW:
      return true;
    case SQLITE_DONE:
      return false;
    default:
      return state_->failed();
  }
}

std::string_view SqliteFile::Query::bytes(int column) {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

std::string_view SqliteFile::Query::text(int column) {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

std::int64_t SqliteFile::Query::integer(int column) { return sqlite3_column_int64(statement_.get(), column); }

bool SqliteFile::Query::is_null(int column) { return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL; }

void SqliteFile::Query::rewind() {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
}

}  // namespace osprey::linux
