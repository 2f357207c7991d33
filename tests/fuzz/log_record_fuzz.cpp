#include <cstddef>
#include <cstdint>
#include <string_view>

#include "agent/logging/log_record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace osprey::agent;
  const std::string_view stored(reinterpret_cast<const char*>(data), size);
  const auto header = decode_header(stored);
  const auto record = decode_record(stored);
  if (record && (!header || record->text.size() != header->text_size)) __builtin_trap();
  return 0;
}
