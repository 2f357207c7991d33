#include "linux/sandbox/frames.h"

#include <cstdint>
#include <cstring>

namespace osprey::linux {

std::string encode_frame(Frame::Kind kind, std::string_view payload) {
  std::string message(1, static_cast<char>(kind));
  message += payload.substr(0, Frame::kMaxPayload);
  return message;
}

std::optional<Frame> decode_frame(std::string_view message) {
  if (message.empty() || message.size() > 1 + Frame::kMaxPayload) return std::nullopt;
  const auto kind = static_cast<Frame::Kind>(message.front());
  if (kind != Frame::Kind::part && kind != Frame::Kind::end && kind != Frame::Kind::failure) return std::nullopt;
  return Frame{kind, message.substr(1)};
}

void append_field(std::string& out, std::string_view field) {
  const auto size = static_cast<std::uint32_t>(field.size());
  out.append(reinterpret_cast<const char*>(&size), sizeof size);  // both sides are one process's forks
  out += field;
}

std::optional<std::vector<std::string_view>> decode_fields(std::string_view bytes) {
  std::vector<std::string_view> fields;
  while (!bytes.empty()) {
    std::uint32_t size;
    if (bytes.size() < sizeof size) return std::nullopt;
    std::memcpy(&size, bytes.data(), sizeof size);
    bytes.remove_prefix(sizeof size);
    if (bytes.size() < size) return std::nullopt;
    fields.push_back(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  return fields;
}

}  // namespace osprey::linux
