#include "linux/files/hardware_ids.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace osprey::linux {
namespace {

constexpr const char* kText =
    "# comment\n"
    "0001  SafeNet (wrong ID)\n"
    "8086  Intel Corporation\n"
    "\t1237  440FX - 82441FX PMC [Natoma]\n"
    "\t\t1af4 1100  Qemu virtual machine\n"
    "\t7000  82371SB PIIX3 ISA [Natoma/Triton II]\n"
    "\t\t1af4 1101  Other\n"
    "8086  A second entry of one number\n"
    "\t9999  Not to be found\n"
    "ffff  Illegal Vendor ID\n"
    "C 06  Bridge\n"
    "\t01  ISA bridge\n"
    "\t\t00  Programming interface\n"
    "AT 0100  USB Undefined\n"
    "HID 21  HID\n"
    "C ff  Unassigned class";

TEST(HardwareIds, NamesOnEveryLevel) {
  const HardwareIds ids(kText);
  EXPECT_EQ(ids.vendor(0x8086), "Intel Corporation");
  EXPECT_EQ(ids.vendor(0xffff), "Illegal Vendor ID");
  EXPECT_EQ(ids.vendor(2), std::nullopt);
  EXPECT_EQ(ids.device(0x8086, 0x7000), "82371SB PIIX3 ISA [Natoma/Triton II]");
  EXPECT_EQ(ids.device(0x8086, 0x1af4), std::nullopt);
  EXPECT_EQ(ids.device(0x8086, 0x9999), std::nullopt);
  EXPECT_EQ(ids.device(0x0001, 0x1237), std::nullopt);
  EXPECT_EQ(ids.subsystem(0x8086, 0x1237, 0x1af4, 0x1100), "Qemu virtual machine");
  EXPECT_EQ(ids.subsystem(0x8086, 0x1237, 0x1af4, 0x1101), std::nullopt);
  EXPECT_EQ(ids.device_class(6), "Bridge");
  EXPECT_EQ(ids.device_class(0xff), "Unassigned class");
  EXPECT_EQ(ids.subclass(6, 1), "ISA bridge");
  EXPECT_EQ(ids.subclass(6, 0), std::nullopt);
  EXPECT_EQ(ids.subclass(7, 0), std::nullopt);
  EXPECT_EQ(ids.subclass(0xff, 0), std::nullopt);  // the last line, which has no line end
}

TEST(HardwareIds, HostileText) {
  const HardwareIds odd("\t1234  before any vendor\nxyz\n12345  five digits\n\n8086\n\t\n\tzz\n");
  EXPECT_EQ(odd.vendor(0x8086), "");
  EXPECT_EQ(odd.device(0x8086, 0), std::nullopt);
  EXPECT_EQ(HardwareIds("").vendor(0), std::nullopt);
}

TEST(HardwareIds, AHugeFileIsReadToTheCap) {
  namespace fs = std::filesystem;
  const auto directory = fs::temp_directory_path() / ("osprey-ids-" + std::to_string(::getpid()));
  fs::create_directories(directory / "usr/share/hwdata");
  std::ofstream(directory / "usr/share/hwdata/pci.ids") << "8086  Intel Corporation\n";
  fs::resize_file(directory / "usr/share/hwdata/pci.ids", 64 << 20);
  const auto root = *Root::at(directory);
  auto text = read_hardware_ids(root, "pci.ids");
  ASSERT_TRUE(text);
  EXPECT_EQ(text->size(), 8u << 20);
  EXPECT_EQ(HardwareIds(std::move(*text)).vendor(0x8086), "Intel Corporation");
  EXPECT_TRUE(read_hardware_ids(root, "usb.ids").error().absent());
  fs::remove_all(directory);
}

}  // namespace
}  // namespace osprey::linux
