// ResultRows: encoded rows one after the other, in the order they came, each behind its length: what a run holds until
// it is compared, and the form in which a small result is kept.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace osprey::agent {

class ResultRows {
 public:
  // Adds the row that `encode` appends to the string it is called with.
  template <class F>
  void add(F&& encode) {
    const auto begin = bytes_.size();
    bytes_.append(sizeof(std::uint32_t), '\0');
    std::forward<F>(encode)(bytes_);
    const auto length = static_cast<std::uint32_t>(bytes_.size() - begin - sizeof(std::uint32_t));
    std::memcpy(bytes_.data() + begin, &length, sizeof length);
  }
  const std::string& bytes() const noexcept { return bytes_; }
  void clear() noexcept { bytes_.clear(); }

  // Takes the first row off `bytes`: false at the end, or where a length leads beyond it.
  static bool take(std::string_view& bytes, std::string_view& row) noexcept {
    std::uint32_t length = 0;
    if (bytes.size() < sizeof length) return false;
    std::memcpy(&length, bytes.data(), sizeof length);
    if (bytes.size() - sizeof length < length) return false;
    row = bytes.substr(sizeof length, length);
    bytes.remove_prefix(sizeof length + length);
    return true;
  }

 private:
  std::string bytes_;
};

}  // namespace osprey::agent
