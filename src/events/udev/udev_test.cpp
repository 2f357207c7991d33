#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "base/temporary_tree.h"
#include "events/udev/udev_source.h"

namespace osprey::events {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

using Properties = std::vector<std::pair<std::string, std::string>>;

std::string lines(const Properties& properties) {
  std::string text;
  for (const auto& [name, value] : properties) text += name + "=" + value + '\0';
  return text;
}

std::string kernel_message(const std::string& head, const Properties& properties) {
  return head + '\0' + lines(properties);
}

std::string udevd_message(const Properties& properties) {
  const auto text = lines(properties);
  const std::uint32_t head[] = {htonl(0xfeedcafe), 40, 40, static_cast<std::uint32_t>(text.size()), 1, 2, 3, 4};
  std::string message("libudev\0", 8);
  message.append(reinterpret_cast<const char*>(head), sizeof head);
  return message + text;
}

TEST(Uevents, TheKernelsAndUdevdsAreRead) {
  const auto kernel = kernel_message("add@/devices/x", {{"ACTION", "add"}, {"DEVPATH", "/devices/x"}, {"EMPTY", ""}});
  auto event = parse_uevent_message(kernel);
  ASSERT_TRUE(event);
  EXPECT_FALSE(event->from_udevd);
  EXPECT_EQ((*event)["DEVPATH"], "/devices/x");
  EXPECT_EQ(event->properties.size(), 3U);
  EXPECT_EQ((*event)["NONE"], "");
  const auto udevd = udevd_message({{"ACTION", "remove"}, {"ID_MODEL", "a=b"}});
  event = parse_uevent_message(udevd);
  ASSERT_TRUE(event);
  EXPECT_TRUE(event->from_udevd);
  EXPECT_EQ((*event)["ID_MODEL"], "a=b");
}

TEST(Uevents, WhatIsNeitherIsRefused) {
  EXPECT_FALSE(parse_uevent_message(""));
  EXPECT_FALSE(parse_uevent_message("add"));
  auto message = udevd_message({{"A", "b"}});
  EXPECT_FALSE(parse_uevent_message(message.substr(0, 39)));
  EXPECT_FALSE(parse_uevent_message(message.substr(0, 42)));
  message[8] = 'x';
  EXPECT_FALSE(parse_uevent_message(message));
}

// EVT-10.
class Hardware : public TemporaryTree {
 protected:
  std::vector<std::string> describe(const std::string& message) {
    const auto uevent = parse_uevent_message(message);
    HardwareTexts texts;
    HardwareEvent event;
    if (!uevent || !describe_hardware(root(), *uevent, texts, event)) return {};
    std::vector<std::string> all;
    for (const auto text : {event.action, event.path, event.type, event.driver, event.vendor, event.vendor_id,
                            event.model, event.model_id, event.serial, event.revision})
      all.emplace_back(text);
    return all;
  }
};

TEST_F(Hardware, UdevdHasFoundOutAll) {
  EXPECT_THAT(describe(udevd_message({{"ACTION", "add"},
                                      {"DEVPATH", "/devices/pci0/usb1/1-1"},
                                      {"SUBSYSTEM", "usb"},
                                      {"DEVTYPE", "usb_device"},
                                      {"DEVNAME", "/dev/bus/usb/001/002"},
                                      {"DRIVER", "usb"},
                                      {"ID_VENDOR_FROM_DATABASE", "Logitech, Inc."},
                                      {"ID_VENDOR_ID", "046d"},
                                      {"ID_MODEL_FROM_DATABASE", "Unifying Receiver"},
                                      {"ID_MODEL_ID", "c52b"},
                                      {"ID_SERIAL_SHORT", "77"},
                                      {"ID_REVISION", "1201"}})),
              ElementsAre("add", "/dev/bus/usb/001/002", "usb_device", "usb", "Logitech, Inc.", "046d",
                          "Unifying Receiver", "c52b", "77", "1201"));
}

TEST_F(Hardware, WithoutUdevdItIsFoundOutHere) {
  write("usr/share/misc/usb.ids", "046d  Logitech, Inc.\n\tc52b  Unifying Receiver\n");
  write("sys/devices/pci0/usb1/1-1/serial", "S-1\n");
  std::filesystem::create_directories(top / "sys/bus/usb/drivers/usb");
  std::filesystem::create_symlink("../../../../bus/usb/drivers/usb", top / "sys/devices/pci0/usb1/1-1/driver");
  EXPECT_THAT(describe(kernel_message("bind@/devices/pci0/usb1/1-1", {{"ACTION", "bind"},
                                                                      {"DEVPATH", "/devices/pci0/usb1/1-1"},
                                                                      {"DEVTYPE", "usb_device"},
                                                                      {"DEVNAME", "bus/usb/001/002"},
                                                                      {"PRODUCT", "46d/c52b/1201"}})),
              ElementsAre("bind", "/dev/bus/usb/001/002", "usb_device", "usb", "Logitech, Inc.", "046d",
                          "Unifying Receiver", "c52b", "S-1", "1201"));
}

TEST_F(Hardware, WhatOsqueryLeavesOutIsLeftOut) {
  const auto head = "add@/devices/x";
  EXPECT_THAT(describe(kernel_message(head, {{"DEVPATH", "/devices/x"}, {"DEVNAME", "null"}})), IsEmpty());
  EXPECT_THAT(describe(kernel_message(head, {{"DEVPATH", "/devices/x"}, {"DEVTYPE", "disk"}})), IsEmpty());
  EXPECT_THAT(describe(kernel_message(head, {{"DEVTYPE", "usb_interface"}, {"DRIVER", "hid"}})), IsEmpty());
  EXPECT_THAT(describe(udevd_message({{"DEVTYPE", "x"}, {"DRIVER", "y"}, {"ID_MODEL_FROM_DATABASE", "z"}})),
              Contains("z"));
}

class Collector : public EventSink {
 public:
  void take(AnyEvent any) override {
    const auto& event = **std::get_if<HardwareEvent*>(&any);
    seen.emplace_back(std::string(event.action) + " " + std::string(event.path) + " " + std::string(event.type));
  }
  void forked(const ProcessKey&, const ProcessKey&) override {}
  void exited(const ProcessKey&) override {}

