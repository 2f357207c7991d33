// Version comparison: two versions separated by a newline. The order must hold both ways, and a version equals itself.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/text.h"
#include "sql/functions/version.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using enum osprey::sql::VersionFlavour;
  std::string_view b(reinterpret_cast<const char*>(data), size);
  const auto a = osprey::take_until(b, '\n');
  for (const auto flavour : {generic, arch, dpkg, rhel, osquery_arch, osquery_dpkg, osquery_rhel}) {
    if (compare_versions(a, b, flavour) != -compare_versions(b, a, flavour)) std::abort();
    if (compare_versions(a, a, flavour) != 0) std::abort();
  }
  return 0;
}
