#include "linux/procfs/modules.h"

#include "base/text.h"

namespace osprey::linux {

Parsed<KernelModule> parse_modules(std::string_view text) {
  Parsed<KernelModule> found;
  for (const auto line : Lines(text)) {
    // nf_tables 372736 561 nft_ct,nft_chain_nat, Live 0xffffffffc0b11000 (OE)
    const auto parts = fields(line);
    if (parts.empty()) continue;
    const auto size = parts.size() >= 6 ? parse<std::int64_t>(parts[1]) : std::nullopt;
    if (!size) {
      ++found.skipped;
      continue;
    }
    auto used_by = parts[3];
    if (used_by.ends_with(',')) used_by.remove_suffix(1);
    KernelModule module{
        std::string(parts[0]), *size, parse<std::int64_t>(parts[2]), std::string(used_by), std::string(parts[4]),
        std::string(parts[5]), {}};
    if (parts.size() > 6 && parts[6].starts_with('(') && parts[6].ends_with(')'))
      module.taints = parts[6].substr(1, parts[6].size() - 2);
    found.entries.push_back(std::move(module));
  }
  return found;
}

}  // namespace osprey::linux
