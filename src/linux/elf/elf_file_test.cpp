#include "linux/elf/elf_file.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <sstream>

namespace osprey::linux::elf {
namespace {

using testing::ElementsAre;
using testing::Optional;

std::string sample(const std::string& name) {
  std::ifstream file(OSPREY_TESTS_DIRECTORY "/roots/elf/elf/" + name, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

File open(const std::string& bytes) { return *File::open(std::make_unique<TextBytes>(bytes)); }

std::vector<std::string> section_names(File& file) {
  std::vector<std::string> names;
  for (std::uint64_t i = 0; const auto section = file.section(i); ++i) names.push_back(file.section_name(*section));
  return names;
}

TEST(ElfFile, BothClassesInBigEndian) {
  for (const auto name : {"big-endian-32", "big-endian-64"}) {
    SCOPED_TRACE(name);
    const auto bytes = sample(name);
    auto file = open(bytes);
    EXPECT_EQ(file.header().is_64, std::string_view(name).ends_with("64"));
    EXPECT_FALSE(file.header().little_endian);
    EXPECT_EQ(file.header().type, ET_EXEC);
    EXPECT_EQ(file.header().entry, 0x10000100u);
    EXPECT_THAT(section_names(file),
                ElementsAre("", ".dynstr", ".note.gnu.build-id", ".dynamic", ".symtab", ".high", ".shstrtab"));
    EXPECT_EQ(*file.build_id(), "\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7");
    auto dynamic = file.dynamic();
    const auto needed = dynamic->next();
    EXPECT_EQ(needed->tag, DT_NEEDED);
    EXPECT_THAT(dynamic->text(*needed), Optional(std::string("libneeded.so.7")));
    int more = 0;
    while (dynamic->next()) ++more;
    EXPECT_EQ(more, 4);  // nothing behind DT_NULL
    auto symbols = file.symbols(4);
    symbols->next();
    const auto start = symbols->next();
    EXPECT_EQ(symbols->name(*start), "start");
    EXPECT_EQ(start->value, 0x10000100u);
    EXPECT_EQ(start->size, 16u);
    EXPECT_FALSE(symbols->next());
    EXPECT_FALSE(file.symbols(1));
  }
}

TEST(ElfFile, SymbolVersions) {
  const auto bytes = sample("libsample.so.1");
  auto file = open(bytes);
  auto symbols = file.symbols(*file.find_section(SHT_DYNSYM));
  std::map<std::string, std::string> versions;
  while (const auto symbol = symbols->next()) versions[symbols->name(*symbol)] = symbols->version().value_or("");
  EXPECT_EQ(versions["bump"], "SAMPLE_1.0");
  EXPECT_EQ(versions["maybe"], "SAMPLE_2.0");
  EXPECT_EQ(versions["__tls_get_addr"], "");
}

TEST(ElfFile, ExtendedNumbering) {
  const auto bytes = sample("extended-numbering");
  auto file = open(bytes);
  EXPECT_EQ(file.header().section_count, 7u);
  EXPECT_EQ(file.header().segment_count, 5u);
  EXPECT_EQ(section_names(file).back(), ".shstrtab");
}

TEST(ElfFile, OnlyWhatLiesInTheFileIsTold) {
  const auto lies = sample("lies");
  auto file = open(lies);
  EXPECT_FALSE(file.section(0));
  EXPECT_FALSE(file.segment(0));
  EXPECT_FALSE(file.build_id());
  EXPECT_FALSE(file.dynamic());
  const auto header = sample("cut-in-header");
  auto cut = open(header);
  EXPECT_FALSE(cut.header().complete);
  EXPECT_TRUE(cut.header().is_64);
  EXPECT_FALSE(cut.section(0));
}

TEST(ElfFile, EveryCutIsSurvived) {
  const auto whole = sample("libsample.so.1");
  for (std::size_t length = 0; length < whole.size(); length += 7) {
    const auto bytes = whole.substr(0, length);
    auto file = File::open(std::make_unique<TextBytes>(bytes));
    if (!file) continue;
    file->build_id();
    file->interpreter();
    for (std::uint64_t i = 0; const auto section = file->section(i); ++i) {
      file->section_name(*section);
      if (auto symbols = file->symbols(i))
        while (const auto symbol = symbols->next()) {
          symbols->name(*symbol);
          symbols->version();
        }
    }
    if (auto dynamic = file->dynamic())
      while (const auto entry = dynamic->next()) dynamic->text(*entry);
  }
}

TEST(ElfFile, OthersAreNoElfFiles) {
  for (const std::string bytes : {"", "\x7f",
                                  "\x7f"
                                  "ELF",
                                  "#!/bin/sh\n0123456789",
                                  "\x7f"
                                  "ELF0123456789abcdef"})
    EXPECT_FALSE(File::open(std::make_unique<TextBytes>(bytes)));
}

TEST(ElfFile, Entropy) {
  const auto bytes = sample("big-endian-64");
  auto file = open(bytes);
  const auto high = file.section(5);  // 32 bytes of 0xFF
  EXPECT_THAT(*file.entropy(*high, Interrupt::never()), Optional(0.0));
  Section all;
  all.type = SHT_PROGBITS;
  all.size = 16;
  EXPECT_FALSE(*file.entropy(*file.section(0), Interrupt::never()));
  all.offset = 1 << 30;
  EXPECT_FALSE(*file.entropy(all, Interrupt::never()));
}

TEST(ElfNames, UnknownValuesAreHexadecimal) {
  EXPECT_EQ(segment_type_name(0x70000001), "0x70000001");
  EXPECT_EQ(section_flags(SHF_ALLOC | 0x1000), "alloc|0x1000");
  EXPECT_EQ(section_flags(0), "");
  EXPECT_EQ(segment_flags(PF_R | PF_X), "x|r");
  EXPECT_EQ(abi_name(ELFOSABI_SYSV), "sysv");
  EXPECT_EQ(symbol_binding_name(13), "0xd");
  EXPECT_EQ(dynamic_tag_name(DT_RUNPATH), "RUNPATH");
}

}  // namespace
}  // namespace osprey::linux::elf
