#include "linux/procfs/cpuinfo.h"

#include <algorithm>

#include "base/text.h"

namespace osprey::linux {
namespace {

void set(Processor& processor, std::string_view key, std::string_view value) {
  if (key == "vendor_id")
    processor.vendor = value;
  else if (key == "model")
    processor.model = value;
  else if (key == "model name")
    processor.model_name = value;
  else if (key == "microcode")
    processor.microcode = value;
  else if (key == "physical id")
    processor.package = parse<std::int64_t>(value);
  else if (key == "core id")
    processor.core = parse<std::int64_t>(value);
  else if (key == "cpu cores")
    processor.cores = parse<std::int64_t>(value);
  else if (key == "siblings")
    processor.siblings = parse<std::int64_t>(value);
  else if (key == "cpu MHz")
    processor.megahertz = parse_double(value);
  else if (key == "flags")
    processor.long_mode = std::ranges::count(fields(value), "lm") > 0;
}

}  // namespace

std::vector<Processor> parse_cpuinfo(std::string_view text) {
  std::vector<Processor> processors;
  for (auto line : Lines(text)) {
    const auto key = trim(take_until(line, ':'));
    const auto value = trim(line);
    // Each processor starts with its number; old ARM kernels write "Processor : ARMv7…" above them all.
    if (key == "processor" && parse<std::int64_t>(value))
      processors.emplace_back();
    else if (!processors.empty())
      set(processors.back(), key, value);
  }
  return processors;
}

}  // namespace osprey::linux
