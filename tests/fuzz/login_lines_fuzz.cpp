#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/text.h"
#include "events/authentication/log_rules.h"

// The tag, a line end, the message.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  osprey::events::SyslogEvent line;
  line.tag = osprey::take_until(text, '\n');
  line.message = text;
  osprey::events::AuthenticationEvent event;
  if (osprey::events::read_login_line(line, event) == osprey::events::LineMeaning::login)
    static_cast<void>(osprey::events::is_sender(event));
  return 0;
}
