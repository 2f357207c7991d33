#include "events/authentication/log_rules.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace osprey::events {
namespace {

struct Read {
  LineMeaning meaning = LineMeaning::other;
  AuthenticationEvent event;
};

Read read(std::string_view tag, std::string_view message, std::optional<std::uint32_t> uid = 0) {
  SyslogEvent line;
  line.tag = tag;
  line.message = message;
  line.source = "journal";
  line.actor.ids.uid = uid;
  Read read;
  read.meaning = read_login_line(line, read.event);
  return read;
}

// "action outcome service method user>target address:port tty key | command", what is empty left out.
std::string told(std::string_view tag, std::string_view message) {
  const auto [meaning, event] = read(tag, message);
  if (meaning == LineMeaning::other) return "other";
  if (meaning == LineMeaning::not_understood) return "not understood";
  std::string text = fmt::format("{} {} {}", event.action, event.outcome, event.service);
  const auto add = [&](std::string_view before, std::string_view value) {
    if (!value.empty()) text += fmt::format("{}{}", before, value);
  };
  add(" ", event.method);
  add(" ", event.username);
  add(">", event.target_user);
  add(" @", event.remote_address);
  if (event.remote_port) text += fmt::format(":{}", *event.remote_port);
  add(" on ", event.tty);
  add(" with ", event.key_fingerprint);
  add(" | ", event.command);
  if (event.times != 1) text += fmt::format(" x{}", event.times);
  return text;
}

struct Line {
  std::string_view tag, message, told;
};

void expect(const std::vector<Line>& lines) {
  for (const auto& line : lines) EXPECT_EQ(told(line.tag, line.message), line.told) << line.tag << ": " << line.message;
}

// EVT-42, USR-02
TEST(LogRules, SshdOfAllVersions) {
  expect({
      {"sshd[812]", "Accepted password for alice from 203.0.113.7 port 50022 ssh2",
       "login success sshd password alice @203.0.113.7:50022"},
      {"sshd[812]", "Accepted password for root from ::ffff:203.0.113.7 port 4711",
       "login success sshd password root @203.0.113.7:4711"},
      {"sshd[812]", "Accepted publickey for git from 2001:db8::7 port 50022 ssh2: RSA SHA256:pXh4Rk/9+a=",
       "login success sshd publickey git @2001:db8::7:50022 with SHA256:pXh4Rk/9+a="},
      {"sshd[812]", "Accepted publickey for git from 10.0.0.1 port 2 ssh2: DSA 36:48:9a:00:ff:10",
       "login success sshd publickey git @10.0.0.1:2 with 36:48:9a:00:ff:10"},
      {"sshd-session[9]",
       "Accepted publickey for bob from 10.0.0.1 port 2 ssh2: ED25519-CERT SHA256:AAA ID bob@x (serial 7) CA ED25519 "
       "SHA256:BBB",
       "login success sshd publickey bob @10.0.0.1:2 with SHA256:AAA"},
      {"sshd[8]", "Accepted keyboard-interactive/pam for alice from 10.0.0.1 port 2 ssh2",
       "login success sshd keyboard-interactive/pam alice @10.0.0.1:2"},
      {"sshd[8]", "Accepted gssapi-with-mic for alice from 10.0.0.1 port 2 ssh2: alice@EXAMPLE.ORG",
       "login success sshd gssapi-with-mic alice @10.0.0.1:2"},
      {"sshd[8]", "Partial publickey for alice from 10.0.0.1 port 2 ssh2: ED25519 SHA256:AAA [preauth]",
       "authentication success sshd publickey alice @10.0.0.1:2 with SHA256:AAA"},
      {"sshd[8]", "Failed password for root from 10.0.0.1 port 2 ssh2",
       "authentication failure sshd password root @10.0.0.1:2"},
      {"sshd-auth[8]", "Failed password for invalid user admin from 10.0.0.1 port 2 ssh2 [preauth]",
       "authentication failure sshd password admin @10.0.0.1:2"},
      {"sshd[8]", "Failed password for illegal user test from ::ffff:10.0.0.1 port 2 ssh2",
       "authentication failure sshd password test @10.0.0.1:2"},
      {"sshd[8]", "Failed none for invalid user  from 10.0.0.1 port 2 ssh2",
       "authentication failure sshd none @10.0.0.1:2"},
      {"sshd[8]", "Failed publickey for invalid user x from 10.0.0.1 port 2 ssh2: RSA SHA256:v3d",
       "authentication failure sshd publickey x @10.0.0.1:2 with SHA256:v3d"},
      {"sshd[8]",
       R"(Failed hostbased for dan from 10.0.0.1 port 2 ssh2: RSA 8c:e3:aa, client user "dan", client host "h.example")",
       "authentication failure sshd hostbased dan @10.0.0.1:2 with 8c:e3:aa"},
      {"sshd[8]", "Failed password for x from 10.0.0.1", "authentication failure sshd password x @10.0.0.1"},
      {"sshd[8]", "message repeated 3 times: [ Failed password for root from 10.0.0.1 port 2 ssh2]",
       "authentication failure sshd password root @10.0.0.1:2 x3"},
      {"sshd[8]", "Invalid user oracle from 10.0.0.1 port 2", "invalid_user failure sshd oracle @10.0.0.1:2"},
      {"sshd[8]", "Illegal user oracle from 10.0.0.1", "invalid_user failure sshd oracle @10.0.0.1"},
      {"sshd[8]", "error: PAM: Authentication failure for illegal user kim from gate.example",
       "authentication failure sshd keyboard-interactive/pam kim @gate.example"},
      {"sshd[8]", "error: PAM: authentication error for kim from 10.0.0.1 via 10.0.0.2",
       "authentication failure sshd keyboard-interactive/pam kim @10.0.0.1"},
      {"sshd[8]",
       "error: maximum authentication attempts exceeded for invalid user a b from 10.0.0.1 port 2 ssh2 [preauth]",
       "disconnect failure sshd a b @10.0.0.1:2"},
      {"sshd[8]", "Disconnecting authenticating user root 10.0.0.1 port 2: Too many authentication failures [preauth]",
       "disconnect failure sshd root @10.0.0.1:2"},
      {"sshd[8]", "Disconnecting: Too many authentication failures for root [preauth]", "disconnect failure sshd root"},
      {"sshd[8]", "Connection closed by authenticating user root 10.0.0.1 port 2 [preauth]",
       "disconnect failure sshd root @10.0.0.1:2"},
      {"sshd[8]", "Connection reset by invalid user admin 10.0.0.1 port 2 [preauth]",
       "disconnect failure sshd admin @10.0.0.1:2"},
      {"sshd[8]", "Disconnected from user alice 10.0.0.1 port 2", "session_close success sshd alice @10.0.0.1:2"},
      {"sshd[8]", "User root from 10.0.0.1 not allowed because not listed in AllowUsers",
       "denied failure sshd root @10.0.0.1"},
      {"sshd[8]", "User root not allowed because account is locked", "denied failure sshd root"},
      {"sshd[8]", "ROOT LOGIN REFUSED FROM 10.0.0.1 port 2 [preauth]", "denied failure sshd @10.0.0.1:2"},
      {"sshd[8]", "fatal: Access denied for user alice by PAM account configuration [preauth]",
       "denied failure sshd pam alice"},
      {"sshd[8]", "refused connect from gate.example (::ffff:10.0.0.1)", "denied failure sshd @10.0.0.1"},
      {"sshd[8]", "PAM 2 more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= rhost=10.0.0.1  user=root",
       "authentication failure sshd pam root @10.0.0.1 on ssh x2"},
      // What tells of no log-in, and what is new.
      {"sshd[8]", "Server listening on 0.0.0.0 port 22.", "other"},
      {"sshd[8]", "Received disconnect from 10.0.0.1 port 2:11: Bye Bye [preauth]", "other"},
      {"sshd[8]", "Connection closed by 10.0.0.1 port 2 [preauth]", "other"},
      {"sshd[8]", "Postponed publickey for git from 10.0.0.1 port 2 ssh2 [preauth]", "other"},
      {"sshd[8]", "Welcomed alice with a new kind of proof", "not understood"},
  });
}

// A name may have the words of a message in it: the address is the one that sshd saw.
TEST(LogRules, NamesCannotPutAnotherAddressIn) {
  expect({
      {"sshd[8]", "Failed password for invalid user root from 8.8.8.8 port 1 ssh2 from 10.0.0.1 port 2 ssh2",
       "authentication failure sshd password root from 8.8.8.8 port 1 ssh2 @10.0.0.1:2"},
      {"sshd[8]", "Failed password for user from 10.0.0.1 port 2 ssh1: ruser from 8.8.8.8",
       "authentication failure sshd password user @10.0.0.1:2"},
      {"sshd[8]", "Invalid user a from 8.8.8.8 port 1 from 10.0.0.1 port 2",
       "invalid_user failure sshd a from 8.8.8.8 port 1 @10.0.0.1:2"},
      {"sshd[8]",
       R"(Failed hostbased for dan from 10.0.0.1 port 2 ssh2: RSA 8c:e3, client user "x from 8.8.8.8 port 1)"
       R"( ssh2: RSA y", client host "h")",
       "authentication failure sshd hostbased dan @10.0.0.1:2 with 8c:e3"},
      {"dovecot",
       "pam_unix(dovecot:auth): authentication failure; logname= uid=0 euid=0 tty=dovecot "
       "ruser=rhost=8.8.8.8 rhost=10.0.0.1  user=web",
       "authentication failure dovecot pam_unix rhost=8.8.8.8>web @10.0.0.1 on dovecot"},
  });
}

