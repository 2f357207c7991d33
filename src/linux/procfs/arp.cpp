#include "linux/procfs/arp.h"

#include "base/text.h"

namespace osprey::linux {

Parsed<ArpEntry> parse_arp(std::string_view text) {
  Parsed<ArpEntry> parsed;
  take_until(text, '\n');
  for (const auto line : Lines(text)) {
    // IP address, hardware type, flags, hardware address, mask, device.
    const auto parts = fields(line);
    if (parts.empty()) continue;
    const auto flags =
        parts.size() == 6 && parts[2].starts_with("0x") ? parse<std::uint32_t>(parts[2].substr(2), 16) : std::nullopt;
    if (flags)
      parsed.entries.emplace_back(std::string(parts[0]), std::string(parts[3]), std::string(parts[5]), *flags);
    else
      ++parsed.skipped;
  }
  return parsed;
}

}  // namespace osprey::linux
