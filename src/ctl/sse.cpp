#include "ctl/sse.h"

namespace osprey::ctl {

Result<bool> EventReader::feed(std::string_view bytes, const Take& take) {
  while (!bytes.empty()) {
    if (after_return_ && bytes.front() == '\n') bytes.remove_prefix(1);
    after_return_ = false;
    const auto end = bytes.find_first_of("\r\n");
    const auto piece = bytes.substr(0, end);
    if (line_.size() + data_.size() + piece.size() > kMostBytes) return failure("events", "one is larger than 64 MiB");
    line_ += piece;
    if (end == bytes.npos) break;
    after_return_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    const auto whole = std::move(line_);
    line_.clear();
    if (!line(whole, take)) return false;
  }
  return true;
}

bool EventReader::line(std::string_view line, const Take& take) {
  if (line.empty()) {
    const bool go_on = !has_data_ || take(name_.empty() ? "message" : name_, data_);
    name_.clear();
    data_.clear();
    has_data_ = false;
    return go_on;
  }
  const auto colon = line.find(':');
  const auto field = line.substr(0, colon);
  auto value = colon == line.npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "event") {
    name_ = value;
  } else if (field == "data") {
    if (has_data_) data_ += '\n';
    data_ += value;
    has_data_ = true;
  }
  return true;
}

}  // namespace osprey::ctl
