#include "agent/schedule/splay.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "base/text.h"

namespace osprey::agent {
namespace {

using store::Family;

// "interval:splay", as osquery keeps it.
std::optional<std::uint64_t> kept_splay(std::string_view text, std::uint64_t interval) {
  if (parse<std::uint64_t>(take_until(text, ':')) != interval) return std::nullopt;
  const auto splay = parse<std::uint64_t>(text);
  return splay && *splay > 0 ? splay : std::nullopt;
}

}  // namespace

std::string splay_key(std::string_view name) { return fmt::format("interval.{}", name); }

std::uint64_t splayed(std::uint64_t interval, std::uint64_t percent, std::uint64_t random) {
  if (percent == 0 || percent > 100) return interval;
  const std::uint64_t spread = interval * percent / 100;
  const std::uint64_t least = std::max<std::uint64_t>(1, interval - spread);
  return least + random % (interval + spread - least + 1);
}

std::uint64_t splay_of(store::Store& store, std::string_view name, std::uint64_t interval, std::uint64_t percent) {
  if (percent == 0) return interval;
  const auto key = splay_key(name);
  const auto kept = store.get(Family::configuration, key);
  if (kept && *kept)
    if (const auto splay = kept_splay(**kept, interval)) return *splay;
  std::random_device random;
  const auto splay = splayed(interval, percent, std::uint64_t{random()} << 32 | random());
  store::Batch batch;
  batch.put(Family::configuration, key, fmt::format("{}:{}", interval, splay));
  // A store without room only means another draw after the next start.
  static_cast<void>(store.write(batch));
  return splay;
}

}  // namespace osprey::agent
