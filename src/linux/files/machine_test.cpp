#include "linux/files/machine.h"

#include <gtest/gtest.h>

namespace osprey::linux {
namespace {

std::string head(char elf_class, char data, char first, char second) {
  std::string bytes(
      "\x7f"
      "ELF",
      4);
  bytes += {elf_class, data, 1};
  bytes.resize(18);
  bytes += {first, second};
  return bytes;
}

TEST(Machine, OfElfFiles) {
  EXPECT_EQ(elf_machine(head(2, 1, 62, 0)), "x86_64");
  EXPECT_EQ(elf_machine(head(1, 1, 3, 0)), "i686");
  EXPECT_EQ(elf_machine(head(2, 1, '\xb7', 0)), "aarch64");
  EXPECT_EQ(elf_machine(head(2, 2, 0, 22)), "s390x");
  EXPECT_EQ(elf_machine(head(2, 1, 21, 0)), "ppc64le");
}

TEST(Machine, WhatIsNoElfFile) {
  EXPECT_EQ(elf_machine("#!/bin/bash\n# a shell script of some length"), std::nullopt);
  EXPECT_EQ(elf_machine(head(2, 1, 62, 0).substr(0, 19)), std::nullopt);
  EXPECT_EQ(elf_machine(head(2, 1, '\xff', '\xff')), std::nullopt);
  EXPECT_EQ(elf_machine(""), std::nullopt);
}

TEST(Machine, OfTheHost) { EXPECT_TRUE(machine_of(Root::host()).has_value()); }

}  // namespace
}  // namespace osprey::linux
