#include "events/fanotify/fanotify_events.h"

#include <gtest/gtest.h>
#include <linux/fanotify.h>

#include <cstring>
#include <string>

namespace osprey::events {
namespace {

template <class T>
std::string bytes_of(const T& value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}

// A filesystem's id and a handle of four bytes.
std::string handle(const std::string& what) {
  return bytes_of(std::uint64_t{0xF5}) + bytes_of(std::uint32_t{4}) + bytes_of(std::int32_t{1}) + what;
}

std::string info(std::uint8_t type, std::string body) {
  body.resize((body.size() + 3) / 4 * 4);
  const fanotify_event_info_header head{type, 0, static_cast<__u16>(sizeof head + body.size())};
  return bytes_of(head) + body;
}

std::string event(std::uint64_t mask, const std::string& infos) {
  fanotify_event_metadata head{};
  head.event_len = static_cast<__u32>(sizeof head + infos.size());
  head.vers = FANOTIFY_METADATA_VERSION;
  head.metadata_len = sizeof head;
  head.mask = mask;
  head.fd = FAN_NOFD;
  head.pid = 42;
  return bytes_of(head) + infos;
}

TEST(FanotifyEvents, AFileOfADirectory) {
  const auto made = event(FAN_CREATE, info(FAN_EVENT_INFO_TYPE_DFID_NAME, handle("dir!") + std::string("a\nb\0", 4)) +
                                          info(FAN_EVENT_INFO_TYPE_FID, handle("file")) +
                                          info(FAN_EVENT_INFO_TYPE_PIDFD, bytes_of(std::int32_t{9})) +
                                          info(200, "of a later kernel"));
  const auto bytes = made + event(FAN_Q_OVERFLOW, "");
  std::string_view rest = bytes;
  const auto first = take_fanotify_event(rest);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->mask, FAN_CREATE);
  EXPECT_EQ(first->pid, 42);
  EXPECT_EQ(first->pidfd, 9);
  ASSERT_TRUE(first->entry);
  EXPECT_EQ(first->entry->directory, handle("dir!"));
  EXPECT_EQ(filesystem_of(first->entry->directory), 0xF5U);
  EXPECT_EQ(first->entry->name, "a\nb");
  EXPECT_EQ(first->object, handle("file"));
  const auto second = take_fanotify_event(rest);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->mask, FAN_Q_OVERFLOW);
  EXPECT_FALSE(second->entry);
  EXPECT_EQ(second->pidfd, -1);
  EXPECT_TRUE(rest.empty());
}

TEST(FanotifyEvents, ADirectoryItselfAndARename) {
  const auto bytes =
      event(FAN_ATTRIB | FAN_ONDIR, info(FAN_EVENT_INFO_TYPE_DFID_NAME, handle("dir!") + std::string(".\0", 2))) +
      event(FAN_RENAME, info(FAN_EVENT_INFO_TYPE_OLD_DFID_NAME, handle("from") + std::string("a\0", 2)) +
                            info(FAN_EVENT_INFO_TYPE_NEW_DFID_NAME, handle("to..") + std::string("b\0", 2)) +
                            info(FAN_EVENT_INFO_TYPE_PIDFD, bytes_of(std::int32_t{FAN_NOPIDFD})));
  std::string_view rest = bytes;
  const auto first = take_fanotify_event(rest);
  ASSERT_TRUE(first && first->entry);
  EXPECT_EQ(first->entry->name, "");
  const auto second = take_fanotify_event(rest);
  ASSERT_TRUE(second && second->from && second->to);
  EXPECT_EQ(second->from->directory, handle("from"));
  EXPECT_EQ(second->from->name, "a");
  EXPECT_EQ(second->to->name, "b");
  EXPECT_EQ(second->pidfd, -1);
}

TEST(FanotifyEvents, WhatIsCutOffIsAnError) {
  const auto whole = event(FAN_CREATE, info(FAN_EVENT_INFO_TYPE_DFID_NAME, handle("dir!") + std::string("a\0", 2)));
  for (std::size_t size = 1; size < whole.size(); ++size) {
    std::string_view rest = std::string_view(whole).substr(0, size);
    EXPECT_FALSE(take_fanotify_event(rest)) << size;
    EXPECT_TRUE(rest.empty());
  }
  auto later = whole;
  later[4] = 4;  // the version
  std::string_view rest = later;
  EXPECT_FALSE(take_fanotify_event(rest));
}

}  // namespace
}  // namespace osprey::events
