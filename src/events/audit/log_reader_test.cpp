#include "events/audit/log_reader.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <filesystem>
#include <fstream>

#include "base/temporary_tree.h"

namespace osprey::events::audit {
namespace {

class LogReading : public ::testing::Test {
 protected:
  LogReading() { std::filesystem::create_directory(folder_); }
  ~LogReading() override { std::filesystem::remove_all(folder_); }
  void write(std::string_view text) { std::ofstream(path_, std::ios::app) << text; }
  static std::string next(LogReader& reader) {
    const auto line = reader.next();
    return line ? std::string(*line) : line.error().text();
  }
  const std::string folder_ = ::testing::TempDir() + "audit-log-" + std::to_string(::getpid());
  const std::string path_ = folder_ + "/audit.log";
};

// EVT-02
TEST_F(LogReading, WholeLinesFromTheEndOnOverARotation) {
  write("before\n");
  const auto reader = LogReader::follow(path_);
  ASSERT_TRUE(reader);
  EXPECT_EQ(next(**reader), "");
  write("one\ntw");
  EXPECT_EQ(next(**reader), "one");
  EXPECT_EQ(next(**reader), "");
  write("o\n");
  EXPECT_EQ(next(**reader), "two");
  write("last of the old\n");
  std::filesystem::rename(path_, path_ + ".1");
  write("first of the new\n");
  EXPECT_EQ(next(**reader), "last of the old");
  EXPECT_EQ(next(**reader), "first of the new");
  std::filesystem::resize_file(path_, 0);
  EXPECT_EQ(next(**reader), "");
  write("after it was cut\n");
  EXPECT_EQ(next(**reader), "after it was cut");
}

TEST_F(LogReading, ALineWithoutEndIsLeftOutAndCounted) {
  write("");
  const auto reader = LogReader::follow(path_);
  ASSERT_TRUE(reader);
  for (int i = 0; i < 10; ++i) {
    write(std::string(100'000, 'x'));
    EXPECT_EQ(next(**reader), "");
  }
  write("\nthe next\n");
  EXPECT_EQ(next(**reader), "the next");
  EXPECT_EQ((*reader)->too_long(), 1U);
}

TEST_F(LogReading, OnlyARegularFileIsFollowed) {
  EXPECT_FALSE(LogReader::follow(path_));
  EXPECT_FALSE(LogReader::follow(folder_));
}

TEST_F(LogReading, ADispatchersSocket) {
  const UniqueFd server(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto path = folder_ + "/events";
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(server.get(), 1), 0);
  const auto reader = LogReader::connect(path);
  ASSERT_TRUE(reader) << reader.error().text();
  EXPECT_GE((*reader)->descriptor(), 0);
  UniqueFd peer(::accept(server.get(), nullptr, nullptr));
  ASSERT_EQ(::write(peer.get(), "line\nha", 7), 7);
  EXPECT_EQ(next(**reader), "line");
  EXPECT_EQ(next(**reader), "");
  peer.reset();
  EXPECT_FALSE((*reader)->next());
}

class AuditLog : public TemporaryTree {};

// EVT-03
TEST_F(AuditLog, WhereItIsIsWhatAuditdsSettingsSay) {
  EXPECT_EQ(audit_log_path(root()), "/var/log/audit/audit.log");
  write("etc/audit/auditd.conf", "# log_file = /no\nlocal_events = yes\nlog_file = /srv/audit/a.log\n");
  EXPECT_EQ(audit_log_path(root()), "/srv/audit/a.log");
}

}  // namespace
}  // namespace osprey::events::audit
