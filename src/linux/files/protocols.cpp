#include "linux/files/protocols.h"

#include "base/text.h"

namespace osprey::linux {

Parsed<ProtocolsEntry> parse_protocols(std::string_view text) {
  Parsed<ProtocolsEntry> parsed;
  for (auto comment : Lines(text)) {
    auto data = take_until(comment, '#');
    const auto name = take_field(data);
    if (name.empty()) continue;
    const auto number = parse<std::uint32_t>(take_field(data));
    if (!number) {
      ++parsed.skipped;
      continue;
    }
    auto& entry = parsed.entries.emplace_back(std::string(name), *number);
    if (const auto alias = take_field(data); !alias.empty()) entry.alias = alias;
    if (comment = trim(comment); !comment.empty()) entry.comment = comment;
  }
  return parsed;
}

}  // namespace osprey::linux
