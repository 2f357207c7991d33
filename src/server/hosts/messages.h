// What servers on one database tell each other about hosts, as notifications.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/hosts/roster.h"

namespace osprey::server::hosts {

inline constexpr std::string_view kChannel = "hosts";

enum class Verb : char {
  changed = 'c',    // hosts: read them again
  enrolled = 'e',   // hosts: the same, and ask them for their details
  gone = 'g',       // hosts: removed
  hurry = 'h',      // hosts: ask them for their details now
  tag = 't',        // tags: read again who has them
  refreshed = 'r',  // hosts: their details are fresh
  seen = 's',       // a base time, and then host, sign, milliseconds after it, again and again
};

// Of no server's: every server, the sender's too, acts on it.
inline constexpr const char* kNobody = "-";

struct Message {
  Verb verb = Verb::changed;
  std::vector<std::int64_t> numbers;
  std::string from = {};
};

// As many as it takes, each below the size of a notification; none where there are no numbers.
std::vector<std::string> payloads(const Message& message);
// None: another version's.
std::optional<Message> read_message(std::string_view payload);

std::vector<Message> messages_of(std::span<const SeenChange> changes);
struct Sighting {
  HostId host = 0;
  Sign sign = Sign::enroll;
  Timestamp at;
};
std::vector<Sighting> sightings_of(const Message& message);

}  // namespace osprey::server::hosts
