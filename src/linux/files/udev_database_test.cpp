#include "linux/files/udev_database.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace osprey::linux {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(UdevDatabase, Properties) {
  EXPECT_THAT(parse_udev_data("S:disk/by-id/x\nI:123\nE:ID_FS_TYPE=ext4\nE:ID_X=a=b\nE:broken\nG:systemd\nE:=\n"),
              ElementsAre(Pair("", ""), Pair("ID_FS_TYPE", "ext4"), Pair("ID_X", "a=b")));
}

TEST(UdevDatabase, EncodedValues) {
  EXPECT_EQ(decode_udev_value("my\\x20label\\x5cx\\xzz\\x2"), "my label\\x\\xzz\\x2");
}

TEST(UdevDatabase, Uevents) {
  EXPECT_THAT(parse_uevent("DRIVER=virtio-pci\nPCI_ID=1AF4:1042\nodd\n"),
              ElementsAre(Pair("DRIVER", "virtio-pci"), Pair("PCI_ID", "1AF4:1042")));
}

}  // namespace
}  // namespace osprey::linux
