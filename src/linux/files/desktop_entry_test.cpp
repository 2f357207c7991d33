#include "linux/files/desktop_entry.h"

#include <gtest/gtest.h>

namespace osprey::linux {
namespace {

TEST(DesktopEntry, OnlyItsOwnGroupAndUntranslated) {
  const auto entry = parse_desktop_entry(
      "# comment\nName=before any group\n[Desktop Entry]\r\nType=Application\r\nName = Update Notifier "
      "\nName[de]=Melder\n"
      "Exec=sh -c \"A=1 exec x --opt=2\"\n#Exec=off\n\n[Desktop Action new]\nName=New\nExec=other\n");
  EXPECT_EQ(entry.name, "Update Notifier");
  EXPECT_EQ(entry.exec, "sh -c \"A=1 exec x --opt=2\"");
  EXPECT_FALSE(entry.hidden);
  EXPECT_TRUE(parse_desktop_entry("[Desktop Entry]\nHidden=true\n").hidden);
}

TEST(DesktopEntry, WhatIsNone) {
  EXPECT_EQ(parse_desktop_entry("").exec, "");
  EXPECT_EQ(parse_desktop_entry("#!/bin/sh\nexec x\n").exec, "");
  EXPECT_EQ(parse_desktop_entry("[Desktop Entry]\nExec\n=x\nName=").name, "");
}

}  // namespace
}  // namespace osprey::linux
