#include "linux/files/utmp.h"

#include <gtest/gtest.h>
#include <utmp.h>

#include <cstring>

#include "base/temporary_tree.h"

namespace osprey::linux {
namespace {

std::string record(short type, int pid, const std::string& user, const std::string& line, const std::string& host,
                   int time) {
  utmp entry{};
  entry.ut_type = type;
  entry.ut_pid = pid;
  std::memcpy(entry.ut_user, user.data(), std::min(user.size(), sizeof entry.ut_user));
  std::memcpy(entry.ut_line, line.data(), std::min(line.size(), sizeof entry.ut_line));
  std::memcpy(entry.ut_host, host.data(), std::min(host.size(), sizeof entry.ut_host));
  entry.ut_tv.tv_sec = time;
  return {reinterpret_cast<const char*>(&entry), sizeof entry};
}

class UtmpOnDisk : public TemporaryTree {
 protected:
  std::vector<UtmpRecord> read_to_end() {
    auto file = UtmpFile::open(root(), "/wtmp");
    EXPECT_TRUE(file);
    std::vector<UtmpRecord> records;
    for (;;) {
      auto next = file->next(Interrupt::never());
      EXPECT_TRUE(next);
      if (!next || !*next) break;
      records.push_back(std::move(**next));
    }
    left_over_ = file->left_over();
    return records;
  }

  std::size_t left_over_ = 0;
};

TEST(Utmp, FieldsOfARecord) {
  const auto found = parse_utmp_record(record(USER_PROCESS, 4711, "alice", "pts/0", "192.0.2.7", 1700000000));
  EXPECT_EQ(found.type, USER_PROCESS);
  EXPECT_EQ(found.pid, 4711);
  EXPECT_EQ(found.user, "alice");
  EXPECT_EQ(found.line, "pts/0");
  EXPECT_EQ(found.host, "192.0.2.7");
  EXPECT_EQ(found.time, 1700000000);
}

TEST(Utmp, TextThatFillsItsField) {
  const auto found = parse_utmp_record(record(USER_PROCESS, 1, std::string(64, 'u'), std::string(64, 'l'), "", 0));
  EXPECT_EQ(found.user, std::string(UT_NAMESIZE, 'u'));
  EXPECT_EQ(found.line, std::string(UT_LINESIZE, 'l'));
  EXPECT_EQ(found.host, "");
}

TEST_F(UtmpOnDisk, MoreRecordsThanABlock) {
  std::string bytes;
  for (int i = 0; i < 1000; ++i) bytes += record(DEAD_PROCESS, i, "u", "tty1", "", i);
  write("wtmp", bytes);
  const auto records = read_to_end();
  ASSERT_EQ(records.size(), 1000u);
  EXPECT_EQ(records[999].pid, 999);
  EXPECT_EQ(left_over_, 0u);
}

TEST_F(UtmpOnDisk, CutInHalf) {
  const auto whole = record(USER_PROCESS, 7, "alice", "tty1", "", 7);
  write("wtmp", whole + whole.substr(0, whole.size() / 2));
  EXPECT_EQ(read_to_end().size(), 1u);
  EXPECT_EQ(left_over_, whole.size() / 2);
}

TEST_F(UtmpOnDisk, EmptyAndInterrupted) {
  write("wtmp", "");
  EXPECT_TRUE(read_to_end().empty());
  write("wtmp", record(USER_PROCESS, 7, "alice", "tty1", "", 7));
  auto file = UtmpFile::open(root(), "/wtmp");
  Interrupt stop;
  stop.request();
  EXPECT_FALSE(file->next(stop));
}

}  // namespace
}  // namespace osprey::linux
