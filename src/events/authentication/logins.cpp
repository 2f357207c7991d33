#include "events/authentication/logins.h"

#include <algorithm>
#include <array>

#include "base/clock_reading.h"
#include "base/text.h"
#include "events/authentication/log_rules.h"
#include "events/journal/record.h"

namespace osprey::events {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kWait = 2 * kSecond;
constexpr std::uint64_t kTogether = 5 * kSecond;  // between two tellings of one log-in
constexpr std::size_t kMostLogged = 1024;
constexpr std::size_t kMostWaiting = 1024;

// Records of linux/audit.h and libaudit.h that tell of log-ins.
struct RecordRule {
  std::int64_t type;
  std::string_view action;
  bool failures_only = false;
};
constexpr auto kRecords = std::to_array<RecordRule>({
    {1100, "authentication"},        // USER_AUTH
    {1101, "denied", true},          // USER_ACCT
    {1105, "session_open"},          // USER_START
    {1106, "session_close"},         // USER_END
    {1108, "password_change"},       // USER_CHAUTHTOK
    {1109, "authentication", true},  // USER_ERR
    {1112, "login"},                 // USER_LOGIN
    {1113, "session_close"},         // USER_LOGOUT
    {1123, "command"},               // USER_CMD
});

bool is_success(std::string_view result) {
  return equal_ignoring_case(result, "success") || equal_ignoring_case(result, "yes") || result == "1";
}

// "PAM:authentication", "pubkey_auth"…
std::string_view method_of(std::string_view op) {
  if (op.starts_with("PAM")) return "pam";
  if (op.starts_with("pubkey") || op.starts_with("key")) return "publickey";
  return op == "success" || op == "login" ? std::string_view() : op;
}

enum What : std::uint8_t { kIn = 1, kRefused, kOpens, kCloses, kRuns, kElse };

}  // namespace

std::optional<AuthenticationEvent> Logins::login(AnyEvent event) {
  if (auto* const* line = std::get_if<SyslogEvent*>(&event)) return of_line(**line);
  if (auto* const* record = std::get_if<UserEvent*>(&event)) return of_record(**record);
  return std::nullopt;
}

std::optional<AuthenticationEvent> Logins::of_line(const SyslogEvent& line) {
  AuthenticationEvent login;
  const auto meaning = read_login_line(line, login);
  if (meaning == LineMeaning::not_understood) ++not_understood_;
  if (meaning != LineMeaning::login) return std::nullopt;
  login.header = line.header;
  if (line.source == "journal") login.header.origin = Origin::journal;
  login.actor = line.actor;
  return login;
}

std::optional<AuthenticationEvent> Logins::of_record(const UserEvent& record) {
  const auto rule = std::ranges::find(kRecords, record.type, &RecordRule::type);
  if (rule == std::end(kRecords)) return std::nullopt;
  const auto field = [&](std::string_view name) {
    const auto value = audit::find_field(record.message, name).value_or("");
    return value == "?" ? std::string_view() : value;
  };
  arena_.clear();
  AuthenticationEvent login;
  auto result = field("res");
  if (result.empty()) result = field("result");
  login.outcome = is_success(result) ? "success" : "failure";
  if (rule->failures_only && login.outcome == "success") return std::nullopt;
  login.header = record.header;
  login.actor = record.actor;
  login.action = rule->action;
  login.service = login_service(record.actor.path);
  login.method = rule->action == "command" ? login.service : method_of(field("op"));
  login.username = audit::text_value(field("acct"), arena_);
  if (login.username.starts_with('(')) login.username = {};  // "(unknown user)"
  login.remote_address = record.address.empty() ? field("hostname") : record.address;
  login.remote_port = parse<std::uint16_t>(field("rport"));
  login.tty = record.terminal;
  login.command = audit::text_value(field("cmd"), arena_);
  login.message = record.message;
  login.source = "audit";
  if (const auto id = parse<std::uint32_t>(field("id"))) login.actor.ids.login_uid = id;
  return login;
}

bool Logins::take(AuthenticationEvent& event) {
  if (event.source != "audit") {
    event.verified = event.verified && is_sender(event);
    if (!event.verified) return true;  // what anybody can write hides nothing
    logged_.push_back(told_by(event));
    if (logged_.size() > kMostLogged) logged_.pop_front();
    told_twice_ += std::erase_if(waiting_, [&](const Waiting& one) { return same(one.told, logged_.back()); });
    return true;
  }
  auto told = told_by(event);
  if (std::ranges::any_of(logged_, [&](const Told& one) { return same(one, told); })) {
    ++told_twice_;
    return false;
  }
  Waiting waiting{.until = boot_nanoseconds() + kWait, .told = std::move(told), .record = {}};
  encode(event, waiting.record);
  waiting_.push_back(std::move(waiting));
  return false;
}

std::optional<std::string> Logins::next_ripe(std::uint64_t now) {
  if (waiting_.empty() || (waiting_.front().until > now && waiting_.size() <= kMostWaiting)) return std::nullopt;
  auto record = std::move(waiting_.front().record);
  waiting_.pop_front();
  return record;
}

std::optional<AuthenticationEvent> Logins::decode_waiting(const std::string& record) {
  return decode<AuthenticationEvent>(record);
}

Logins::Told Logins::told_by(const AuthenticationEvent& event) {
  What what = kElse;
  if (event.action == "session_open")
    what = kOpens;
  else if (event.action == "session_close")
    what = kCloses;
  else if (event.outcome == "failure")
    what = kRefused;
  else if (event.action == "login" || event.action == "authentication")
    what = kIn;
  else if (event.action == "command")
    what = kRuns;
  return {.moment = event.header.moment,
          .what = what,
          .service = std::string(event.service),
          .user = std::string(event.username),
          .other_user = std::string(event.target_user),
          .pid = event.actor.process.pid,
          .parent = event.actor.parent.pid};
}

// A daemon may tell the one from its child.
bool Logins::same(const Told& a, const Told& b) {
  if (a.what != b.what || a.what == kElse || a.service != b.service) return false;
  if (std::max(a.moment, b.moment) - std::min(a.moment, b.moment) > kTogether) return false;
  const bool related = a.pid == b.pid || a.pid == b.parent || b.pid == a.parent;
  if (a.pid > 0 && b.pid > 0 && !related) return false;
  const auto is_user_of = [](const std::string& name, const Told& of) {
    return name.empty() || name == of.user || name == of.other_user;
  };
  return b.user.empty() || is_user_of(a.user, b) || is_user_of(b.user, a);
}

}  // namespace osprey::events