TEST(LogRules, PamOfAllVersions) {
  expect({
      {"sshd[8]",
       "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=10.0.0.1  user=root",
       "authentication failure sshd pam_unix root @10.0.0.1 on ssh"},
      {"sshd[8]", "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=10.0.0.1 ",
       "authentication failure sshd pam_unix @10.0.0.1 on ssh"},
      {"sshd(pam_unix)[8]", "authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=gate.example user=root",
       "authentication failure sshd pam_unix root @gate.example on ssh"},
      {"sshd[8]", "(pam_unix) session opened for user root by (uid=0)", "session_open success sshd pam_unix root"},
      {"su[8]",
       "pam_unix(su-l:auth): authentication failure; logname=al uid=1000 euid=0 tty=/dev/pts/0 ruser=al rhost=  "
       "user=root",
       "authentication failure su pam_unix al>root on /dev/pts/0"},
      {"sshd-session[8]",
       "pam_sss(sshd:auth): authentication success; logname= uid=0 euid=0 tty=ssh ruser= rhost=10.0.0.1 user=al",
       "authentication success sshd pam_sss al @10.0.0.1 on ssh"},
      {"sudo", "pam_unix(sudo:session): session opened for user root(uid=0) by alice(uid=1000)",
       "session_open success sudo pam_unix alice>root"},
      {"sudo", "pam_unix(sudo:session): session closed for user root", "session_close success sudo pam_unix root"},
      {"login[8]", "pam_unix(login:session): session opened for user alice(uid=1000) by LOGIN(uid=0)",
       "session_open success login pam_unix alice"},
      {"CRON[8]", "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)",
       "session_open success cron pam_unix root"},
      {"gdm-password][8]",
       "pam_unix(gdm-password:auth): authentication failure; logname= uid=0 euid=0 tty=/dev/tty1 ruser= rhost=  "
       "user=kim",
       "authentication failure gdm pam_unix kim on /dev/tty1"},
      {"sshd[8]", "pam_faillock(sshd:auth): Consecutive login failures for user kim account temporarily locked",
       "locked failure sshd pam_faillock kim"},
      {"sshd[8]", "pam_tally2(sshd:auth): user kim (1000) tally 5, deny 3", "locked failure sshd pam_tally2 kim"},
      {"sshd[8]", "pam_unix(sshd:account): account kim has expired (account expired)",
       "denied failure sshd pam_unix kim"},
      {"sshd[8]", "pam_access(sshd:account): access denied for user `kim' from `10.0.0.1'",
       "denied failure sshd pam_access kim @10.0.0.1"},
      {"vsftpd[8]", "pam_listfile(vsftpd:auth): Refused user root for service vsftpd",
       "denied failure vsftpd pam_listfile root"},
      {"sudo", "pam_unix(sudo:auth): auth could not identify password for [kim]",
       "authentication failure sudo pam_unix kim"},
      {"sshd(pam_google_authenticator)[8]", "Accepted google_authenticator for kim",
       "authentication success sshd pam_google_authenticator kim"},
      {"passwd[8]", "pam_unix(passwd:chauthtok): password changed for kim",
       "password_change success passwd pam_unix kim"},
      {"unix_chkpwd[8]", "password check failed for user (kim)", "authentication failure unix_chkpwd password kim"},
      {"sshd[8]", "pam_unix(sshd:auth): check pass; user unknown", "other"},
      {"sshd[8]", "pam_env(sshd:session): deprecated reading of user environment enabled", "other"},
      {"sshd[8]", "pam_new(sshd:auth): something else", "not understood"},
  });
}

