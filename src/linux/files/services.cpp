#include "linux/files/services.h"

#include "base/text.h"

namespace osprey::linux {

Parsed<ServicesEntry> parse_services(std::string_view text) {
  Parsed<ServicesEntry> parsed;
  for (auto comment : Lines(text)) {
    auto data = take_until(comment, '#');
    const auto name = take_field(data);
    if (name.empty()) continue;
    auto protocol = take_field(data);
    const auto port = parse<std::uint16_t>(take_until(protocol, '/'));
    if (!port || protocol.empty()) {
      ++parsed.skipped;
      continue;
    }
    auto& entry = parsed.entries.emplace_back(std::string(name), *port, std::string(protocol));
    for (auto alias = take_field(data); !alias.empty(); alias = take_field(data)) {
      if (!entry.aliases.empty()) entry.aliases += ' ';
      entry.aliases += alias;
    }
    if (comment = trim(comment); !comment.empty()) entry.comment = comment;
  }
  return parsed;
}

}  // namespace osprey::linux
