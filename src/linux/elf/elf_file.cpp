#include "linux/elf/elf_file.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

namespace osprey::linux::elf {
namespace {

constexpr std::uint64_t kMaxNotes = 1 << 20;  // bytes of notes looked through
constexpr std::size_t kMaxVersionName = 256;
constexpr std::uint64_t kMaxSearched = 1 << 20;   // section and segment entries looked through for one
constexpr std::uint64_t kMaxEntropy = 512 << 20;  // R2

// Takes numbers off a record in the file's byte order.
class Record {
 public:
  Record(std::string_view bytes, const Header& header)
      : bytes_(bytes),
        is_64_(header.is_64),
        swaps_(header.little_endian != (std::endian::native == std::endian::little)) {}

  std::uint8_t byte() { return take<std::uint8_t>(); }
  std::uint16_t half() { return take<std::uint16_t>(); }
  std::uint32_t word() { return take<std::uint32_t>(); }
  std::uint64_t wide() { return take<std::uint64_t>(); }
  // An address, offset or size: as wide as the file's class.
  std::uint64_t native() { return is_64_ ? wide() : word(); }

 private:
  // Zero beyond the end; callers check the length first.
  template <class T>
  T take() {
    T value{};
    if (bytes_.size() < sizeof value) return value;
    bytes_.copy(reinterpret_cast<char*>(&value), sizeof value);
    bytes_.remove_prefix(sizeof value);
    if (!swaps_) return value;
    if constexpr (sizeof(T) == 2) return __builtin_bswap16(value);
    if constexpr (sizeof(T) == 4) return __builtin_bswap32(value);
    if constexpr (sizeof(T) == 8) return __builtin_bswap64(value);
    return value;
  }

  std::string_view bytes_;
  bool is_64_;
  bool swaps_;
};

// Where entry `index` of a table lies; empty where the numbers overflow.
std::optional<std::uint64_t> entry_offset(std::uint64_t table, std::uint64_t size, std::uint64_t index) {
  std::uint64_t distance;
  std::uint64_t offset;
  if (__builtin_mul_overflow(size, index, &distance) || __builtin_add_overflow(table, distance, &offset))
    return std::nullopt;
  return offset;
}

Section decode_section(Record record) {
  Section section;
  section.name = record.word();
  section.type = record.word();
  section.flags = record.native();
  section.address = record.native();
  section.offset = record.native();
  section.size = record.native();
  section.link = record.word();
  section.info = record.word();
  section.alignment = record.native();
  section.entry_size = record.native();
  return section;
}

std::uint64_t padded(std::uint64_t size, std::uint64_t alignment) {
  return (size + alignment - 1) / alignment * alignment;
}

}  // namespace

File::File(std::unique_ptr<const Bytes> bytes)
    : bytes_(std::move(bytes)), headers_(*bytes_), strings_(*bytes_), notes_(*bytes_) {}

Result<File> File::open(std::unique_ptr<const Bytes> bytes) {
  File file(std::move(bytes));
  const auto start = file.headers_.at(0, sizeof(Elf64_Ehdr));
  if (start.size() < EI_NIDENT || !start.starts_with(std::string_view(ELFMAG, SELFMAG)))
    return failure("", "not an ELF file");
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(start[i]); };
  if ((byte(EI_CLASS) != ELFCLASS32 && byte(EI_CLASS) != ELFCLASS64) ||
      (byte(EI_DATA) != ELFDATA2LSB && byte(EI_DATA) != ELFDATA2MSB))
    return failure("", "an ELF file of no known class or byte order");
  auto& header = file.header_;
  header.is_64 = byte(EI_CLASS) == ELFCLASS64;
  header.little_endian = byte(EI_DATA) == ELFDATA2LSB;
  header.abi = byte(EI_OSABI);
  header.abi_version = byte(EI_ABIVERSION);
  file.read_header(start);
  return file;
}

