// Digests of files, as many as are asked for in one pass over the bytes.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/result.h"
#include "linux/files/io_budget.h"

namespace osprey::linux {

enum class DigestKind : std::uint8_t { md5, sha1, sha256, sha512 };
inline constexpr std::size_t kDigestKinds = 4;

// A set of kinds.
class DigestSet {
 public:
  constexpr DigestSet(std::initializer_list<DigestKind> kinds = {}) noexcept {
    for (const auto kind : kinds) add(kind);
  }
  constexpr void add(DigestKind kind) noexcept { bits_ |= 1U << static_cast<unsigned>(kind); }
  constexpr bool has(DigestKind kind) const noexcept { return bits_ >> static_cast<unsigned>(kind) & 1U; }
  constexpr bool empty() const noexcept { return bits_ == 0; }

 private:
  unsigned bits_ = 0;
};

// Lower-case hexadecimal, empty where the kind was not asked for.
class Digests {
 public:
  const std::string& operator[](DigestKind kind) const noexcept { return text_[static_cast<std::size_t>(kind)]; }
  std::string& operator[](DigestKind kind) noexcept { return text_[static_cast<std::size_t>(kind)]; }
  bool holds(DigestSet kinds) const noexcept;

 private:
  std::array<std::string, kDigestKinds> text_;
};

// The digests of a regular file open at `fd`, from its beginning to its end; holes are not read. Pages that were not in
// the page cache do not stay there. What it reads it takes from `budget`, if there is one. `stop` ends it within a
// block's time with ECANCELED. `path` names it in errors.
Result<Digests> digest_file(int fd, DigestSet kinds, const std::atomic<bool>& stop, std::string_view path,
                            IoBudget* budget = nullptr);

}  // namespace osprey::linux
