#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "linux/audit/rule.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto rule = osprey::linux::parse_audit_rule(text)) {
    // What the kernel gives back is what it was given.
    const auto read = osprey::linux::decode_audit_rule(osprey::linux::encode(*rule));
    if (!read) std::abort();
    osprey::linux::text_of(*read);
  }
  if (const auto rule = osprey::linux::decode_audit_rule(text)) osprey::linux::text_of(*rule);
  return 0;
}
