// Logins: authentication events, from what the system's log and the audit system tell.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "events/audit/record.h"
#include "events/kinds/kinds.h"

namespace osprey::events {

// Belongs to the thread that captures, but for its counters.
class Logins {
 public:
  // What the event says about a log-in, if it is one that may: a SyslogEvent or a UserEvent. Texts are views into it,
  // or into this until the next call.
  std::optional<AuthenticationEvent> login(AnyEvent event);

  // Of an event of login() whose actor is complete now. Decides whether its sender is believed. False: it is not to be
  // journaled now. What audit tells waits two seconds for the log to say the same, with more; see ripe().
  bool take(AuthenticationEvent& event);

  // Calls use(AuthenticationEvent&) with those of audit's that have waited long enough at this moment of the boot
  // clock.
  template <class Use>
  void ripe(std::uint64_t now, const Use& use) {
    while (const auto record = next_ripe(now))
      if (auto event = decode_waiting(*record)) use(*event);
  }

  // Lines of login programs in forms that no rule has. Any thread may ask.
  std::uint64_t not_understood() const noexcept { return not_understood_; }
  // Records of audit's that are not journaled, as the log said the same. Any thread may ask.
  std::uint64_t told_twice() const noexcept { return told_twice_; }

 private:
  // What two tellings of one log-in have in common.
  struct Told {
    std::uint64_t moment = 0;
    std::uint8_t what = 0;
    std::string service, user, other_user;
    std::int64_t pid = 0, parent = 0;
  };
  struct Waiting {
    std::uint64_t until = 0;
    Told told;
    std::string record;
  };

  std::optional<AuthenticationEvent> of_line(const SyslogEvent& line);
  std::optional<AuthenticationEvent> of_record(const UserEvent& record);
  static Told told_by(const AuthenticationEvent& event);
  static bool same(const Told& a, const Told& b);
  std::optional<std::string> next_ripe(std::uint64_t now);
  static std::optional<AuthenticationEvent> decode_waiting(const std::string& record);

  audit::TextArena arena_;
  std::deque<Told> logged_;
  std::deque<Waiting> waiting_;
  std::atomic<std::uint64_t> not_understood_ = 0;
  std::atomic<std::uint64_t> told_twice_ = 0;
};

}  // namespace osprey::events
