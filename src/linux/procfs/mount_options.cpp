#include "linux/procfs/mount_options.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace osprey::linux {
namespace {

// The next option; commas inside double quotes belong to it (SELinux contexts).
std::string_view take_option(std::string_view& text) noexcept {
  std::size_t end = 0;
  for (bool quoted = false; end < text.size() && (quoted || text[end] != ','); ++end)
    if (text[end] == '"') quoted = !quoted;
  const auto option = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return option;
}

// What the kernel writes of a filesystem before it comes to the mount's own options.
bool stands_first(std::string_view option) noexcept {
  static constexpr std::array<std::string_view, 5> kPlain = {"sync", "dirsync", "mand", "lazytime", "seclabel"};
  static constexpr std::array<std::string_view, 9> kPrefixes = {
      "context=",      "fscontext=",  "defcontext=",  "rootcontext=",     "smackfsdef=",
      "smackfsfloor=", "smackfshat=", "smackfsroot=", "smackfstransmute="};
  return std::ranges::find(kPlain, option) != kPlain.end() ||
         std::ranges::any_of(kPrefixes, [&](auto prefix) { return option.starts_with(prefix); });
}

}  // namespace

std::string mount_options(const Mount& mount) {
  std::string_view own = mount.options;
  std::string_view super = mount.super_options;
  const bool read_only = take_option(own) == "ro";
  std::string options = take_option(super) == "ro" || read_only ? "ro" : "rw";
  const auto add = [&](std::string_view more) {
    if (!more.empty()) options.append(",").append(more);
  };
  while (!super.empty()) {
    auto rest = super;
    const auto option = take_option(rest);
    if (!stands_first(option)) break;
    add(option);
    super = rest;
  }
  add(own);
  add(super);
  return options;
}

}  // namespace osprey::linux