void File::read_header(std::string_view bytes) {
  auto& header = header_;
  if (bytes.size() < (header.is_64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr))) return;
  header.complete = true;
  Record record(bytes.substr(EI_NIDENT), header);
  header.type = record.half();
  header.machine = record.half();
  header.version = record.word();
  header.entry = record.native();
  header.segments_offset = record.native();
  header.sections_offset = record.native();
  header.flags = record.word();
  record.half();  // this header's size
  header.segment_size = record.half();
  header.segment_count = record.half();
  header.section_size = record.half();
  header.section_count = record.half();
  header.section_names = record.half();
  if (header.segment_size < (header.is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr))) header.segment_count = 0;
  const bool has_sections =
      header.sections_offset != 0 && header.section_size >= (header.is_64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr));
  if (!has_sections) header.section_count = 0;
  if (!has_sections) return;
  // Extended numbering: what does not fit 16 bits is in the first section's fields.
  const bool extended =
      header.section_count == 0 || header.section_names == SHN_XINDEX || header.segment_count == PN_XNUM;
  if (!extended) return;
  const bool count_extended = header.section_count == 0;
  if (count_extended) header.section_count = 1;
  const auto first = section(0);
  if (!first) {
    header.section_count = 0;
    return;
  }
  if (count_extended) header.section_count = first->size;
  if (header.section_names == SHN_XINDEX) header.section_names = first->link;
  if (header.segment_count == PN_XNUM && first->info != 0) header.segment_count = first->info;
}

std::optional<Section> File::section(std::uint64_t index) {
  if (index >= header_.section_count) return std::nullopt;
  const std::size_t size = header_.is_64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
  const auto offset = entry_offset(header_.sections_offset, header_.section_size, index);
  if (!offset) return std::nullopt;
  const auto bytes = headers_.at(*offset, size);
  if (bytes.size() < size) return std::nullopt;
  return decode_section(Record(bytes, header_));
}

std::optional<Segment> File::segment(std::uint64_t index) {
  if (index >= header_.segment_count) return std::nullopt;
  const std::size_t size = header_.is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
  const auto offset = entry_offset(header_.segments_offset, header_.segment_size, index);
  if (!offset) return std::nullopt;
  const auto bytes = headers_.at(*offset, size);
  if (bytes.size() < size) return std::nullopt;
  Record record(bytes, header_);
  Segment segment;
  segment.type = record.word();
  if (header_.is_64) segment.flags = record.word();
  segment.offset = record.native();
  segment.address = record.native();
  record.native();  // physical address
  segment.file_size = record.native();
  segment.memory_size = record.native();
  if (!header_.is_64) segment.flags = record.word();
  segment.alignment = record.native();
  return segment;
}

std::optional<std::uint64_t> File::find_section(std::uint32_t type) {
  for (std::uint64_t i = 0; i < kMaxSearched; ++i) {
    const auto found = section(i);
    if (!found) break;
    if (found->type == type) return i;
  }
  return std::nullopt;
}

std::optional<Segment> File::find_segment(std::uint32_t type) {
  for (std::uint64_t i = 0; i < kMaxSearched; ++i) {
    const auto found = segment(i);
    if (!found) break;
    if (found->type == type) return found;
  }
  return std::nullopt;
}

std::string File::section_name(const Section& of) {
  if (!names_)
    names_ = header_.section_names == SHN_UNDEF ? Section{} : section(header_.section_names).value_or(Section{});
  return text(*names_, of.name);
}

std::string File::text(const Section& strings, std::uint64_t offset, std::size_t cap) {
  std::string text;
  if (strings.type == SHT_NOBITS || offset >= strings.size) return text;
  auto left = std::min<std::uint64_t>(strings.size - offset, cap);
  const auto start = entry_offset(strings.offset, 1, offset);
  for (auto at = start.value_or(UINT64_MAX); left > 0;) {
    // Most names are short; a short request is more often answered by what is at hand.
    const auto part = strings_.at(at, static_cast<std::size_t>(std::min<std::uint64_t>(left, 128)));
    if (part.empty()) break;
    const auto end = part.find('\0');
    text += part.substr(0, end);
    if (end != part.npos) break;
    at += part.size();
    left -= part.size();
  }
  return text;
}