TEST(LogRules, SudoSuAndTheirKin) {
  expect({
      {"sudo", "   alice : TTY=pts/0 ; PWD=/home/alice ; USER=root ; COMMAND=/usr/bin/cat /etc/shadow",
       "command success sudo sudo alice>root on pts/0 | /usr/bin/cat /etc/shadow"},
      {"sudo", "alice : HOST=web ; TTY=pts/0 ; CWD=/ ; USER=root ; GROUP=adm ; TSID=00001A ; ENV=A=b ; COMMAND=/bin/sh",
       "command success sudo sudo alice>root on pts/0 | /bin/sh"},
      {"sudo", "alice : PWD=/home/a b ; USER=bob ; COMMAND=list", "command success sudo sudo alice>bob | list"},
      {"sudo", "alice : 3 incorrect password attempts ; TTY=pts/0 ; PWD=/home/alice ; USER=root ; COMMAND=/bin/sh",
       "authentication failure sudo password alice>root on pts/0 | /bin/sh x3"},
      {"sudo", "  eve : user NOT in sudoers ; TTY=pts/1 ; PWD=/tmp ; USER=root ; COMMAND=/bin/sh",
       "command failure sudo sudo eve>root on pts/1 | /bin/sh"},
      {"sudo", "eve : command not allowed ; TTY=pts/1 ; PWD=/tmp ; USER=root ; COMMAND=/bin/sh",
       "command failure sudo sudo eve>root on pts/1 | /bin/sh"},
      {"sudo", "eve : a password is required ; PWD=/tmp ; USER=root ; COMMAND=/bin/sh",
       "command failure sudo sudo eve>root | /bin/sh"},
      {"sudo", "eve : (command continued) more of it", "other"},
      {"su[9]", "(to root) alice on pts/0", "login success su su alice>root on pts/0"},
      {"su[9]", "FAILED SU (to root) alice on pts/0", "login failure su su alice>root on pts/0"},
      {"su[9]", "Successful su for root by alice", "login success su su alice>root"},
      {"su[9]", "FAILED su for root by alice", "login failure su su alice>root"},
      {"su[9]", "+ /dev/pts/0 alice:root", "login success su su alice>root on /dev/pts/0"},
      {"su[9]", "- pts/0 alice-root", "login failure su su alice>root on pts/0"},
      {"doas", "alice ran command ls /root as root from /home/alice",
       "command success doas doas alice>root | ls /root"},
      {"doas", "failed auth for alice", "authentication failure doas password alice"},
      {"doas", "command not permitted for alice: ls as root", "command failure doas doas alice>root | ls"},
      {"polkitd(authority=local)[8]",
       "Operator of unix-session:2 successfully authenticated as unix-user:root to gain TEMPORARY authorization for "
       "action org.example.manage for system-bus-name::1.150 [systemctl enable smb] (owned by unix-user:kim)",
       "authentication success polkit-1 polkit kim>root | org.example.manage"},
      {"polkitd[8]",
       "Operator of unix-process:12:34 FAILED to authenticate to gain authorization for action org.example.exec for "
       "unix-process:12:34 [bash] (owned by unix-user:kim)",
       "authentication failure polkit-1 polkit kim | org.example.exec"},
      {"pkexec[8]", "kim: Executing command [USER=root] [TTY=/dev/pts/1] [CWD=/home/kim] [COMMAND=/usr/bin/id -u]",
       "command success polkit-1 polkit kim>root on /dev/pts/1 | /usr/bin/id -u"},
      {"CRON[9]", "(root) CMD (   cd / && run-parts --report /etc/cron.hourly)",
       "command success cron cron root | cd / && run-parts --report /etc/cron.hourly"},
      {"crond[9]", "USER root pid  77 cmd run-parts /etc/periodic",
       "command success cron cron root | run-parts /etc/periodic"},
      {"crontab[9]", "(kim) AUTH (crontab command not allowed)", "command failure cron cron kim"},
      {"/usr/sbin/cron[9]", "(*system*) RELOAD (/etc/crontab)", "other"},
  });
}