  bool wait(Source& source, const std::function<bool()>& done) {
    for (int i = 0; i < 300; ++i) {
      while (source.next(*this, 100).value_or(false)) continue;
      if (done()) return true;
      pollfd one{.fd = source.descriptor(), .events = POLLIN, .revents = 0};
      ::poll(&one, 1, 10);
    }
    return false;
  }

  std::vector<std::string> seen;
};

// The kernel tells of a loop device again when it is asked to.
TEST(UdevSource, TheKernelsOwnMessagesAreTold) {
  const std::filesystem::path device = "/sys/block/loop7/uevent";
  ASSERT_TRUE(std::filesystem::exists(device)) << "this kernel has no loop devices";
  // As on a host without udevd.
  std::filesystem::path empty = std::filesystem::temp_directory_path() / "osprey-no-udevd";
  std::filesystem::create_directories(empty);
  const auto root = Root::at(empty.string());
  ASSERT_TRUE(root);
  UdevSource source(*root, "partition");
  ASSERT_TRUE(source.open({}));
  Collector collector;
  std::ofstream(device) << "change";
  const std::string wanted = "change /dev/loop7 disk";
  EXPECT_TRUE(collector.wait(source, [&] { return std::count(collector.seen.begin(), collector.seen.end(), wanted); }));
  // Left out by its type.
  UdevSource without(*root, "partition,disk");
  ASSERT_TRUE(without.open({}));
  Collector none;
  std::ofstream(device) << "change";
  EXPECT_TRUE(none.wait(without, [&] { return *without.counts().filtered > 0; }));
  EXPECT_THAT(none.seen, IsEmpty());
  std::filesystem::remove_all(empty);
}

// In a network namespace of its own somebody plays udevd: root is believed, the kernel's own group is not for others.
class AsUdevd : public TemporaryTree {
 protected:
  static void send(std::uint32_t group, const std::string& message) {
    const UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT));
    sockaddr_nl to{};
    to.nl_family = AF_NETLINK;
    to.nl_groups = group;
    ASSERT_EQ(
        ::sendto(socket.get(), message.data(), message.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to),
        static_cast<ssize_t>(message.size()));
  }
};

TEST_F(AsUdevd, ItsMessagesAreToldAndTheKernelsAreNot) {
  write("run/udev/control", "");
  std::thread([this] {
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    UdevSource source(root(), "partition");
    ASSERT_TRUE(source.open({}));
    const Properties disk = {{"ACTION", "add"}, {"DEVPATH", "/x"}, {"DEVTYPE", "disk"}, {"DEVNAME", "/dev/sdz"}};
    Properties part = disk;
    part[2].second = "partition";
    send(2, udevd_message(part));
    send(2, "nonsense");
    send(1, kernel_message("add@/x", disk));  // not from the kernel
    send(2, udevd_message(disk));
    Collector collector;
    EXPECT_TRUE(collector.wait(source, [&] { return !collector.seen.empty(); }));
    EXPECT_THAT(collector.seen, ElementsAre("add /dev/sdz disk"));
    EXPECT_EQ(source.counts().filtered, 1U);
    EXPECT_EQ(source.counts().dropped.at(1).count, 2U);
    // What the kernel itself says, which udevd will send on.
    std::ofstream("/sys/block/loop6/uevent") << "change";
    EXPECT_TRUE(collector.wait(source, [&] { return *source.counts().filtered > 1; }));
    EXPECT_EQ(collector.seen.size(), 1U);
  }).join();
}

}  // namespace
}  // namespace osprey::events
