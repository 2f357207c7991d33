#include "server/hosts/messages.h"

#include <algorithm>

#include "base/text.h"

namespace osprey::server::hosts {
namespace {

constexpr std::size_t kMostPayload = 4000;
constexpr std::string_view kVerbs = "ceghtrs";
constexpr std::size_t kSightings = 100;  // a message: each three numbers

}  // namespace

std::vector<std::string> payloads(const Message& message) {
  std::vector<std::string> made;
  const auto head = std::string(1, static_cast<char>(message.verb)) + ' ' + std::string(message.from);
  for (const auto number : message.numbers) {
    const auto text = ' ' + std::to_string(number);
    if (made.empty() || made.back().size() + text.size() > kMostPayload) made.push_back(head);
    made.back() += text;
  }
  return made;
}

std::optional<Message> read_message(std::string_view payload) {
  const auto verb = take_field(payload);
  if (verb.size() != 1 || !kVerbs.contains(verb[0])) return std::nullopt;
  Message message{.verb = static_cast<Verb>(verb[0]), .numbers = {}, .from = std::string(take_field(payload))};
  while (true) {
    const auto word = take_field(payload);
    if (word.empty()) return message;
    const auto number = parse<std::int64_t>(word);
    if (!number) return std::nullopt;
    message.numbers.push_back(*number);
  }
}

std::vector<Message> messages_of(std::span<const SeenChange> changes) {
  std::vector<Message> messages;
  std::size_t in_last = kSightings;
  for (const auto& change : changes) {
    for (std::size_t sign = 0; sign < kSigns; ++sign) {
      const auto at = change.signs[sign];
      if (at == 0) continue;
      if (in_last == kSightings) {
        messages.push_back({.verb = Verb::seen, .numbers = {at}});
        in_last = 0;
      }
      auto& numbers = messages.back().numbers;
      numbers.insert(numbers.end(), {change.host, static_cast<std::int64_t>(sign), at - numbers.front()});
      ++in_last;
    }
  }
  return messages;
}

std::vector<Sighting> sightings_of(const Message& message) {
  std::vector<Sighting> sightings;
  const auto& numbers = message.numbers;
  for (std::size_t i = 1; i + 2 < numbers.size(); i += 3) {
    if (numbers[i + 1] < 0 || numbers[i + 1] >= static_cast<std::int64_t>(kSigns)) continue;
    sightings.push_back({numbers[i], static_cast<Sign>(numbers[i + 1]), {numbers.front() + numbers[i + 2]}});
  }
  return sightings;
}

}  // namespace osprey::server::hosts