std::optional<std::string> File::interpreter() {
  const auto segment = find_segment(PT_INTERP);
  if (!segment) return std::nullopt;
  Section whole;
  whole.offset = segment->offset;
  whole.size = std::min<std::uint64_t>(segment->file_size, 4096);
  return text(whole, 0);
}

std::optional<std::string> File::build_id() {
  std::uint64_t budget = kMaxNotes;
  for (std::uint64_t i = 0; i < kMaxSearched && budget > 0; ++i) {
    const auto found = segment(i);
    if (!found) break;
    if (found->type != PT_NOTE) continue;
    if (auto id = build_id_in(found->offset, found->file_size, found->alignment, budget)) return id;
  }
  for (std::uint64_t i = 0; i < kMaxSearched && budget > 0; ++i) {
    const auto found = section(i);
    if (!found) break;
    if (found->type != SHT_NOTE) continue;
    if (auto id = build_id_in(found->offset, found->size, found->alignment, budget)) return id;
  }
  return std::nullopt;
}

std::optional<std::string> File::build_id_in(std::uint64_t offset, std::uint64_t size, std::uint64_t alignment,
                                             std::uint64_t& budget) {
  alignment = alignment == 8 ? 8 : 4;
  size = std::min(size, budget);
  budget -= size;
  constexpr std::uint64_t kHeader = 12;
  for (std::uint64_t used = 0; used + kHeader <= size;) {
    const auto at = entry_offset(offset, 1, used);
    if (!at) break;
    const auto start = notes_.at(*at, kHeader);
    if (start.size() < kHeader) break;
    Record record(start, header_);
    const std::uint64_t name_size = record.word();
    const std::uint64_t value_size = record.word();
    const auto type = record.word();
    const auto value_at = kHeader + padded(name_size, alignment);
    if (type == NT_GNU_BUILD_ID && name_size == 4 && value_size > 0 && value_size <= 64 &&
        used + value_at + value_size <= size) {
      const auto note = notes_.at(*at, static_cast<std::size_t>(value_at + value_size));
      if (note.size() == value_at + value_size && note.substr(kHeader, 3) == "GNU")
        return std::string(note.substr(static_cast<std::size_t>(value_at)));
    }
    used += value_at + padded(value_size, alignment);
  }
  return std::nullopt;
}

Result<std::optional<double>> File::entropy(const Section& section, const Interrupt& interrupt) {
  if (section.type == SHT_NOBITS || section.type == SHT_NULL || section.size == 0) return std::nullopt;
  std::array<std::uint64_t, 256> counts{};
  std::uint64_t total = 0;
  const auto size = std::min(section.size, kMaxEntropy);
  Window window(*bytes_);
  while (total < size) {
    if (interrupt.requested()) return system_failure(ECANCELED, "");
    const auto at = entry_offset(section.offset, 1, total);
    const auto part = window.at(at.value_or(UINT64_MAX),
                                static_cast<std::size_t>(std::min<std::uint64_t>(Window::kSize, size - total)));
    if (part.empty()) break;
    for (const auto c : part) ++counts[static_cast<unsigned char>(c)];
    total += part.size();
  }
  if (total == 0) return std::nullopt;
  double bits = 0;
  for (const auto count : counts) {
    if (count == 0) continue;
    const auto share = static_cast<double>(count) / static_cast<double>(total);
    bits -= share * std::log2(share);
  }
  return std::abs(bits);  // one value only gives minus zero
}

std::optional<std::uint64_t> File::file_offset(std::uint64_t address) {
  for (std::uint64_t i = 0; i < kMaxSearched; ++i) {
    const auto found = segment(i);
    if (!found) break;
    if (found->type == PT_LOAD && address >= found->address && address - found->address < found->file_size)
      return entry_offset(found->offset, 1, address - found->address);
  }
  return std::nullopt;
}

std::optional<File::Dynamic> File::dynamic() {
  if (const auto found = find_segment(PT_DYNAMIC)) return Dynamic(*this, found->offset, found->file_size);
  const auto index = find_section(SHT_DYNAMIC);
  if (!index) return std::nullopt;
  const auto found = section(*index);
  return Dynamic(*this, found->offset, found->size);
}

