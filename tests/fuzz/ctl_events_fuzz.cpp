#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "ctl/sse.h"

using osprey::ctl::EventReader;

// However the stream is cut, its events are the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string whole, cut;
  const auto into = [](std::string& events) {
    return [&events](std::string_view name, std::string_view data) {
      events.append(name).append("=").append(data).append(";");
      return true;
    };
  };
  EventReader at_once;
  static_cast<void>(at_once.feed(text, into(whole)));
  EventReader by_byte;
  for (const char& c : text) static_cast<void>(by_byte.feed({&c, 1}, into(cut)));
  if (whole != cut) std::abort();
  return 0;
}
