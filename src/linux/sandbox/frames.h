// What a sandbox's helper and its caller say to each other. The helper may have been taken over by what it read, so
// nothing of this is believed.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace osprey::linux {

// One message of a sequenced-packet socket.
struct Frame {
  enum class Kind : char {
    part = 'P',     // some of the answer
    end = 'E',      // the answer is whole
    failure = 'F',  // there is none; the payload says why
  };
  static constexpr std::size_t kMaxPayload = 64 << 10;

  Kind kind;
  std::string_view payload;
};
std::string encode_frame(Frame::Kind kind, std::string_view payload);
std::optional<Frame> decode_frame(std::string_view message);

// Texts of any bytes, one after another: what requests and answers are made of. Empty when `bytes` are not the whole of
// such a list.
void append_field(std::string& out, std::string_view field);
std::optional<std::vector<std::string_view>> decode_fields(std::string_view bytes);

}  // namespace osprey::linux
