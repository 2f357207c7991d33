#include <cstddef>
#include <cstdint>

#include "base/text.h"
#include "events/watch/watch_patterns.h"

// The first line is the path, those that follow are patterns, with a "-" before them excluded ones.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace osprey;
  if (size > 4096) return 0;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto path = take_until(text, '\n');
  events::WatchedCategory category{.name = "c", .patterns = {}, .excluded = {}};
  for (const auto line : Lines(text)) {
    if (category.patterns.size() + category.excluded.size() > 8) break;
    if (line.starts_with('-'))
      category.excluded.emplace_back(line.substr(1));
    else
      category.patterns.emplace_back(line);
  }
  for (const auto meaning : {events::WatchPatterns::Meaning::osquery, events::WatchPatterns::Meaning::exact}) {
    const events::WatchPatterns patterns({category}, meaning, [](const std::string& name) { return name; });
    const auto place = patterns.at(path);
    events::WatchPatterns::Categories found;
    patterns.match(place, "name", found);
    patterns.wants_entries(place);
    patterns.only_names(place);
  }
  return 0;
}
