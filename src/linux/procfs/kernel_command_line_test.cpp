#include "linux/procfs/kernel_command_line.h"

#include <gtest/gtest.h>

namespace osprey::linux {
namespace {

TEST(KernelCommandLine, ImageRootAndTheRest) {
  const auto line = parse_kernel_command_line(
      "BOOT_IMAGE=/boot/vmlinuz-6.1.0-18-amd64 root=UUID=1234-5678 ro  quiet rootflags=subvol=@\n");
  EXPECT_EQ(line.image, "/boot/vmlinuz-6.1.0-18-amd64");
  EXPECT_EQ(line.root_device, "UUID=1234-5678");
  EXPECT_EQ(line.arguments, "ro quiet rootflags=subvol=@");
}

TEST(KernelCommandLine, QuotesHoldBlanks) {
  const auto line = parse_kernel_command_line("dyndbg=\"file a.c +p; file b.c +p\" x \"unclosed quote");
  EXPECT_EQ(line.arguments, "dyndbg=\"file a.c +p; file b.c +p\" x \"unclosed quote");
  EXPECT_EQ(line.image, "");
}

TEST(KernelCommandLine, Release) {
  EXPECT_EQ(kernel_release("Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org) #1 SMP"), "6.1.0-18-amd64");
  EXPECT_EQ(kernel_release("Linux"), "");
}

}  // namespace
}  // namespace osprey::linux
