// Inflater: gzip (RFC 1952) unpacked as it comes, members one after the other.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

namespace osprey::server::http {

class Inflater {
 public:
  enum class Outcome { more, malformed, refused };

  Inflater();
  ~Inflater();
  // Hands what `packed` gives to `take`, in pieces; refused where that returns false.
  Outcome feed(std::string_view packed, const std::function<bool(std::string_view)>& take);
  // All that has begun has ended.
  bool whole() const noexcept { return ended_; }

 private:
  struct State;
  std::unique_ptr<State> state_;
  bool ended_ = false;
};

}  // namespace osprey::server::http
