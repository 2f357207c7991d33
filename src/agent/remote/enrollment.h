// Enrollment: the node key by which the server knows this host: kept in the store, got anew where there is none or the
// server does not know it any more (compat section 6.2).
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "agent/remote/server_connection.h"

namespace osprey::agent {

// Thread-safe. One enrolment at a time; who else needs the key waits for it.
class Enrollment {
 public:
  // The key of an earlier run is taken, unless --enroll_always says otherwise.
  Enrollment(const RemoteParts& parts, Secrets& secrets, ServerConnection& connection);

  // The key; empty with --disable_enrollment. Enrols where there is none. Under our own name that is one try, and none
  // before the delay after the last one has passed; under osquery's it takes --tls_enroll_max_attempts tries.
  Result<std::string> node_key(const Interrupt& stop);
  // What the server said to a request with `key`: that it does not know it, or that all is well.
  void refused(const std::string& key);
  void accepted(const std::string& key);

  // "?NAME=SECRET" with --tls_secret_always, else nothing.
  Result<std::string> secret_query() const;

 private:
  using Moment = Interrupt::Clock::time_point;

  Result<std::string> try_to_enrol(const Interrupt& stop);
  Result<std::string> request_key(const Interrupt& stop);
  Result<std::string> secret() const;
  std::string known_key() const;
  void keep(const std::string& key);
  void failed(const Error& error);
  std::chrono::seconds delay_after(std::uint64_t failures) const;

  const RemoteParts& parts_;
  Secrets& secrets_;
  ServerConnection& connection_;
  const bool osquery_;
  const std::string endpoint_;

  std::timed_mutex enrolling_;  // guards what follows
  std::uint64_t failures_ = 0;  // in a row
  std::optional<Error> last_failure_;

  mutable std::mutex mutex_;  // guards what follows; taken for moments, after enrolling_
  std::string key_;
  bool proven_ = true;          // the server has accepted a request with it
  std::uint64_t disowned_ = 0;  // keys in a row that it gave and then did not know
  Moment next_try_{};
};

}  // namespace osprey::agent
