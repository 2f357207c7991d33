#include <cstddef>
#include <cstdint>
#include <string_view>

#include "linux/procfs/process_stat.h"
#include "linux/procfs/terminal.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto stat = osprey::linux::parse_process_stat(text)) osprey::linux::terminal_name(stat->terminal);
  return 0;
}
