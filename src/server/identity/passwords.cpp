#include "server/identity/passwords.h"

#include <argon2.h>
#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "base/utf8.h"
#include "server/api/problem.h"
#include "server/secret.h"

namespace osprey::server::identity {
namespace {

constexpr std::uint32_t kHashBytes = 32;
constexpr std::size_t kSaltBytes = 16;

}  // namespace

Result<void> check_password(std::string_view password, std::string_view name) {
  if (const auto length = static_cast<std::int64_t>(characters(password)); length < kLeastPassword)
    return api::problem(api::kInvalid, "password", fmt::format("wants {} characters at least", kLeastPassword));
  else if (length > kMostPassword)
    return api::problem(api::kInvalid, "password", fmt::format("may have {} characters at most", kMostPassword));
  if (equal_ignoring_case(trim(password), trim(name)))
    return api::problem(api::kInvalid, "password", "must not be the name");
  return {};
}

std::string random_password() {
  auto text = base32(random_bytes(13)).substr(0, 20);
  for (const auto at : {15, 10, 5}) text.insert(at, 1, '-');
  return text;
}

// One of the places to compute in, for as long as it lives.
class Passwords::Room {
 public:
  explicit Room(Passwords& passwords) : passwords_(passwords) {
    std::unique_lock lock(passwords_.mutex_);
    const auto& options = passwords_.options_;
    const auto is_free = [&] { return passwords_.running_ < options.parallel; };
    if (!is_free()) {
      if (passwords_.waiting_ >= options.waiting) return;
      ++passwords_.waiting_;
      const bool came = passwords_.freed_.wait_for(lock, options.patience, is_free);
      --passwords_.waiting_;
      if (!came) return;
    }
    ++passwords_.running_;
    had_ = true;
  }
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;
  ~Room() {
    if (!had_) return;
    {
      const std::lock_guard lock(passwords_.mutex_);
      --passwords_.running_;
    }
    passwords_.freed_.notify_one();
  }

  Result<void> had() const {
    if (had_) return {};
    return api::problem(api::kTooMany, "sign-in", "too many others are signing in at the moment; try again");
  }

 private:
  Passwords& passwords_;
  bool had_ = false;
};

Result<std::string> Passwords::hash(std::string_view password) {
  const Room room(*this);
  TRY(room.had());
  const auto salt = random_bytes(kSaltBytes);
  std::array<char, 256> encoded{};
  const int failed = argon2id_hash_encoded(options_.passes, options_.memory_kib, 1, password.data(), password.size(),
                                           salt.data(), salt.size(), kHashBytes, encoded.data(), encoded.size());
  if (failed != ARGON2_OK) return failure("password", argon2_error_message(failed));
  return std::string(encoded.data());
}

Result<bool> Passwords::verify(std::string_view password, const std::string& hash) {
  if (hash.empty()) {
    TRY(this->hash(password));
    return false;
  }
  const Room room(*this);
  TRY(room.had());
  const int failed = argon2id_verify(hash.c_str(), password.data(), password.size());
  if (failed == ARGON2_OK) return true;
  if (failed == ARGON2_VERIFY_MISMATCH) return false;
  return failure("password", argon2_error_message(failed));
}

}  // namespace osprey::server::identity
