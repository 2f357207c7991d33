// TextPool: texts that many share (paths, control groups, command lines), each kept once for as long as somebody uses
// it.
#pragma once

#include <boost/unordered/unordered_flat_set.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

namespace osprey::events {

class TextPool {
 public:
  // The bytes follow it.
  struct Text {
    std::uint32_t uses = 0;
    std::uint32_t size = 0;

    std::string_view view() const noexcept { return {reinterpret_cast<const char*>(this + 1), size}; }
  };

  // What a text takes beside its bytes: the above, malloc(3)'s own word, a place in the index, of which three quarters
  // are in use at the most and half on average.
  static constexpr std::size_t kOverhead = sizeof(Text) + 8 + 2 * sizeof(void*);

  TextPool() = default;
  TextPool(const TextPool&) = delete;
  TextPool& operator=(const TextPool&) = delete;
  ~TextPool();

  // Used once more; null for an empty text.
  Text* use(std::string_view text);
  static Text* use(Text* text) noexcept;
  // Used once less.
  void drop(Text* text) noexcept;

  static std::string_view view(const Text* text) noexcept { return text ? text->view() : std::string_view(); }
  // What all texts take.
  std::size_t bytes() const noexcept { return bytes_; }
  std::size_t size() const noexcept { return texts_.size(); }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>()(text); }
    std::size_t operator()(const Text* text) const noexcept { return (*this)(text->view()); }
  };
  struct Equal {
    using is_transparent = void;
    static std::string_view view(std::string_view text) noexcept { return text; }
    static std::string_view view(const Text* text) noexcept { return text->view(); }
    bool operator()(const auto& a, const auto& b) const noexcept { return view(a) == view(b); }
  };

  boost::unordered_flat_set<Text*, Hash, Equal> texts_;
  std::size_t bytes_ = 0;
};

}  // namespace osprey::events
