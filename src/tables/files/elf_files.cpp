#include "tables/files/elf_files.h"

namespace osprey::tables {

bool ElfFiles::next() {
  while (next_regular(walk_)) {
    path_ = walk_.path();
    if (auto* budget = scan_.service<linux::IoBudget>();
        budget && !budget->open([this] { return scan_.interrupted(); }))
      return false;
    auto descriptor = scan_.take(scan_.root().open(path_));
    if (!descriptor) continue;
    auto file = linux::elf::File::open(std::make_unique<linux::elf::FileBytes>(std::move(*descriptor)));
    if (!file) continue;
    file_.emplace(std::move(*file));
    if (!file_->header().complete) scan_.warn({0, path_, "ends within its ELF header"});
    return true;
  }
  return false;
}

}  // namespace osprey::tables
