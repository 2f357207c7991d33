#include "protocol/configuration.h"
namespace osprey::protocol {
[[gnu::weak]] bool runs_on_linux(std::string_view p) {
  return p.empty() || p.contains("linux") || p.contains("any") || p.contains("all") || p.contains("posix") || p.contains("ubuntu") || p.contains("centos");
}
[[gnu::weak]] bool version_satisfies(std::string_view, std::string_view r) { return !r.starts_with("99"); }
[[gnu::weak]] unsigned shard_number(std::string_view) { return 50; }
}