TEST(LogRules, LoginAndServers) {
  expect({
      {"login[9]", "LOGIN ON tty1 BY alice", "login success login alice on tty1"},
      {"login[9]", "ROOT LOGIN ON pts/1 FROM gate.example", "login success login @gate.example on pts/1"},
      {"login[9]", "FAILED LOGIN 2 FROM tty1 FOR alice, Authentication failure", "login failure login alice on tty1"},
      {"login[9]", "FAILED LOGIN (1) on '/dev/tty1' FOR 'alice', Authentication failure",
       "login failure login alice on /dev/tty1"},
      {"login[9]", "ROOT LOGIN  on '/dev/tty1'", "login success login on /dev/tty1"},
      {"systemd-logind[9]", "New session 5 of user alice.", "session_open success systemd-logind session alice"},
      {"systemd-logind[9]", "New session 'c5' of user 'alice' with class 'user' and type 'tty'.",
       "session_open success systemd-logind session alice"},
      {"systemd-logind[9]", "Removed session 5.", "other"},
      {"vsftpd[9]", "[pid 2] [alice] OK LOGIN: Client \"::ffff:10.0.0.1\"",
       "login success vsftpd password alice @10.0.0.1"},
      {"vsftpd[9]", R"([alice] FAIL LOGIN: Client "10.0.0.1")", "login failure vsftpd password alice @10.0.0.1"},
      {"vsftpd[9]", R"(CONNECT: Client "10.0.0.1")", "other"},
      {"proftpd[9]", "web (gate[10.0.0.1]) - USER kim (Login failed): Incorrect password",
       "login failure proftpd password kim @10.0.0.1"},
      {"proftpd[9]", "web (gate[10.0.0.1]) - USER kim: Login successful.",
       "login success proftpd password kim @10.0.0.1"},
      {"pure-ftpd", "(?@10.0.0.1) [WARNING] Authentication failed for user [kim]",
       "login failure pure-ftpd password kim @10.0.0.1"},
      {"dovecot", "imap-login: Login: user=<kim>, method=PLAIN, rip=10.0.0.1, lip=10.0.0.2, mpid=8, TLS, session=<x>",
       "login success dovecot PLAIN kim @10.0.0.1"},
      {"dovecot",
       "imap-login: Disconnected (auth failed, 2 attempts): user=<kim>, method=PLAIN, rip=10.0.0.1, lip=10.0.0.2, TLS",
       "login failure dovecot PLAIN kim @10.0.0.1 x2"},
      {"dovecot",
       "pop3-login: Aborted login (auth failed, 1 attempts in 17 secs): user=<kim>, method=PLAIN, rip=10.0.0.1, "
       "lip=1.1.1.1",
       "login failure dovecot PLAIN kim @10.0.0.1"},
      {"dovecot",
       "imap-login: Login aborted: Connection closed (auth failed, 1 attempts in 2 secs) (auth_failed): user=<kim>, "
       "method=PLAIN, rip=10.0.0.1, lip=1.1.1.1, session=<x>",
       "login failure dovecot PLAIN kim @10.0.0.1"},
      {"dovecot",
       "auth-worker(default): pam(kim,10.0.0.1): pam_authenticate() failed: Authentication failure (password "
       "mismatch?)",
       "authentication failure dovecot pam kim @10.0.0.1"},
      {"dovecot", "imap-login: Disconnected (no auth attempts in 2 secs): user=<>, rip=10.0.0.1, lip=1.1.1.1", "other"},
      {"kernel", "Accepted password for alice from 10.0.0.1 port 2 ssh2", "other"},
  });
}

