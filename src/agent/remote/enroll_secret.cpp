#include "agent/remote/enroll_secret.h"

#include <fcntl.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "base/root.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace osprey::agent {
namespace {

constexpr auto kVariable = "OSPREY_ENROLL_SECRET";
constexpr std::string_view kFlag = "enroll_secret";
constexpr std::size_t kLongest = 64 << 10;

// What ps(1) shows and /proc/PID/environ keeps is the memory itself.
void wipe(char* text) { std::memset(text, 0, std::strlen(text)); }

std::string take_variable(const char* name) {
  char* value = std::getenv(name);
  if (!value) return {};
  std::string taken = value;
  wipe(value);
  ::unsetenv(name);
  return taken;
}

}  // namespace

void hide_enroll_secret(char** arguments, Flags& flags) {
  const auto secret = flags.text("enroll_secret");
  if (secret.empty()) return;
  ::setenv(kVariable, std::string(secret).c_str(), 1);
  flags.set("enroll_secret", "");
  for (char** argument = arguments; *argument; ++argument) {
    if (**argument != '-' || std::strspn(*argument, "-") == std::strlen(*argument)) continue;
    const auto length = std::strcspn(*argument, "=");
    std::string name(*argument, length);
    std::ranges::replace(name, '-', '_');  // so it may be written too
    if (name.substr(name.find_first_not_of('_')) != kFlag) continue;
    if ((*argument)[length] == '=')
      wipe(*argument + length + 1);
    else if (argument[1])
      wipe(argument[1]);
  }
}

EnrollSecret EnrollSecret::of(const Flags& flags) {
  EnrollSecret secret;
  secret.path_ = flags.text("enroll_secret_path");
  const std::string variable(flags.text("enroll_secret_env"));
  secret.value_ = take_variable(variable.empty() ? kVariable : variable.c_str());
  if (!secret.path_.empty())
    secret.source_ = "--enroll_secret_path " + secret.path_;
  else
    secret.source_ = variable.empty() ? "--enroll_secret" : "--enroll_secret_env " + variable;
  return secret;
}

Result<std::string> EnrollSecret::read() const {
  if (path_.empty()) return value_;
  // O_NONBLOCK keeps a FIFO from holding us.
  const UniqueFd file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return system_failure("enroll_secret_path: " + path_);
  const auto content = TRY(read_all(file.get(), kLongest, path_));
  return std::string(trim(content.bytes));
}

}  // namespace osprey::agent
