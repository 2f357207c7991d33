#include "events/authentication/logins.h"

#include <gtest/gtest.h>

#include "base/clock_reading.h"

namespace osprey::events {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

class LoginsTest : public testing::Test {
 protected:
  // Whether it is journaled at once.
  bool log(std::string_view message, std::uint32_t uid = 0, std::string_view exe = "/usr/sbin/sshd",
           std::int64_t pid = 7) {
    SyslogEvent line;
    line.header = {Origin::syslog, kNow};
    line.tag = "sshd[7]";
    line.message = message;
    line.source = "journal";
    line.actor.ids.uid = uid;
    line.actor.path = exe;
    line.actor.process.pid = pid;
    line.actor.parent.pid = 5;
    return take(&line);
  }
  bool audit(std::int64_t type, std::string_view message, std::string_view exe = "/usr/sbin/sshd", std::int64_t pid = 7,
             std::uint64_t later = 0) {
    UserEvent record;
    record.header = {Origin::audit, kNow + later};
    record.type = type;
    record.message = message;
    record.actor.path = exe;
    record.actor.process.pid = pid;
    record.address = "10.0.0.1";
    record.terminal = "ssh";
    return take(&record);
  }
  bool take(AnyEvent event) {
    auto login = logins_.login(event);
    if (!login) return false;
    last_ = *login;
    const bool now = logins_.take(*login);
    last_.verified = login->verified;
    return now;
  }
  std::size_t ripe(std::uint64_t now) {
    std::size_t count = 0;
    logins_.ripe(now, [&](AuthenticationEvent& event) {
      EXPECT_EQ(event.source, "audit");
      ++count;
    });
    return count;
  }

  static constexpr std::uint64_t kNow = 1000 * kSecond;
  static constexpr std::string_view kAccepted = "Accepted password for kim from 10.0.0.1 port 2 ssh2";
  static constexpr std::string_view kLoggedIn =
      R"(op=login acct="kim" exe="/usr/sbin/sshd" hostname=? addr=10.0.0.1 terminal=ssh res=success)";
  Logins logins_;
  AuthenticationEvent last_;
};

TEST_F(LoginsTest, RecordsOfAuditAreReadAndWait) {
  EXPECT_FALSE(audit(1112, kLoggedIn));
  EXPECT_EQ(last_.action, "login");
  EXPECT_EQ(last_.outcome, "success");
  EXPECT_EQ(last_.service, "sshd");
  EXPECT_EQ(last_.username, "kim");
  EXPECT_EQ(last_.remote_address, "10.0.0.1");
  EXPECT_EQ(last_.tty, "ssh");
  EXPECT_TRUE(last_.verified);
  const auto now = boot_nanoseconds();
  EXPECT_EQ(ripe(now), 0U);
  EXPECT_EQ(ripe(now + 3 * kSecond), 1U);
  EXPECT_EQ(ripe(UINT64_MAX), 0U);
}

TEST_F(LoginsTest, WhichRecordsTellOfLogins) {
  audit(1100,
        R"(op=PAM:authentication grantors=? acct="root" exe="/usr/bin/su" hostname=? addr=? terminal=pts/0 res=failed)",
        "/usr/bin/su");
  EXPECT_EQ(last_.action, "authentication");
  EXPECT_EQ(last_.outcome, "failure");
  EXPECT_EQ(last_.service, "su");
  EXPECT_EQ(last_.method, "pam");
  audit(1123, R"(cwd="/home/kim" cmd=6C73202F726F6F74 exe="/usr/bin/sudo" terminal=pts/0 res=success)",
        "/usr/bin/sudo");
  EXPECT_EQ(last_.action, "command");
  EXPECT_EQ(last_.command, "ls /root");
  EXPECT_EQ(last_.service, "sudo");
  audit(1105, R"(op=PAM:session_open grantors=pam_unix acct="kim" exe="/usr/libexec/gdm-session-worker" res=success)",
        "/usr/libexec/gdm-session-worker");
  EXPECT_EQ(last_.action, "session_open");
  EXPECT_EQ(last_.service, "gdm");
  audit(1112, "op=login acct=28756E6B6E6F776E207573657229 exe=\"/usr/sbin/sshd\" hostname=? addr=10.0.0.1 res=failed");
  EXPECT_EQ(last_.username, "");
  const auto before = ripe(UINT64_MAX);
  EXPECT_EQ(before, 4U);
  audit(1101, R"(op=PAM:accounting acct="kim" exe="/usr/sbin/sshd" res=success)");
  audit(1130, R"(unit=cron comm="systemd" exe="/usr/lib/systemd/systemd" res=success)");
  EXPECT_EQ(ripe(UINT64_MAX), 0U);
}

// EVT-42: told once where both the log and audit tell, by the log, which knows more.
TEST_F(LoginsTest, TheLogsLineStandsForAuditsRecord) {
  EXPECT_FALSE(audit(1112, kLoggedIn));
  EXPECT_TRUE(log(kAccepted));
  EXPECT_EQ(ripe(UINT64_MAX), 0U);
  // The other way round, and from the monitor's child.
  EXPECT_FALSE(
      audit(1100, R"(op=PAM:authentication acct="kim" exe="/usr/sbin/sshd" res=success)", "/usr/sbin/sshd", 5));
  EXPECT_EQ(ripe(UINT64_MAX), 0U);
  EXPECT_EQ(logins_.told_twice(), 2U);
}

TEST_F(LoginsTest, WhatDiffersIsToldTwice) {
  EXPECT_TRUE(log(kAccepted));
  audit(1112, R"(op=login acct="eve" exe="/usr/sbin/sshd" addr=10.0.0.1 res=success)");
  audit(1112, R"(op=login acct="kim" exe="/usr/sbin/sshd" addr=10.0.0.1 res=failed)");
  audit(1112, kLoggedIn, "/usr/sbin/sshd", 8);
  audit(1112, kLoggedIn, "/usr/bin/login");
  audit(1112, kLoggedIn, "/usr/sbin/sshd", 7, 6 * kSecond);
  EXPECT_EQ(ripe(UINT64_MAX), 5U);
}

// A line that anybody can write takes no record of audit's away.
TEST_F(LoginsTest, ForgedLinesHideNothing) {
  EXPECT_FALSE(audit(1112, kLoggedIn));
  EXPECT_TRUE(log(kAccepted, 1000, "/usr/bin/logger"));
  EXPECT_FALSE(last_.verified);
  EXPECT_FALSE(audit(1112, kLoggedIn));
  EXPECT_EQ(ripe(UINT64_MAX), 2U);
}

TEST_F(LoginsTest, UnknownFormsAreCounted) {
  EXPECT_FALSE(log("Welcomed kim with a new kind of proof"));
  EXPECT_FALSE(log("Server listening on 0.0.0.0 port 22."));
  EXPECT_EQ(logins_.not_understood(), 1U);
}

TEST_F(LoginsTest, WhatWaitsIsBounded) {
  for (int i = 0; i < 3000; ++i) audit(1112, kLoggedIn);
  EXPECT_EQ(ripe(0), 3000U - 1024U);
}

}  // namespace
}  // namespace osprey::events
