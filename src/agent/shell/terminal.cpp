#include "agent/shell/terminal.h"

#include <sys/ioctl.h>

namespace osprey::agent::shell {

std::optional<std::size_t> terminal_columns(int fd) noexcept {
  struct winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return std::nullopt;
  return size.ws_col;
}

std::string grouped(std::uint64_t number) {
  auto digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, 1, ',');
  return digits;
}

}  // namespace osprey::agent::shell
