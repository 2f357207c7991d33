// A database, with its first byte saying what stands beside it: a journal or a log, split off at the middle.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "linux/files/sqlite.h"

namespace {

using namespace osprey;

// A folder of this process's own; the corpus is small, so is what it holds.
struct Folder {
  Folder() {
    std::string pattern = std::filesystem::temp_directory_path() / "sqlite-fuzz-XXXXXX";
    path = ::mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

Result<void> read_all_tables(linux::SqliteFile& file) {
  auto names = TRY(file.query("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') LIMIT 8"));
  while (TRY(names.next())) {
    auto rows = file.query("SELECT * FROM \"" + std::string(names.text(0)) + "\" ORDER BY 1");
    for (int i = 0; rows && i < 1000; ++i) {
      const auto more = rows->next();
      if (!more || !*more) break;
      for (int column = 0; column < rows->size(); ++column) rows->text(column);
    }
  }
  return {};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Folder folder;
  if (size == 0) return 0;
  const auto beside = data[0] % 3;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto half = beside == 0 ? bytes.size() : bytes.size() / 2;
  std::filesystem::remove(folder.path / "x-wal");
  std::filesystem::remove(folder.path / "x-journal");
  std::ofstream(folder.path / "x", std::ios::binary) << bytes.substr(0, half);
  if (beside != 0)
    std::ofstream(folder.path / (beside == 1 ? "x-journal" : "x-wal"), std::ios::binary) << bytes.substr(half);
  const auto root = *Root::at(folder.path);
  (void)linux::SqliteFile::read_whole(root, "/x", Interrupt::never(),
                                      {.views = true, .value_cap = 1 << 20, .time = std::chrono::milliseconds(200)},
                                      read_all_tables);
  return 0;
}
