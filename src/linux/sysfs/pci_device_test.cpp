#include "linux/sysfs/pci_device.h"

#include <gtest/gtest.h>

namespace osprey::linux {
namespace {

TEST(PciDevice, Uevent) {
  const auto device = parse_pci_uevent(
      "0000:00:1f.2", "DRIVER=ahci\nPCI_CLASS=10601\nPCI_ID=8086:2922\nPCI_SUBSYS_ID=1AF4:1100\nMODALIAS=pci:v\n");
  EXPECT_EQ(device.slot, "0000:00:1f.2");
  EXPECT_EQ(device.driver, "ahci");
  EXPECT_EQ(device.id->vendor, 0x8086);
  EXPECT_EQ(device.id->device, 0x2922);
  EXPECT_EQ(device.subsystem->vendor, 0x1af4);
  EXPECT_EQ(device.device_class, 0x01);
  EXPECT_EQ(device.subclass, 0x06);
}

TEST(PciDevice, OddUevents) {
  const auto device = parse_pci_uevent("x", "PCI_ID=8086\nPCI_SUBSYS_ID=1:2:3\nPCI_CLASS=1000000\nDRIVER\n");
  EXPECT_FALSE(device.id);
  EXPECT_FALSE(device.subsystem);
  EXPECT_FALSE(device.device_class);
  EXPECT_EQ(device.driver, "");
}

}  // namespace
}  // namespace osprey::linux
