// Passwords: what one may be, and Argon2id (RFC 9106) of it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>

#include "base/result.h"

namespace osprey::server::identity {

inline constexpr std::int64_t kLeastPassword = 12;  // characters
inline constexpr std::int64_t kMostPassword = 1024;

// Length and likeness to the name; nothing else makes a password better (NIST SP 800-63B, 5.1.1.2). The error is told
// to whoever chose it.
Result<void> check_password(std::string_view password, std::string_view name);
// 100 bits, in groups that can be read aloud.
std::string random_password();

struct PasswordOptions {
  // More than OWASP's least (19 MiB and 2 passes); about 40 ms.
  unsigned memory_kib = 32 << 10;
  unsigned passes = 2;
  // At a time, and waiting for those: what memory and workers a flood of sign-ins can take.
  unsigned parallel = 2;
  unsigned waiting = 2;
  std::chrono::milliseconds patience{5000};
};

// Thread-safe. Both take their time on the caller's thread, and are kTooMany when others hold all the room.
class Passwords {
 public:
  explicit Passwords(PasswordOptions options = {}) : options_(options) {}

  // PHC's text form, which has the parameters in it.
  Result<std::string> hash(std::string_view password);
  // An empty `hash` (nobody of that name; somebody who has no password) is false, and takes as long.
  Result<bool> verify(std::string_view password, const std::string& hash);

 private:
  class Room;

  const PasswordOptions options_;
  std::mutex mutex_;
  std::condition_variable freed_;
  unsigned running_ = 0;
  unsigned waiting_ = 0;
};

}  // namespace osprey::server::identity
