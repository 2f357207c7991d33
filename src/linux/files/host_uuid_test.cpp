#include "linux/files/host_uuid.h"

#include <gtest/gtest.h>

#include "base/temporary_tree.h"

namespace osprey::linux {
namespace {

using HostUuid = TemporaryTree;

TEST_F(HostUuid, FirmwareThenMachineIdThenNothing) {
  EXPECT_EQ(host_uuid(root()), std::nullopt);
  write("etc/machine-id", "0123456789abcdef0123456789abcdef\n");
  EXPECT_EQ(host_uuid(root()), "01234567-89ab-cdef-0123-456789abcdef");
  write("sys/class/dmi/id/product_uuid", "4c4c4544-0044-3510-8052-b4c04f4d3132\n");
  EXPECT_EQ(host_uuid(root()), "4c4c4544-0044-3510-8052-b4c04f4d3132");
}

TEST_F(HostUuid, WhatManyBoardsShareNamesNone) {
  write("etc/machine-id", "0123456789abcdef0123456789abcdef\n");
  for (const auto* shared : {"00000000-0000-0000-0000-000000000000", "03000200-0400-0500-0006-000700080009",
                             "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", "To be filled by O.E.M."}) {
    write("sys/class/dmi/id/product_uuid", shared);
    EXPECT_EQ(host_uuid(root()), "01234567-89ab-cdef-0123-456789abcdef") << shared;
  }
}

TEST_F(HostUuid, AMachineIdOfAnotherLengthIsNone) {
  write("etc/machine-id", "uninitialized\n");
  EXPECT_EQ(host_uuid(root()), std::nullopt);
}

}  // namespace
}  // namespace osprey::linux
