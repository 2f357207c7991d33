// Authenticator: Identity over the database, remembering shortly who is who.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "server/db/listening.h"
#include "server/identity/identity.h"
#include "server/time.h"

namespace osprey::server::identity {

struct AuthenticatorOptions {
  std::int64_t remember_ms = 30'000;  // a change that could not be told is seen after this at the latest
  std::size_t remembered = 10'000;    // credentials; beyond it all are forgotten
  std::chrono::seconds flush{30};     // when sessions and tokens were last used
};

// Thread-safe. A remembered credential costs no database. Has a thread of its own, which writes down what was used.
class Authenticator : public Identity {
 public:
  // `database` outlives it.
  Authenticator(db::Database& database, Clock clock, AuthenticatorOptions options = {});
  ~Authenticator() override;

  Result<Caller> authenticate(const http::RequestHead& head) override;
  // Writes down what has been used since the last time; done every so often anyway.
  Result<void> flush();

 private:
  struct Credential;
  struct Memory;

  Result<Caller> by_token(std::string_view secret, const http::RequestHead& head);
  Result<Caller> by_session(std::string_view secret, const http::RequestHead& head);
  Result<Credential> credential(const std::string& hash, bool is_token);
  void run();

  db::Database& database_;
  const Clock clock_;
  const AuthenticatorOptions options_;
  const std::unique_ptr<Memory> memory_;
  std::mutex mutex_;
  std::condition_variable ending_changed_;
  bool ending_ = false;
  std::thread thread_;
  db::Listening listening_;
};

}  // namespace osprey::server::identity
