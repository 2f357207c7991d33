#include "events/authentication/log_rules.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/text.h"

namespace osprey::events {
namespace {

constexpr std::size_t kLongestMessage = 8 << 10;

// A form of message. Groups: user, target, address, port, tty, key, command, method, times; of PAM also ruser (who
// asks) and by (who opens).
struct Rule {
  // RE2's language, of a whole message; %peer and %pam stand for what kShort has.
  std::string_view pattern;
  std::string_view action = {};  // empty: it tells of no login
  std::string_view outcome = {};
  std::string_view method = {};
  bool by_user = false;  // the program says it with the user's rights
};

struct Short {
  std::string_view name, pattern;
};
constexpr auto kShort = std::to_array<Short>({
    {"%peer", R"((?P<address>\S+) port (?P<port>\d+))"},
    {"%pam", R"(logname=.*? uid=-?\d+ euid=-?\d+ tty=(?P<tty>\S*) ruser=(?P<ruser>.*) rhost=(?P<address>\S*))"
             R"(\s*(?: user=(?P<user>.*))?)"},
});

constexpr std::string_view kSuccess = "success", kFailure = "failure";
constexpr std::string_view kLogin = "login", kProof = "authentication", kOpen = "session_open",
                           kClose = "session_close", kCommand = "command", kPassword = "password_change";

// OpenSSH 2 to 10. A user's name is whatever was typed, words of these very messages too: one without spaces is looked
// for first, of another the last place that fits is the true one, as what sshd knows itself stands behind the name.
constexpr auto kSshd = std::to_array<Rule>({
    {R"(Accepted (?P<method>\S+) for (?P<user>\S+) from %peer(?: ssh\d?)?)"
     R"((?:: \S+ (?P<key>[\w:+/=]+)(?: ID .* \(serial \d+\) CA \S+ \S+.*|, client user .*)?|: \S+)?)",
     kLogin, kSuccess},
    {R"(Accepted (?P<method>\S+) for (?P<user>.*) from %peer(?: ssh\d)?(?:: \S+ (?P<key>[\w:+/=]+).*|: \S+)?)", kLogin,
     kSuccess},
    {R"(Partial (?P<method>\S+) for (?P<user>.*) from %peer(?: ssh\d)?(?:: \S+ (?P<key>[\w:+/=]+).*)?)", kProof,
     kSuccess},
    {R"(Failed (?P<method>\S+) for (?:(?:invalid|illegal) user )?(?P<user>\S+) from %peer(?: ssh\d)?)"
     R"((?:: \S+ (?P<key>[\w:+/=]+)(?: ID .* \(serial \d+\) CA \S+ \S+.*|, client user .*)?)?)",
     kProof, kFailure},
    {R"(Failed (?P<method>\S+) for (?:(?:invalid|illegal) user )?(?P<user>.*) from %peer(?: ssh\d)?)"
     R"((?:: (?:ruser|\S+ (?P<key>[\w:+/=]+)).*)?)",
     kProof, kFailure},
    {R"(Failed (?P<method>\S+) for (?:(?:invalid|illegal) user )?(?P<user>.*) from (?P<address>\S+))", kProof,
     kFailure},
    {R"((?:Invalid|Illegal) user (?P<user>.*) from %peer)", "invalid_user", kFailure},
    {R"((?:Invalid|Illegal) user (?P<user>.*) from (?P<address>\S+))", "invalid_user", kFailure},
    {R"((?:error: )?PAM: .* for (?:(?:invalid|illegal) user )?(?P<user>.*) from (?P<address>\S+?)(?: via \S+)?)",
     kProof, kFailure, "keyboard-interactive/pam"},
    {R"((?:error: )?PAM: \D+ for (?:(?:invalid|illegal) user )?(?P<user>.*))", kProof, kFailure,
     "keyboard-interactive/pam"},
    {R"(PAM (?P<times>\d+) more authentication failures?; %pam)", kProof, kFailure, "pam"},
    {R"((?:error: )?maximum authentication attempts exceeded for (?:(?:invalid|illegal) user )?(?P<user>.*) from %peer.*)",
     "disconnect", kFailure},
    {R"(Disconnecting (?:authenticating|invalid) user (?P<user>.*) %peer: Too many authentication failures.*)",
     "disconnect", kFailure},
    {R"(Disconnecting: Too many authentication failures for (?:(?:invalid|illegal) user )?(?P<user>.*))", "disconnect",
     kFailure},
    {R"((?:Connection (?:closed|reset) by|Disconnected from) (?:authenticating|invalid) user (?P<user>.*) %peer)",
     "disconnect", kFailure},
    {R"(Disconnected from user (?P<user>.*) %peer)", kClose, kSuccess, "", true},
    {R"(User (?P<user>.*) from (?P<address>\S+) not allowed because .*)", "denied", kFailure},
    {R"(User (?P<user>\S+) not allowed because .*)", "denied", kFailure},
    {R"(User (?P<user>.*) password has expired.*)", "denied", kFailure},
    {R"(ROOT LOGIN REFUSED FROM %peer)", "denied", kFailure},
    {R"(ROOT LOGIN REFUSED FROM (?P<address>\S+))", "denied", kFailure},
    {R"((?:fatal: )?Access denied for user (?P<user>.*) by PAM account configuration.*)", "denied", kFailure, "pam"},
    {R"(Authentication refused: bad ownership or modes for .*)", "denied", kFailure, "publickey"},
    {R"(Authentication tried for (?P<user>.*) with correct key but not from a permitted host \(host=\S*, ip=)"
     R"((?P<address>[^,)]+).*\)\.?)",
     "denied", kFailure, "publickey"},
    {R"(refused connect from .*?(?P<address>[\da-fA-F.:]+)\)?)", "denied", kFailure},
    {R"(Postponed .*)"},
    {R"((?:error: )?Received disconnect from .*)", "", "", "", true},
    {R"(Disconnected from .*)", "", "", "", true},
    {R"((?:Connection (?:from|closed|reset)|Disconnecting|Server listening|Received signal|Exiting on signal).*)"},
    {R"((?:Starting session|Close session|User child is on pid|subsystem request|session opened for local).*)"},
    {R"((?:fatal: |error: )?(?:Timeout before authentication|kex_exchange_identification|banner exchange).*)"},
    {R"((?:fatal: |error: )?(?:ssh_dispatch_run_fatal|Unable to negotiate|no matching|Did not receive ident).*)"},
    {R"((?:fatal: |error: )?(?:Bad protocol version|Protocol major versions|Bad packet length|Corrupted MAC).*)"},
    {R"((?:fatal: |error: )?(?:Connection (?:closed|reset)|Read from socket|Write failed|Bind to port|mm_).*)"},
    {R"((?:error: )?(?:beginning MaxStartups|exited MaxStartups|drop connection|srclimit|penalty|Could not load).*)"},
    {R"((?:reverse mapping checking|Address \S+ maps to|Nasty PTR|input_userauth_request|PAM service\().*)"},
    {R"((?:Set /proc|rexec|debug\d|Accepted key|Found matching|Authorized to|matching key found|Deprecated ).*)"},
    {R"((?:error: )?(?:Could not get shadow|Received SIGHUP|Closing connection|Transferred:|pam_authenticate).*)"},
});

// sudo(8) 1.6 to 1.9, sudo-rs's too.
constexpr auto kSudo = std::to_array<Rule>({
    {R"(\s*(?P<user>.+?) : (?:HOST=\S+ ; )?(?:TTY=(?P<tty>\S+) ; )?(?:(?:CHROOT|CWD|PWD)=.*? ; )*USER=(?P<target>\S+) ; )"
     R"((?:GROUP=\S+ ; )?(?:TSID=\S+ ; )?(?:ENV=.*? ; )?COMMAND=(?P<command>.*))",
     kCommand, kSuccess, "sudo"},
    {R"(\s*(?P<user>.+?) : (?P<times>\d+) incorrect password attempts?(?: ; (?:HOST=\S+ ; )?(?:TTY=(?P<tty>\S+) ; )?)"
     R"((?:(?:CHROOT|CWD|PWD)=.*? ; )*USER=(?P<target>\S+) ; .*?COMMAND=(?P<command>.*))?)",
     kProof, kFailure, "password"},
    {R"(\s*(?P<user>.+?) : [^;=]+ ; (?:HOST=\S+ ; )?(?:TTY=(?P<tty>\S+) ; )?(?:(?:CHROOT|CWD|PWD)=.*? ; )*)"
     R"(USER=(?P<target>\S+) ; (?:GROUP=\S+ ; )?(?:TSID=\S+ ; )?(?:ENV=.*? ; )?COMMAND=(?P<command>.*))",
     kCommand, kFailure, "sudo"},
    {R"(.* : \(command continued\).*)"},
    {R"((?:unable to|timestamp|error initializing|setrlimit|.*: unable to).*)"},
});

// util-linux's, shadow's, coreutils' and busybox's.
constexpr auto kSu = std::to_array<Rule>({
    {R"(\(to (?P<target>\S+)\) (?P<user>\S+) on (?P<tty>\S+))", kLogin, kSuccess, "su"},
    {R"(FAILED (?:SU|RUNUSER) \(to (?P<target>\S+)\) (?P<user>\S+) on (?P<tty>\S+))", kLogin, kFailure, "su"},
    {R"(Successful su for (?P<target>\S+) by (?P<user>\S+))", kLogin, kSuccess, "su"},
    {R"(FAILED su for (?P<target>\S+) by (?P<user>\S+))", kLogin, kFailure, "su"},
    {R"(\+ (?P<tty>\S+) (?P<user>[^:\s]+)[:-](?P<target>\S+))", kLogin, kSuccess, "su"},
    {R"(- (?P<tty>\S+) (?P<user>[^:\s]+)[:-](?P<target>\S+))", kLogin, kFailure, "su"},
    {R"((?:pam_authenticate: |pam_acct_mgmt: |No passwd entry).*)", "", ""},
});

constexpr auto kDoas = std::to_array<Rule>({
    {R"((?P<user>\S+) ran command (?P<command>.*) as (?P<target>\S+) from .*)", kCommand, kSuccess, "doas"},
    {R"(failed auth for (?P<user>\S+))", kProof, kFailure, "password"},
    {R"((?:failed command|command not permitted) for (?P<user>\S+): (?P<command>.*?)(?: as (?P<target>\S+))?)",
     kCommand, kFailure, "doas"},
});

// util-linux's and shadow's.
constexpr auto kLoginProgram = std::to_array<Rule>({
    {R"((?:ROOT )?LOGIN ON (?P<tty>\S+) BY (?P<user>\S+)(?: FROM (?P<address>\S+))?)", kLogin, kSuccess},
    {R"(ROOT LOGIN ON (?P<tty>\S+)(?: FROM (?P<address>\S+))?)", kLogin, kSuccess},
    {R"(DIALUP AT (?P<tty>\S+) BY (?P<user>\S+))", kLogin, kSuccess},
    {R"((?:FAILED LOGIN \d+|FAILED LOGIN SESSION|TOO MANY LOGIN TRIES \(\d+\)) FROM (?P<tty>\S+) FOR (?P<user>.*), .*)",
     kLogin, kFailure},
    {R"((?:FAILED LOGIN|TOO MANY LOGIN TRIES) \(\d+\)(?: on '(?P<tty>[^']+)')?(?: from '(?P<address>[^']+)')? FOR )"
     R"('(?P<user>.*?)'.*)",
     kLogin, kFailure},
    {R"('(?P<user>.*)' logged in(?: on '(?P<tty>[^']+)')?(?: from '(?P<address>[^']+)')?)", kLogin, kSuccess},
    {R"(ROOT LOGIN\s+on '(?P<tty>[^']+)'(?: from '(?P<address>[^']+)')?)", kLogin, kSuccess},
    {R"(invalid password for '(?P<user>.*)'(?: on '(?P<tty>[^']+)')?(?: from '(?P<address>[^']+)')?)", kProof, kFailure,
     "password"},
    {R"(root login (?:on '(?P<tty>[^']+)')(?: from '(?P<address>[^']+)')?)", kLogin, kSuccess},
});

constexpr auto kPolkit = std::to_array<Rule>({
    {R"(Operator of \S+ successfully authenticated as unix-user:(?P<target>\S+) to gain \S+ authorization for action )"
     R"((?P<command>\S+) for .* \(owned by unix-user:(?P<user>[^)]+)\))",
     kProof, kSuccess, "polkit"},
    {R"(Operator of \S+ FAILED to authenticate to gain authorization for action (?P<command>\S+) for .* )"
     R"(\(owned by unix-user:(?P<user>[^)]+)\))",
     kProof, kFailure, "polkit"},
    {R"((?:Registered|Unregistered) Authentication Agent .*)"},
    {R"((?:Loading rules|Finished loading|Acquired the name|Started polkitd|Collecting garbage|Reloading|Compiling).*)"},
});

constexpr auto kPkexec = std::to_array<Rule>({
    {R"((?P<user>\S+): Executing command \[USER=(?P<target>[^]]*)\] \[TTY=(?P<tty>[^]]*)\] \[CWD=.*?\] )"
     R"(\[COMMAND=(?P<command>.*)\])",
     kCommand, kSuccess, "polkit"},
    {R"((?P<user>\S+): (?:Error executing command|The value for).* \[USER=(?P<target>[^]]*)\] \[TTY=(?P<tty>[^]]*)\] )"
     R"(\[CWD=.*?\] \[COMMAND=(?P<command>.*)\])",
     kCommand, kFailure, "polkit"},
});

// Vixie's, cronie, busybox's.
constexpr auto kCron = std::to_array<Rule>({
    {R"(\((?P<user>[^()]+)\) CMD \(\s*(?P<command>.*?)\)?)", kCommand, kSuccess, "cron"},
    {R"((?:crond: )?USER (?P<user>\S+) pid +\d+ cmd (?P<command>.*))", kCommand, kSuccess, "cron"},
    {R"(\((?P<user>[^()]+)\) AUTH \(crontab command not allowed\))", kCommand, kFailure, "cron"},
    {R"(\((?P<user>[^()]+)\) (?:FAILED to authorize user with PAM|PAM ERROR|FAILED to open PAM).*)", kProof, kFailure,
     "pam"},
    {R"(\(.*\) (?:CMDEND|CMDOUT|RELOAD|INFO|STARTUP|info|MAIL|END|BEGIN|REPLACE|LIST|DELETE|ORPHAN|WRONG|bad|error).*)",
     "", ""},
    {R"(\(.*\) (?:RANDOM_DELAY|SKIPPED|UNSAFE|NUMBER|CAN'T|MISSING|SYMLINK|GETP|STAT|fopen|ERROR|SHUTDOWN).*)"},
});

// In the forms that session managers have beside PAM's.
constexpr auto kLogind = std::to_array<Rule>({
    {R"(New session '?[^\s']+'? of user '?(?P<user>.*?)'?(?: with class '.*' and type '.*')?\.?)", kOpen, kSuccess,
     "session"},
    {R"((?:Removed session|Session|New seat|Watching|User|Power|Lid|System|Suspend|Hibern|Operation|Creating|The ).*)"},
});
constexpr auto kGdm = std::to_array<Rule>({
    {R"((?:gkr-pam|AccountsService|Gdm|GLib|Child process|Failed to|Tried to look|Couldn't).*)"},
});

constexpr auto kVsftpd = std::to_array<Rule>({
    {R"x((?:\[pid \d+\] )?\[(?P<user>.*)\] OK LOGIN: Client "(?P<address>[^"]+)".*)x", kLogin, kSuccess, "password"},
    {R"x((?:\[pid \d+\] )?\[(?P<user>.*)\] FAIL LOGIN: Client "(?P<address>[^"]+)".*)x", kLogin, kFailure, "password"},
    {R"((?:\[pid \d+\] )?(?:\[.*\] )?(?:CONNECT|OK|FAIL|FTP|DEBUG)\b.*)"},
});
constexpr auto kProftpd = std::to_array<Rule>({
    {R"(.*\(\S*\[(?P<address>[^]]+)\]\)[: -]+USER (?P<user>.*): Login successful\.?)", kLogin, kSuccess, "password"},
    {R"(.*\(\S*\[(?P<address>[^]]+)\]\)[: -]+USER (?P<user>.*) \(Login failed\): .*)", kLogin, kFailure, "password"},
    {R"(.*\(\S*\[(?P<address>[^]]+)\]\)[: -]+USER (?P<user>.*): no such user found.*)", "invalid_user", kFailure},
    {R"(.*\(\S*\[(?P<address>[^]]+)\]\)[: -]+SECURITY VIOLATION: (?P<user>.*) login attempted\.?)", "denied", kFailure},
    {R"(.*FTP session (?:opened|closed).*)"},
});
constexpr auto kPureFtpd = std::to_array<Rule>({
    {R"(\(\?@(?P<address>\S+)\) \[WARNING\] Authentication failed for user \[(?P<user>.*)\])", kLogin, kFailure,
     "password"},
    {R"(\(\?@(?P<address>\S+)\) \[INFO\] (?P<user>.*) is now logged in)", kLogin, kSuccess, "password"},
    {R"(\(\S+@\S+\) \[(?:INFO|NOTICE|DEBUG)\] .*)"},
});

// Dovecot 1 to 2.4, whose master logs for its processes. A name stands in <>, escaped.
constexpr auto kDovecot = std::to_array<Rule>({
    {R"((?:dovecot: )?\w+-login: (?:Info: )?(?:Login|Logged in): user=<(?P<user>[^>]*)>, method=(?P<method>[^,]+), )"
     R"(rip=(?P<address>[^,]+),.*)",
     kLogin, kSuccess},
    {R"((?:dovecot: )?\w+-login: (?:Info: )?[^<]*\(auth failed, (?P<times>\d+) attempts[^)]*\)[^<]*: user=<(?P<user>[^>]*)>,)"
     R"((?: method=(?P<method>[^,]+),)? rip=(?P<address>[^,]+),.*)",
     kLogin, kFailure},
    {R"((?:dovecot: )?\w+-login: (?:Info: )?[^<]*\(auth failed, (?P<times>\d+) attempts[^)]*\)[^<]*: )"
     R"((?:method=(?P<method>[^,]+), )?rip=(?P<address>[^,]+),.*)",
     kLogin, kFailure},
    {R"((?:dovecot: )?auth(?:-worker)?[^:]*: (?:Info: )?(?:conn .*?: )?(?:auth-worker<\d+>: )?)"
     R"(pam\((?P<user>[^,)]*),(?P<address>[^,)]+)[^)]*\): (?:.*: )?pam_authenticate\(\) failed: .*)",
     kProof, kFailure, "pam"},
    {R"((?:dovecot: )?auth(?:-worker)?[^:]*: (?:Info: )?(?:conn .*?: )?(?:auth-worker<\d+>: )?)"
     R"((?:passwd-file|sql|ldap|shadow|passwd|static)\((?P<user>[^,)]*),(?P<address>[^,)]+)[^)]*\): (?:.*: )?)"
     R"((?:Password mismatch|unknown user|Login for.*).*)",
     kProof, kFailure, "password"},
    {R"((?:dovecot: )?\w+-login: (?:Info: |Error: |Warning: )?(?:Disconnected|Aborted|Login aborted|Maximum|proxy).*)"},
    {R"((?:dovecot: )?(?:imap|pop3|lmtp|lda|master|log|config|anvil|stats|auth|indexer\S*|managesieve|submission)\b.*)"},
});

constexpr auto kUnixCheck = std::to_array<Rule>({
    {R"(password check failed for user \((?P<user>.*)\))", kProof, kFailure, "password"},
    {R"((?:check pass; user unknown|could not obtain user info|inappropriate use of).*)"},
});

// Of PAM's modules, behind their "pam_unix(sshd:auth): ".
constexpr auto kPam = std::to_array<Rule>({
    {R"(authentication failure; %pam)", kProof, kFailure},
    {R"((?P<times>\d+) more authentication failures?; %pam)", kProof, kFailure},
    {R"(authentication success; %pam)", kProof, kSuccess},
    {R"(session opened for user (?P<target>.*?)(?:\(uid=\d+\))? by (?P<by>[^()]*)\(uid=-?\d+\))", kOpen, kSuccess, ""},
    {R"(session closed for user (?P<user>.*?)(?:\(uid=\d+\))?)", kClose, kSuccess},
    {R"(auth could not identify password for \[(?P<user>.*)\])", kProof, kFailure},
    {R"(bad username \[(?P<user>.*)\])", kProof, kFailure},
    {R"(Consecutive login failures for user (?P<user>.*) account temporarily locked)", "locked", kFailure},
    {R"(user (?P<user>\S+)(?: \(\d+\))? (?:has )?tally \d+, deny \d+)", "locked", kFailure},
    {R"(account (?P<user>.*) has (?:expired|password changed in future).*)", "denied", kFailure},
    {R"(expired password for user (?P<user>.*) \(.*\))", "denied", kFailure},
    {R"(access denied for user [`'](?P<user>.*)' from [`'](?P<address>.*)')", "denied", kFailure},
    {R"(Access denied for user (?P<user>.*): \d+ \(.*\))", "denied", kFailure},
    {R"(Refused user (?P<user>.*) for service \S+)", "denied", kFailure},
    {R"(access denied: tty '(?P<tty>[^']*)' is not secure ?!)", "denied", kFailure},
    {R"(user '?(?P<user>[^']*?)'? (?:granted access|authenticated as \S+))", kProof, kSuccess},
    {R"(authentication succeeds for '(?P<user>.*)' \(.*\))", kProof, kSuccess},
    {R"(authentication fails for '(?P<user>.*)' \(.*\).*)", kProof, kFailure},
    {R"(Accepted google_authenticator for (?P<user>.*))", kProof, kSuccess},
    {R"(Invalid verification code(?: for (?P<user>.*))?)", kProof, kFailure},
    {R"(password changed for (?P<user>.*))", kPassword, kSuccess},
    {R"(check pass; user unknown|conversation failed|received for user .*|requirement ".*" (?:not )?(?:met|was).*)", "",
     ""},
});

struct Program {
  std::string_view service;
  std::array<std::string_view, 7> names;        // tags of its lines, PAM's services, its executables
  std::array<std::string_view, 4> executables;  // others of its own
  bool by_user;                                 // it runs with the rights of whoever calls it, or with its own user's
  std::span<const Rule> rules;
};

// Of a program's name the first that has it.
constexpr auto kPrograms = std::to_array<Program>({
    {"sshd", {"sshd", "sshd-session", "sshd-auth"}, {}, false, kSshd},
    {"sudo", {"sudo", "sudo-i", "sudo-rs", "sudoedit"}, {}, true, kSudo},
    {"su", {"su", "su-l", "runuser", "runuser-l"}, {}, true, kSu},
    {"doas", {"doas"}, {}, true, kDoas},
    {"login", {"login", "remote"}, {}, false, kLoginProgram},
    {"polkit-1", {"polkit-1", "polkitd"}, {"polkit-agent-helper-1", "pkexec"}, true, kPolkit},
    {"polkit-1", {"pkexec"}, {}, true, kPkexec},
    {"cron", {"cron", "crond", "crontab", "anacron"}, {}, false, kCron},
    {"atd", {"atd"}, {}, false, {}},
    {"gdm",
     {"gdm", "gdm3", "gdm-password", "gdm-autologin", "gdm-fingerprint", "gdm-smartcard", "gdm-launch-environment"},
     {"gdm-session-worker"},
     false,
     kGdm},
    {"lightdm", {"lightdm", "lightdm-greeter"}, {}, false, {}},
    {"sddm", {"sddm", "sddm-greeter"}, {"sddm-helper"}, false, {}},
    {"systemd-logind", {"systemd-logind"}, {}, false, kLogind},
    {"systemd-user", {"systemd-user"}, {"systemd", "systemd-executor"}, false, {}},
    {"vsftpd", {"vsftpd"}, {}, false, kVsftpd},
    {"proftpd", {"proftpd"}, {}, false, kProftpd},
    {"pure-ftpd", {"pure-ftpd"}, {}, false, kPureFtpd},
    {"dovecot", {"dovecot", "dovecot-auth"}, {"log", "auth", "imap-login", "pop3-login"}, true, kDovecot},
    {"samba", {"samba", "smbd"}, {}, false, {}},
    {"xrdp", {"xrdp", "xrdp-sesman"}, {}, false, {}},
    {"passwd", {"passwd", "chpasswd"}, {"unix_chkpwd"}, true, {}},
    {"unix_chkpwd", {"unix_chkpwd"}, {}, true, kUnixCheck},
});

bool has(std::span<const std::string_view> names, std::string_view name) {
  return !name.empty() && std::ranges::find(names, name) != names.end();
}

const Program* program_named(std::string_view name) {
  const auto found = std::ranges::find_if(kPrograms, [&](const auto& one) { return has(one.names, name); });
  return found == std::end(kPrograms) ? nullptr : found;
}

// A rule that can be asked.
class Pattern {
 public:
  explicit Pattern(const Rule& rule) : rule_(rule), expression_(written_out(rule.pattern), options()) {
    if (!expression_.ok()) throw std::logic_error(expression_.error());
    for (const auto& [name, number] : expression_.NamedCapturingGroups()) groups_.emplace_back(name, number);
  }

  const Rule& rule() const noexcept { return rule_; }
  // Calls use(name, text) with every group that took part.
  template <class Use>
  bool match(std::string_view text, const Use& use) const {
    constexpr int kMostGroups = 12;
    std::array<re2::StringPiece, kMostGroups> found;
    const auto count = 1 + expression_.NumberOfCapturingGroups();
    if (count > kMostGroups || !expression_.Match(re2::StringPiece(text.data(), text.size()), 0, text.size(),
                                                  RE2::ANCHOR_BOTH, found.data(), count))
      return false;
    for (const auto& [name, number] : groups_) {
      const auto& group = found[static_cast<std::size_t>(number)];
      if (group.data()) use(std::string_view(name), std::string_view(group.data(), group.size()));
    }
    return true;
  }

 private:
  static std::string written_out(std::string_view pattern) {
    std::string text(pattern);
    for (const auto& [name, meaning] : kShort)
      for (auto at = text.find(name); at != text.npos; at = text.find(name)) text.replace(at, name.size(), meaning);
    return text;
  }
  static RE2::Options options() {
    RE2::Options options;
    options.set_encoding(RE2::Options::EncodingLatin1);  // any bytes
    options.set_dot_nl(true);
    options.set_log_errors(false);
    options.set_max_mem(1 << 20);
    return options;
  }

  Rule rule_;
  RE2 expression_;
  std::vector<std::pair<std::string, int>> groups_;
};

using Patterns = std::vector<std::unique_ptr<Pattern>>;

Patterns patterns_of(std::span<const Rule> rules) {
  Patterns patterns;
  for (const auto& rule : rules) patterns.push_back(std::make_unique<Pattern>(rule));
  return patterns;
}

// Made when a program says its first line.
const Patterns& patterns_of(const Program& program) {
  static std::array<std::pair<std::once_flag, Patterns>, std::size(kPrograms)> made;
  auto& [once, patterns] = made[static_cast<std::size_t>(&program - kPrograms.data())];
  std::call_once(once, [&] { patterns = patterns_of(program.rules); });
  return patterns;
}
const Patterns& patterns_of_pam() {
  static const Patterns made = patterns_of(kPam);
  return made;
}

// A line in its parts.
struct Line {
  std::string_view program;  // of the tag, without folders and brackets
  std::string_view module;   // of PAM: "pam_unix"; empty: it is the program's own
  std::string_view phase;    // "auth", "session"…; empty: not said
  std::string_view text;
  std::optional<std::int64_t> pid;  // of the tag
  std::uint32_t times = 1;
};

// "pam_unix(sshd:auth): ", and as it was before 2006: "(pam_unix) ", "pam_unix: ", or "sshd(pam_unix)" as the tag.
void take_pam(Line& line) {
  constexpr std::string_view kModule = "pam_";
  if (const auto open = line.program.find("(pam_"); open != line.program.npos && line.program.ends_with(')')) {
    line.module = line.program.substr(open + 1, line.program.size() - open - 2);
    line.program = line.program.substr(0, open);
    return;
  }
  auto rest = line.text;
  const bool bracketed = rest.starts_with("(pam_");
  if (bracketed) rest.remove_prefix(1);
  if (!rest.starts_with(kModule)) return;
  const auto end = rest.find_first_of("(): ");
  if (end == rest.npos) return;
  const auto module = rest.substr(0, end);
  const char behind = rest[end];
  rest.remove_prefix(end + 1);
  if (behind == '(' && !bracketed) {
    const auto close = rest.find("): ");
    if (close == rest.npos) return;
    auto inside = rest.substr(0, close);
    rest.remove_prefix(close + 3);
    const auto service = take_until(inside, ':');
    if (!service.empty()) line.program = service;
    line.phase = inside;
  } else if (behind != (bracketed ? ')' : ':')) {
    return;
  }
  line.module = module;
  line.text = trim_left(rest);
}

// rsyslog's for lines that came again: "message repeated 3 times: [ Failed password… ]".
void take_repetition(Line& line) {
  constexpr std::string_view kBegin = "message repeated ";
  auto rest = line.text;
  if (!rest.starts_with(kBegin) || !rest.ends_with(']')) return;
  rest.remove_prefix(kBegin.size());
  const auto times = parse<std::uint32_t>(take_until(rest, ' '));
  const auto open = rest.find("[ ");
  if (!times || *times == 0 || open == rest.npos) return;
  line.times = *times;
  line.text = trim(rest.substr(open + 2, rest.size() - open - 3));
}

Line line_of(const SyslogEvent& event) {
  Line line;
  auto tag = event.tag;
  if (tag.ends_with(']')) {
    const auto open = tag.rfind('[');
    if (open != tag.npos) {
      line.pid = parse<std::int64_t>(tag.substr(open + 1, tag.size() - open - 2));
      tag = tag.substr(0, open);
    }
  }
  if (tag.ends_with(']')) tag.remove_suffix(1);  // gdm's own name: "gdm-password]"
  if (const auto slash = tag.rfind('/'); slash != tag.npos && !tag.starts_with("dovecot/"))
    tag.remove_prefix(slash + 1);
  line.program = tag;
  line.text = trim(event.message.substr(0, kLongestMessage));
  take_repetition(line);
  take_pam(line);
  if (line.module.empty()) line.program = line.program.substr(0, line.program.find('('));  // polkitd(authority=local)
  constexpr std::string_view kBeforeLogin = " [preauth]";
  if (line.text.ends_with(kBeforeLogin)) line.text.remove_suffix(kBeforeLogin.size());
  return line;
}

std::string_view without_mapping(std::string_view address) {
  constexpr std::string_view kMapped = "::ffff:";
  if (address.starts_with(kMapped) && address.find('.') != address.npos) address.remove_prefix(kMapped.size());
  return address;
}

// `asks` is who wants another's rights.
void set_asking(AuthenticationEvent& event, std::string_view asks) {
  if (asks.empty() || asks == event.username) return;
  event.target_user = event.username;
  event.username = asks;
}

void fill(AuthenticationEvent& event, std::string_view name, std::string_view text) {
  if (name == "user") event.username = text;
  if (name == "target") event.target_user = text;
  if (name == "address") event.remote_address = without_mapping(text);
  if (name == "port") event.remote_port = parse<std::uint16_t>(text);
  if (name == "tty" && text != "unknown") event.tty = text;
  if (name == "key") event.key_fingerprint = text;
  if (name == "command") event.command = text;
  if (name == "method") event.method = text;
  if (name == "times") event.times = parse<std::uint32_t>(text).value_or(1);
}

const Rule* apply(const Patterns& patterns, const Line& line, AuthenticationEvent& event) {
  for (const auto& pattern : patterns) {
    std::string_view asks, opens;
    const bool fits = pattern->match(line.text, [&](std::string_view name, std::string_view text) {
      fill(event, name, text);
      if (name == "ruser") asks = text;
      if (name == "by") opens = text;
    });
    if (!fits) continue;
    const auto& rule = pattern->rule();
    event.action = rule.action;
    event.outcome = rule.outcome;
    if (event.method.empty()) event.method = rule.method;
    set_asking(event, asks);
    if (rule.action == kOpen && !event.target_user.empty()) {
      // "for user root by alice(uid=1000)"; of daemons "by (uid=0)", of login "by LOGIN(uid=0)".
      event.username = opens.empty() || opens == "LOGIN" ? std::exchange(event.target_user, {}) : opens;
    }
    return &rule;
  }
  return nullptr;
}

bool is_of_system(std::string_view path) {
  constexpr auto kFolders =
      std::to_array<std::string_view>({"/usr/", "/bin/", "/sbin/", "/lib/", "/lib64/", "/opt/", "/nix/store/"});
  return std::ranges::any_of(kFolders, [&](auto folder) { return path.starts_with(folder); });
}

std::string_view last_part(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == path.npos ? path : path.substr(slash + 1);
}

}  // namespace

std::string_view login_service(std::string_view program) noexcept {
  const auto name = last_part(program);
  for (const auto& one : kPrograms)
    if (has(one.names, name) || has(one.executables, name)) return one.service;
  return name;
}

LineMeaning read_login_line(const SyslogEvent& event, AuthenticationEvent& login) {
  const auto line = line_of(event);
  const auto lower = to_lower(line.program);  // CRON
  const auto* program = program_named(lower);
  const bool of_pam = !line.module.empty();
  if (!of_pam && (!program || program->rules.empty())) return LineMeaning::other;
  const auto* rule = apply(of_pam ? patterns_of_pam() : patterns_of(*program), line, login);
  // PAM's modules say much that is about no log-in; of those that prove who somebody is, all should be known.
  if (!rule) return of_pam && line.phase != "auth" ? LineMeaning::other : LineMeaning::not_understood;
  if (rule->action.empty()) return LineMeaning::other;
  login.service = program ? program->service : line.program;
  if (of_pam) login.method = line.module;
  login.message = event.message;
  login.source = event.source;
  login.times *= line.times;
  login.told_pid = line.pid;
  const auto uid = event.actor.ids.uid;
  login.verified = uid && (*uid == 0 || rule->by_user || (program && program->by_user));
  return LineMeaning::login;
}

bool is_sender(const AuthenticationEvent& event) noexcept {
  const auto& path = event.actor.path;
  if (path.empty()) return event.actor.ids.uid == 0U;
  if (!is_of_system(path)) return false;
  const auto name = last_part(path);
  if (name == event.service) return true;
  return std::ranges::any_of(kPrograms, [&](const auto& one) {
    return one.service == event.service && (has(one.names, name) || has(one.executables, name));
  });
}

}  // namespace osprey::events
