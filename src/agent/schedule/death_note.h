// Death note: why the last worker died, as the watcher tells the next one.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace osprey::agent {

struct Death {
  enum class Kind {
    cpu_limit,  // the watcher or the cgroup stopped it for what it used
    memory_limit,
    out_of_memory,  // the kernel's OOM killer took it
    signal,
    exit,
  } kind = Kind::exit;
  int number = 0;  // of the signal, or the exit status

  // Something it did was too much: the query that ran then is to blame.
  bool by_limit() const noexcept { return kind != Kind::signal && kind != Kind::exit; }
  bool operator==(const Death&) const = default;
};

// "limit:cpu", "limit:memory", "oom", "signal:11", "exit:1".
std::string to_text(const Death& death);
std::optional<Death> parse_death(std::string_view text);
// The environment variable in which the watcher leaves it.
inline constexpr auto kLastDeathVariable = "OSPREY_LAST_DEATH";
// From there; empty where nobody told.
std::optional<Death> last_death();

}  // namespace osprey::agent
