#include <cstddef>
#include <cstdint>
#include <string_view>

#include "linux/elf/elf_file.h"

// Everything that the five tables read of a file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace osprey::linux::elf;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  auto file = File::open(std::make_unique<TextBytes>(bytes));
  if (!file) return 0;
  file->interpreter();
  file->build_id();
  for (std::uint64_t i = 0; const auto segment = file->segment(i); ++i) {
    segment_type_name(segment->type);
    segment_flags(segment->flags);
    if (i > 1000) break;
  }
  for (std::uint64_t i = 0; const auto section = file->section(i); ++i) {
    file->section_name(*section);
    section_flags(section->flags);
    file->entropy(*section, osprey::Interrupt::never());
    if (auto symbols = file->symbols(i)) {
      for (int count = 0; const auto symbol = symbols->next(); ++count) {
        symbols->name(*symbol);
        symbols->version();
        if (count > 1000) break;
      }
    }
    if (i > 200) break;
  }
  if (auto dynamic = file->dynamic()) {
    for (int count = 0; const auto entry = dynamic->next(); ++count) {
      dynamic_tag_name(entry->tag);
      dynamic->text(*entry);
      if (count > 1000) break;
    }
  }
  return 0;
}
