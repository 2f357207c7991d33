// ELF files: headers, sections, segments, symbols and the dynamic section. The format: elf(5) and the System V ABI's
// generic part, with GNU's symbol versions (the Linux Standard Base).
//
// Both classes and byte orders. Nothing in a file is believed: what it claims beyond its end is left out, counts end
// where the bytes do, and every read is bounded. Entries are read one by one, so a huge table costs what is taken of
// it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/interrupt.h"
#include "base/result.h"
#include "linux/elf/bytes.h"

namespace osprey::linux::elf {

struct Header {
  bool is_64 = false;
  bool little_endian = true;
  std::uint8_t abi = 0;  // EI_OSABI
  std::uint8_t abi_version = 0;
  // The rest is there only when the file is long enough.
  bool complete = false;
  std::uint16_t type = 0;
  std::uint16_t machine = 0;
  std::uint32_t version = 0;
  std::uint64_t entry = 0;
  std::uint32_t flags = 0;
  std::uint64_t segments_offset = 0;
  std::uint16_t segment_size = 0;   // of one entry
  std::uint64_t segment_count = 0;  // extended numbering resolved, as are the next two
  std::uint64_t sections_offset = 0;
  std::uint16_t section_size = 0;
  std::uint64_t section_count = 0;
  std::uint32_t section_names = 0;  // index of the section that holds the names
};

struct Section {
  std::uint32_t name = 0;
  std::uint32_t type = 0;
  std::uint64_t flags = 0;
  std::uint64_t address = 0;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint32_t link = 0;
  std::uint32_t info = 0;
  std::uint64_t alignment = 0;
  std::uint64_t entry_size = 0;
};

struct Segment {
  std::uint32_t type = 0;
  std::uint32_t flags = 0;
  std::uint64_t offset = 0;
  std::uint64_t address = 0;
  std::uint64_t file_size = 0;
  std::uint64_t memory_size = 0;
  std::uint64_t alignment = 0;
};

struct Symbol {
  std::uint32_t name = 0;
  std::uint8_t type = 0;
  std::uint8_t binding = 0;
  std::uint32_t section = 0;  // index; extended ones resolved
  std::uint64_t value = 0;
  std::uint64_t size = 0;
};

struct DynamicEntry {
  std::int64_t tag = 0;
  std::uint64_t value = 0;
};

class File {
 public:
  // An error only where the bytes are not an ELF file at all.
  static Result<File> open(std::unique_ptr<const Bytes> bytes);

  const Header& header() const noexcept { return header_; }

  // By index; empty where the entry lies outside the file.
  std::optional<Section> section(std::uint64_t index);
  std::optional<Segment> segment(std::uint64_t index);
  // The first of a type.
  std::optional<std::uint64_t> find_section(std::uint32_t type);
  std::optional<Segment> find_segment(std::uint32_t type);
  std::string section_name(const Section& section);
  // The text at `offset` in a string section, cut at `cap` and at the section's end.
  std::string text(const Section& strings, std::uint64_t offset, std::size_t cap = 64 << 10);

  // The program that loads this one.
  std::optional<std::string> interpreter();
  // GNU's build id, raw.
  std::optional<std::string> build_id();
  // Shannon entropy of a section's stored bytes, 0 to 8 bits a byte; empty where it stores none.
  Result<std::optional<double>> entropy(const Section& section, const Interrupt& interrupt);

  // The dynamic entries up to DT_NULL: by segment, or by section where no segment says.
  class Dynamic;
  std::optional<Dynamic> dynamic();
  // The symbols of a section of type SHT_SYMTAB or SHT_DYNSYM.
  class Symbols;
  std::optional<Symbols> symbols(std::uint64_t section_index);

 private:
  explicit File(std::unique_ptr<const Bytes> bytes);
  void read_header(std::string_view bytes);
  std::optional<std::string> build_id_in(std::uint64_t offset, std::uint64_t size, std::uint64_t alignment,
                                         std::uint64_t& budget);
  std::optional<std::uint64_t> file_offset(std::uint64_t address);

  std::unique_ptr<const Bytes> bytes_;
  Header header_;
  Window headers_;
  Window strings_;
  Window notes_;
  std::optional<Section> names_;  // of sections, once asked for
};

class File::Dynamic {
 public:
  std::optional<DynamicEntry> next();
  // The text that an entry such as DT_NEEDED names.
  std::optional<std::string> text(const DynamicEntry& entry);

 private:
  friend class File;
  Dynamic(File& file, std::uint64_t offset, std::uint64_t size)
      : file_(&file), window_(*file.bytes_), offset_(offset), size_(size), start_(offset) {}
  void find_strings();

  File* file_;
  Window window_;
  std::uint64_t offset_;
  std::uint64_t size_;
  std::uint64_t start_;
  std::uint64_t left() const { return size_ - (offset_ - start_); }
  bool strings_known_ = false;
  std::optional<Section> strings_;
};

class File::Symbols {
 public:
  // Empty at the end. Entry 0, which every table begins with, is among them.
  std::optional<Symbol> next();
  std::string name(const Symbol& symbol);
  // The version that the symbol last returned by next() is bound to or defined with: GLIBC_2.34.
  std::optional<std::string> version();

 private:
  friend class File;
  Symbols(File& file, Section table, Section strings)
      : file_(&file),
        table_(table),
        strings_(strings),
        window_(*file.bytes_),
        extra_(*file.bytes_),
        versions_window_(*file.bytes_) {}
  void find_companions(std::uint64_t table_index);
  void read_versions();
  void read_needed(const Section& section);
  void read_defined(const Section& section);
  // A record `at` bytes into a section of versions; empty where it does not lie in it.
  std::string_view part(const Section& section, std::uint64_t at, std::size_t size);
  void name_version(std::uint16_t index, const Section& strings, std::uint32_t name);

  File* file_;
  Section table_;
  Section strings_;
  Window window_;
  Window extra_;
  Window versions_window_;
  std::optional<Section> extended_;  // SHT_SYMTAB_SHNDX
  std::optional<Section> versions_;  // SHT_GNU_versym
  std::uint64_t next_ = 0;
  bool versions_read_ = false;
  std::uint64_t steps_ = 1 << 18;  // that reading versions may still take
  std::map<std::uint16_t, std::string> version_names_;
};

// Names as osquery's former tables had them; what has none there is in lower case too, or in hexadecimal.
std::string abi_name(std::uint8_t abi);
std::string file_type_name(std::uint16_t type);
std::string section_flags(std::uint64_t flags);  // "write|alloc"
std::string segment_type_name(std::uint32_t type);
std::string segment_flags(std::uint32_t flags);  // "x|r"
std::string symbol_type_name(std::uint8_t type);
std::string symbol_binding_name(std::uint8_t binding);
// As elf.h names it, without DT_.
std::string dynamic_tag_name(std::int64_t tag);

}  // namespace osprey::linux::elf
