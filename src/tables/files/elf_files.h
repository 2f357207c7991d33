// The ELF files among the paths that a query asks about.
#pragma once

#include <optional>
#include <string>

#include "linux/elf/elf_file.h"
#include "tables/files/asked_paths.h"
#include "tables/table.h"

namespace osprey::tables {

// Goes from one ELF file to the next; what is another kind of file is passed by.
class ElfFiles {
 public:
  explicit ElfFiles(const Scan& scan) : scan_(scan), walk_(asked_paths(scan)) {}

  bool next();
  // Of the file that next() went to.
  linux::elf::File& file() { return *file_; }
  const std::string& path() const { return path_; }

 private:
  const Scan& scan_;
  linux::PathWalk walk_;
  std::optional<linux::elf::File> file_;
  std::string path_;
};

}  // namespace osprey::tables
