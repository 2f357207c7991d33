// SQLite databases that other programs keep, read inside a Root: nothing is locked, written or created, so that their
// owners never notice. A write-ahead log beside the file is read with it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/interrupt.h"
#include "base/result.h"
#include "base/root.h"

struct sqlite3_stmt;

namespace osprey::linux {

// The file may be hostile: views and triggers are off, functions that the schema names are not trusted, values are
// capped, and a query ends when it is interrupted. A file that is being written meanwhile may give an error.
class SqliteFile {
 public:
  static constexpr int kValueCap = 64 << 20;

  static Result<SqliteFile> open(const Root& root, std::string_view path, const Interrupt& interrupt);
  SqliteFile(SqliteFile&&) noexcept;
  SqliteFile& operator=(SqliteFile&&) noexcept;
  ~SqliteFile();

  // A query under way; it must not outlive its file.
  class Query {
   public:
    // Parameters count from 1, columns from 0. The text is copied.
    void bind(int parameter, std::string_view text);
    // Whether there is a further row. Values are those of this row until the next call.
    Result<bool> next();
    // Text and blobs alike; empty for NULL.
    std::string_view bytes(int column);
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
    const std::string* path_ = nullptr;
  };
  Result<Query> query(std::string_view sql);

 private:
  struct State;
  explicit SqliteFile(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace osprey::linux
