#include <cstddef>
#include <cstdint>

#include "agent/flags/command_line.h"

using namespace osprey;
using namespace osprey::agent;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // Every file that it names is the file itself.
  const CommandLineSources sources = {
      .read_file = [&](const std::string&) -> Result<std::string> { return std::string(text); },
      .environment = [&](const std::string&) { return std::optional<std::string>(text.substr(0, 9)); },
  };
  Flags flags;
  CommandLine result;
  read_flag_file(text, "osprey", sources, flags, result);
  const std::string argument(text);
  const char* const arguments[] = {argument.c_str(), "--json"};
  read_command_line(arguments, "osprey", sources, flags);
  return 0;
}
