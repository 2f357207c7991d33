#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "linux/sandbox/frames.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace osprey::linux;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto frame = decode_frame(bytes); frame && encode_frame(frame->kind, frame->payload) != bytes) std::abort();
  if (const auto fields = decode_fields(bytes)) {
    std::string again;
    for (const auto field : *fields) append_field(again, field);
    if (again != bytes) std::abort();
  }
  return 0;
}