std::optional<DynamicEntry> File::Dynamic::next() {
  const std::size_t size = file_->header_.is_64 ? sizeof(Elf64_Dyn) : sizeof(Elf32_Dyn);
  if (left() < size) return std::nullopt;
  const auto bytes = window_.at(offset_, size);
  if (bytes.size() < size || offset_ > UINT64_MAX - size) return std::nullopt;
  offset_ += size;
  Record record(bytes, file_->header_);
  DynamicEntry entry;
  entry.tag = file_->header_.is_64 ? static_cast<std::int64_t>(record.wide())
                                   : std::int64_t{static_cast<std::int32_t>(record.word())};
  entry.value = record.native();
  if (entry.tag != DT_NULL) return entry;
  offset_ = start_ + size_;
  return std::nullopt;
}

void File::Dynamic::find_strings() {
  strings_known_ = true;
  Section strings;
  std::optional<std::uint64_t> address;
  Dynamic again(*file_, start_, size_);
  for (std::uint64_t i = 0; i < kMaxSearched; ++i) {
    const auto entry = again.next();
    if (!entry) break;
    if (entry->tag == DT_STRTAB) address = entry->value;
    if (entry->tag == DT_STRSZ) strings.size = entry->value;
  }
  if (!address) return;
  const auto offset = file_->file_offset(*address);
  if (!offset) return;
  strings.offset = *offset;
  strings_ = strings;
}

std::optional<std::string> File::Dynamic::text(const DynamicEntry& entry) {
  switch (entry.tag) {
    case DT_NEEDED:
    case DT_SONAME:
    case DT_RPATH:
    case DT_RUNPATH:
    case DT_CONFIG:
    case DT_DEPAUDIT:
    case DT_AUDIT:
    case DT_AUXILIARY:
    case DT_FILTER:
      break;
    default:
      return std::nullopt;
  }
  if (!strings_known_) find_strings();
  if (!strings_) return std::nullopt;
  return file_->text(*strings_, entry.value);
}

std::optional<File::Symbols> File::symbols(std::uint64_t section_index) {
  const auto table = section(section_index);
  if (!table || (table->type != SHT_SYMTAB && table->type != SHT_DYNSYM)) return std::nullopt;
  Symbols symbols(*this, *table, section(table->link).value_or(Section{}));
  symbols.find_companions(section_index);
  return symbols;
}

void File::Symbols::find_companions(std::uint64_t table_index) {
  for (std::uint64_t i = 0; i < kMaxSearched; ++i) {
    const auto found = file_->section(i);
    if (!found) break;
    if (found->link != table_index) continue;
    if (found->type == SHT_SYMTAB_SHNDX) extended_ = found;
    if (found->type == SHT_GNU_versym) versions_ = found;
  }
}

std::optional<Symbol> File::Symbols::next() {
  const bool is_64 = file_->header_.is_64;
  const std::uint64_t size = is_64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
  const auto step = std::max(table_.entry_size, size);
  if (next_ >= table_.size / step) return std::nullopt;
  const auto offset = entry_offset(table_.offset, step, next_);
  if (!offset) return std::nullopt;
  const auto bytes = window_.at(*offset, static_cast<std::size_t>(size));
  if (bytes.size() < size) return std::nullopt;
  Record record(bytes, file_->header_);
  Symbol symbol;
  symbol.name = record.word();
  if (!is_64) symbol.value = record.word();
  if (!is_64) symbol.size = record.word();
  const auto info = record.byte();
  symbol.type = info & 0xF;
  symbol.binding = static_cast<std::uint8_t>(info >> 4);
  record.byte();  // visibility
  symbol.section = record.half();
  if (is_64) symbol.value = record.wide();
  if (is_64) symbol.size = record.wide();
  if (symbol.section == SHN_XINDEX && extended_ && next_ < extended_->size / 4) {
    const auto word = extra_.at(entry_offset(extended_->offset, 4, next_).value_or(UINT64_MAX), 4);
    if (word.size() == 4) symbol.section = Record(word, file_->header_).word();
  }
  ++next_;
  return symbol;
}

