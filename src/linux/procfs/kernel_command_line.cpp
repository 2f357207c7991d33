#include "linux/procfs/kernel_command_line.h"

#include "base/text.h"

namespace osprey::linux {
namespace {

std::string_view take_argument(std::string_view& text) noexcept {
  text = trim_left(text);
  std::size_t end = 0;
  for (bool quoted = false; end < text.size() && (quoted || !is_space(text[end])); ++end)
    if (text[end] == '"') quoted = !quoted;
  const auto argument = text.substr(0, end);
  text.remove_prefix(end);
  return argument;
}

}  // namespace

KernelCommandLine parse_kernel_command_line(std::string_view text) {
  constexpr std::string_view kImage = "BOOT_IMAGE=";
  constexpr std::string_view kRoot = "root=";
  KernelCommandLine line;
  for (auto argument = take_argument(text); !argument.empty(); argument = take_argument(text)) {
    if (argument.starts_with(kImage)) {
      line.image = argument.substr(kImage.size());
    } else if (argument.starts_with(kRoot)) {
      line.root_device = argument.substr(kRoot.size());
    } else {
      if (!line.arguments.empty()) line.arguments += ' ';
      line.arguments += argument;
    }
  }
  return line;
}

std::string_view kernel_release(std::string_view version) noexcept {
  take_field(version);
  take_field(version);
  return take_field(version);
}

}  // namespace osprey::linux
