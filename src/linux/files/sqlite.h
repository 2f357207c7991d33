// SQLite databases that other programs keep, read inside a Root: nothing is locked, written or created, so that their
// owners never notice. A write-ahead log beside the file is read with it, and a rollback journal is applied in memory:
// what is seen is what was last committed.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/interrupt.h"
#include "base/result.h"
#include "base/root.h"

struct sqlite3_stmt;

namespace osprey::linux {

// The file may be hostile: queries can read and nothing else, triggers and virtual tables are off, functions that the
// schema names are not trusted, values, the schema and temporary storage are capped, and a query ends when it is
// interrupted.
//
// Its owner may write meanwhile. Without a lock that cannot be kept from happening, but it is noticed: see changed().
// Not noticed are owners that write through a memory map, which SQLite does only when it was built to.
class SqliteFile {
 public:
  static constexpr int kValueCap = 64 << 20;
  static constexpr std::size_t kSchemaCap = 4 << 20;       // bytes read for it
  static constexpr std::size_t kJournalCap = 32 << 20;     // a longer one is an error
  static constexpr std::int64_t kTemporaryCap = 32 << 20;  // of each sort that does not fit into the cache

  struct Options {
    bool views = false;  // queries may name the file's views
    int value_cap = kValueCap;
    std::optional<std::chrono::milliseconds> time;  // from open() on, after which every query ends with ETIMEDOUT
  };
  static Result<SqliteFile> open(const Root& root, std::string_view path, const Interrupt& interrupt,
                                 const Options& options);
  static Result<SqliteFile> open(const Root& root, std::string_view path, const Interrupt& interrupt) {
    return open(root, path, interrupt, Options());
  }
  // Opens the file and calls `read`, over again while the owner's writing spoils it, for two seconds at most.
  static Result<void> read_whole(const Root& root, std::string_view path, const Interrupt& interrupt,
                                 const Options& options, const std::function<Result<void>(SqliteFile&)>& read);

  SqliteFile(SqliteFile&&) noexcept;
  SqliteFile& operator=(SqliteFile&&) noexcept;
  ~SqliteFile();

 private:
  struct State;

 public:
  // A query under way; it must not outlive its file.
  class Query {
   public:
    int size() const;  // columns
    std::string_view column_name(int column) const;
    // Parameters count from 1, columns from 0. The text is copied.
    void bind(int parameter, std::string_view text);
    // Whether there is a further row. Values are those of this row until the next call.
    Result<bool> next();
    // Text and blobs as they are; empty for NULL.
    std::string_view bytes(int column);
    // Numbers too, as SQLite writes them. Not to be mixed with bytes() on one column of a row.
    std::string_view text(int column);
    std::int64_t integer(int column);
    bool is_null(int column);
    // Runs from its beginning again, with other parameters.
    void rewind();

   private:
    friend class SqliteFile;
    struct Finalize {
      void operator()(sqlite3_stmt* statement) const;
    };
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
    const State* state_ = nullptr;
  };
  Result<Query> query(std::string_view sql);

  // Whether the owner has written since open() in a way that may have torn what was read: rows so far may not belong
  // together, an error may be due to it. Ask when all is read.
  bool changed() const;

 private:
  explicit SqliteFile(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace osprey::linux