std::string File::Symbols::name(const Symbol& symbol) {
  // A section's symbol has no name of its own.
  if (symbol.name == 0 && symbol.type == STT_SECTION) {
    const auto section = file_->section(symbol.section);
    return section ? file_->section_name(*section) : std::string();
  }
  return file_->text(strings_, symbol.name);
}

std::optional<std::string> File::Symbols::version() {
  if (!versions_ || next_ == 0 || next_ - 1 >= versions_->size / 2) return std::nullopt;
  const auto bytes = extra_.at(entry_offset(versions_->offset, 2, next_ - 1).value_or(UINT64_MAX), 2);
  if (bytes.size() < 2) return std::nullopt;
  const auto index = static_cast<std::uint16_t>(Record(bytes, file_->header_).half() & 0x7FFF);
  if (index <= VER_NDX_GLOBAL) return std::nullopt;
  if (!versions_read_) read_versions();
  const auto found = version_names_.find(index);
  return found == version_names_.end() ? std::nullopt : std::optional(found->second);
}

void File::Symbols::read_versions() {
  versions_read_ = true;
  for (std::uint64_t i = 0; i < kMaxSearched; ++i) {
    const auto found = file_->section(i);
    if (!found) break;
    if (found->type == SHT_GNU_verneed) read_needed(*found);
    if (found->type == SHT_GNU_verdef) read_defined(*found);
  }
}

// Chains of files, each with a chain of versions. `steps_` bounds what both may cost altogether.
void File::Symbols::read_needed(const Section& section) {
  const auto strings = file_->section(section.link).value_or(Section{});
  std::uint64_t at = 0;
  for (std::uint64_t files = 0; files < section.info && steps_ > 0; ++files) {
    const auto bytes = part(section, at, sizeof(Elf64_Verneed));
    if (bytes.empty()) return;
    --steps_;
    Record record(bytes, file_->header_);
    record.half();  // version of this structure
    const auto count = record.half();
    record.word();  // the file's name
    std::uint64_t inner = at + record.word();
    const auto next = record.word();
    for (unsigned i = 0; i < count && steps_ > 0; ++i) {
      const auto version = part(section, inner, sizeof(Elf64_Vernaux));
      if (version.empty()) break;
      --steps_;
      Record aux(version, file_->header_);
      aux.word();  // hash
      aux.half();  // flags
      const auto index = aux.half();
      const auto name = aux.word();
      const auto step = aux.word();
      name_version(index, strings, name);
      if (step == 0) break;
      inner += step;
    }
    if (next == 0) return;
    at += next;
  }
}

void File::Symbols::read_defined(const Section& section) {
  const auto strings = file_->section(section.link).value_or(Section{});
  std::uint64_t at = 0;
  for (std::uint64_t i = 0; i < section.info && steps_ > 0; ++i) {
    const auto bytes = part(section, at, sizeof(Elf64_Verdef));
    if (bytes.empty()) return;
    --steps_;
    Record record(bytes, file_->header_);
    record.half();  // version of this structure
    record.half();  // flags
    const auto index = record.half();
    record.half();  // names; the first is its own
    record.word();  // hash
    const auto names = part(section, at + record.word(), sizeof(Elf64_Verdaux));
    const auto next = record.word();
    if (!names.empty()) name_version(index, strings, Record(names, file_->header_).word());
    if (next == 0) return;
    at += next;
  }
}

std::string_view File::Symbols::part(const Section& section, std::uint64_t at, std::size_t size) {
  const auto offset = entry_offset(section.offset, 1, at);
  if (!offset || at >= section.size) return {};
  const auto bytes = versions_window_.at(*offset, size);
  return bytes.size() == size ? bytes : std::string_view();
}

void File::Symbols::name_version(std::uint16_t index, const Section& strings, std::uint32_t name) {
  const auto [known, added] = version_names_.try_emplace(index & 0x7FFF);
  if (added) known->second = file_->text(strings, name, kMaxVersionName);
}

}  // namespace osprey::linux::elf
