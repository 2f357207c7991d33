#include <cstddef>
#include <cstdint>
#include <string_view>

#include "events/syslog/message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  osprey::events::SyslogTexts texts;
  osprey::events::SyslogEvent message;
  osprey::events::parse_syslog_message(text, texts, message);
  osprey::events::SyslogEvent line;
  osprey::events::parse_syslog_csv(text, texts, line);
  return 0;
}