bool believed(std::string_view tag, std::string_view message, std::optional<std::uint32_t> uid, std::string_view exe) {
  auto [meaning, event] = read(tag, message, uid);
  EXPECT_EQ(meaning, LineMeaning::login);
  event.actor.ids.uid = uid;
  event.actor.path = exe;
  return event.verified && is_sender(event);
}

// Anybody may write to the log in any program's name.
TEST(LogRules, WhoIsBelieved) {
  constexpr std::string_view kAccepted = "Accepted password for root from 10.0.0.1 port 2 ssh2";
  EXPECT_TRUE(believed("sshd[1]", kAccepted, 0, "/usr/sbin/sshd"));
  EXPECT_TRUE(believed("sshd[1]", kAccepted, 0, "/usr/lib/openssh/sshd-session"));
  EXPECT_TRUE(believed("sshd[1]", kAccepted, 0, ""));
  EXPECT_FALSE(believed("sshd[1]", kAccepted, 1000, ""));
  EXPECT_FALSE(believed("sshd[1]", kAccepted, 0, "/usr/bin/logger"));
  EXPECT_FALSE(believed("sshd[1]", kAccepted, 1000, "/usr/sbin/sshd"));  // one of the user's own
  EXPECT_FALSE(believed("sshd[1]", kAccepted, 0, "/tmp/sshd"));
  EXPECT_FALSE(believed("sshd[1]", kAccepted, std::nullopt, ""));  // a pipe
  EXPECT_TRUE(believed("sshd[1]", "Disconnected from user kim 10.0.0.1 port 2", 1000, "/usr/sbin/sshd"));
  constexpr std::string_view kSudo = "kim : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh";
  EXPECT_TRUE(believed("sudo", kSudo, 1000, "/usr/bin/sudo"));
  EXPECT_FALSE(believed("sudo", kSudo, 1000, "/home/kim/sudo"));
  EXPECT_FALSE(believed("sudo", kSudo, 1000, "/usr/bin/logger"));
  EXPECT_TRUE(believed("gdm-password][1]",
                       "pam_unix(gdm-password:session): session opened for user kim(uid=1) by (uid=0)", 0,
                       "/usr/libexec/gdm-session-worker"));
}

}  // namespace
}  // namespace osprey::events
