// Server-sent events (WHATWG HTML, "server-sent events"), read from pieces of a stream.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace osprey::ctl {

class EventReader {
 public:
  static constexpr std::size_t kMostBytes = 64 << 20;  // of one event
  // False ends the reading.
  using Take = std::function<bool(std::string_view name, std::string_view data)>;

  // True: more is wanted. What follows after Take's false is dropped. An event that is too large is an error.
  Result<bool> feed(std::string_view bytes, const Take& take);

 private:
  bool line(std::string_view line, const Take& take);

  std::string line_;
  std::string name_;
  std::string data_;
  bool has_data_ = false;
  bool after_return_ = false;  // a \n that follows belongs to the \r before
};

}  // namespace osprey::ctl
