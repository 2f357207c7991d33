#include "linux/files/ssh_config.h"

#include "base/text.h"

namespace osprey::linux {
namespace {

bool opens_block(std::string_view line) {
  const auto keyword = line.substr(0, line.find_first_of(" \t="));
  return keyword.size() < line.size() && (keyword == "host" || keyword == "match");
}

}  // namespace

Parsed<SshOption> parse_ssh_config(std::string_view text) {
  Parsed<SshOption> options;
  std::string block;
  for (const auto raw : Lines(text)) {
    auto line = to_lower(trim(raw));
    if (line.empty() || line.front() == '#') continue;
    if (opens_block(line))
      block = std::move(line);
    else
      options.entries.push_back({block, std::move(line)});
  }
  return options;
}

}  // namespace osprey::linux
