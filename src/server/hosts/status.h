// Online, late or missing: what a host's silence means, by what its own intervals promise. Defined here only.
#pragma once

#include <chrono>

#include "server/api/fields.h"
#include "server/hosts/host.h"
#include "server/time.h"

namespace osprey::server::hosts {

enum class Status : unsigned char {
  online,   // seen within its promise and the grace
  late,     // not so
  missing,  // not seen for so long that it may be gone for good
};

struct StatusRule {
  std::chrono::seconds grace{60};
  std::chrono::seconds missing_after{30 * 86400};

  // A time ahead of `now` (the server's clock was set back) counts as just seen.
  Status status(std::int64_t promise, Timestamp last_seen, Timestamp now) const noexcept {
    const auto silence = now.ms / 1000 - last_seen.ms / 1000;
    if (silence <= promise + grace.count()) return Status::online;
    return silence <= missing_after.count() ? Status::late : Status::missing;
  }
};

}  // namespace osprey::server::hosts

template <>
struct osprey::server::api::EnumNames<osprey::server::hosts::Status> {
  using Status = osprey::server::hosts::Status;
  static constexpr std::array kNames{std::pair{Status::online, std::string_view("online")},
                                     std::pair{Status::late, std::string_view("late")},
                                     std::pair{Status::missing, std::string_view("missing")}};
};
