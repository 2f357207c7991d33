// rpm's database of installed packages in its three formats: SQLite (rpmdb.sqlite), ndb (Packages.db) and Berkeley DB
// (Packages). Read without librpm: docs/decisions/0001-rpm.md says why.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/interrupt.h"
#include "base/result.h"
#include "base/root.h"
#include "linux/packages/rpm_header.h"

namespace osprey::linux {

// The records of a database, one after another.
class RpmRecords {
 public:
  virtual ~RpmRecords() = default;
  // The next record, a view until the next call; empty at the end. After an error comes the end.
  virtual Result<std::optional<std::string_view>> next() = 0;
};

// Bytes by their position: an open file, or text in a test.
class RandomAccess {
 public:
  explicit RandomAccess(UniqueFd file);
  explicit RandomAccess(std::string_view bytes) : bytes_(bytes), size_(bytes.size()) {}
  std::uint64_t size() const noexcept { return size_; }
  // Exactly `size` bytes from `offset` into `out`; false where the file ends before, or cannot be read.
  bool read(std::uint64_t offset, std::size_t size, std::string& out) const;

 private:
  UniqueFd file_;
  std::string_view bytes_;
  std::uint64_t size_ = 0;
};

// rpm's native database: 4 KiB pages of slots that say where each record is (rpm's lib/backend/ndb/rpmpkg.c).
Result<std::unique_ptr<RpmRecords>> ndb_records(RandomAccess file);
// A Berkeley DB hash of record numbers to records, versions 7 to 10 (dbinc/db_page.h of Berkeley DB 4 to 6).
Result<std::unique_ptr<RpmRecords>> berkeley_records(RandomAccess file);

class RpmDatabase {
 public:
  // The first database in the places that distributions use; an absent() error where there is none. With `names`, only
  // packages of these names need be given. What cannot be read, or only in part, is an error for `on_error`.
  static Result<RpmDatabase> open(const Root& root, const std::optional<std::vector<std::string>>& names,
                                  const Interrupt& interrupt, std::function<void(const Error&)> on_error);

  // The next package; empty at the end. Its views live until the next call.
  std::optional<RpmHeader> next();

 private:
  RpmDatabase(std::string path, std::unique_ptr<RpmRecords> records, const Interrupt& interrupt,
              std::function<void(const Error&)> on_error);

  std::string path_;
  std::unique_ptr<RpmRecords> records_;
  const Interrupt* interrupt_;
  std::function<void(const Error&)> on_error_;
  std::size_t malformed_ = 0;
};

}  // namespace osprey::linux
