#include <cstddef>
#include <cstdint>

#include "base/text.h"
#include "linux/files/shell_history.h"

// The first byte chooses the format; the same text is searched as a start-up file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace osprey::linux;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  HistoryParser parser(static_cast<HistoryFormat>(data[0] % 5));
  for (const auto line : osprey::Lines(text)) parser.line(line);
  parser.end();
  HistorySwitches switches(
      {.file = "HISTFILE", .unset_means_off = true, .size = "HISTSIZE", .file_size = "SAVEHIST", .set_o = true});
  switches.read("rc", text);
  switches.off();
  return 0;
}
