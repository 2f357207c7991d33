#include "agent/schedule/death_note.h"

#include <fmt/format.h>

#include <cstdlib>

#include "base/text.h"

namespace osprey::agent {

using Kind = Death::Kind;

std::string to_text(const Death& death) {
  switch (death.kind) {
    case Kind::cpu_limit:
      return "limit:cpu";
    case Kind::memory_limit:
      return "limit:memory";
    case Kind::out_of_memory:
      return "oom";
    case Kind::signal:
      return fmt::format("signal:{}", death.number);
    case Kind::exit:
      break;
  }
  return fmt::format("exit:{}", death.number);
}

std::optional<Death> parse_death(std::string_view text) {
  if (text == "limit:cpu") return Death{Kind::cpu_limit};
  if (text == "limit:memory") return Death{Kind::memory_limit};
  if (text == "oom") return Death{Kind::out_of_memory};
  const auto kind = take_until(text, ':');
  const auto number = parse<int>(text);
  if (!number) return std::nullopt;
  if (kind == "signal") return Death{Kind::signal, *number};
  if (kind == "exit") return Death{Kind::exit, *number};
  return std::nullopt;
}

std::optional<Death> last_death() {
  const char* text = std::getenv(kLastDeathVariable);
  return text ? parse_death(text) : std::nullopt;
}

}  // namespace osprey::agent
