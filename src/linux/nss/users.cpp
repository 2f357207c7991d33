#include "linux/nss/users.h"

#include <pwd.h>

#include <cerrno>
#include <mutex>

namespace osprey::linux {
namespace {

constexpr std::size_t kMaxBuffer = 1 << 20;

std::string text_of(const char* text) { return text ? text : ""; }

PasswdEntry entry_of(const passwd& from) {
  return {text_of(from.pw_name),  from.pw_uid,          from.pw_gid,
          text_of(from.pw_gecos), text_of(from.pw_dir), text_of(from.pw_shell)};
}

// Runs `ask(passwd*, buffer, size, passwd** found)`, one of the *_r functions, with as large a buffer as it needs.
// Returns whether it found an account, appended to `entries`.
template <class Ask>
Result<bool> ask_once(std::vector<char>& buffer, std::vector<PasswdEntry>& entries, Ask&& ask) {
  for (;;) {
    passwd entry;
    passwd* found = nullptr;
    const int code = ask(&entry, buffer.data(), buffer.size(), &found);
    if (code == EINTR) continue;
    if (code == ERANGE && buffer.size() < kMaxBuffer) {
      buffer.resize(buffer.size() * 2);
      continue;
    }
    // getpwnam(3): several codes mean no more than that the name or id is not known.
    if (!found && (code == 0 || code == ENOENT || code == ESRCH || code == EBADF || code == EPERM)) return false;
    if (!found) return system_failure(code, "name service switch");
    entries.push_back(entry_of(*found));
    return true;
  }
}

template <class Ask>
Result<std::vector<PasswdEntry>> look_up(Ask&& ask) {
  std::vector<char> buffer(4096);
  std::vector<PasswdEntry> entries;
  TRY(ask_once(buffer, entries, ask));
  return entries;
}

}  // namespace

Result<std::vector<PasswdEntry>> nss_users() {
  static std::mutex enumeration;  // getpwent(3) has one position for the whole process
  const std::lock_guard lock(enumeration);
  std::vector<char> buffer(4096);
  std::vector<PasswdEntry> entries;
  ::setpwent();
  Result<bool> more = true;
  while (more && *more) more = ask_once(buffer, entries, ::getpwent_r);
  ::endpwent();
  if (!more) return std::unexpected(more.error());
  return entries;
}

Result<std::vector<PasswdEntry>> nss_user(uid_t uid) {
  return look_up([&](auto... to) { return ::getpwuid_r(uid, to...); });
}

Result<std::vector<PasswdEntry>> nss_user(const std::string& username) {
  return look_up([&](auto... to) { return ::getpwnam_r(username.c_str(), to...); });
}

}  // namespace osprey::linux
