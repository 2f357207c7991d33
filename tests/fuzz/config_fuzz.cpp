#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "agent/config/config.h"

using namespace osprey;
using namespace osprey::agent;

static Result<std::string> no_file(const std::string& path) { return failure(path, "not here"); }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ConfigSource source{"fuzz", std::string(reinterpret_cast<const char*>(data), size)};
  // A glob(3) of the fuzzer's making could walk the whole disk.
  if (source.text.contains('*')) return 0;
  Config strict;
  Config lenient;
  const bool taken = apply_source(source, ConfigForm::strict, no_file, strict).has_value();
  if (taken && !apply_source(source, ConfigForm::lenient, no_file, lenient)) std::abort();
  return 0;
}
