// What a terminal is like.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace osprey::agent::shell {

// Its width; empty if `fd` is no terminal or does not say.
std::optional<std::size_t> terminal_columns(int fd) noexcept;
// 1234567 as "1,234,567".
std::string grouped(std::uint64_t number);

}  // namespace osprey::agent::shell
