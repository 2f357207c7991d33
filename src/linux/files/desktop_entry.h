// Desktop entries (freedesktop.org's "Desktop Entry Specification"), as autostart folders hold them.
#pragma once

#include <string_view>

namespace osprey::linux {

// Of the group [Desktop Entry]; views into the text, escapes as written.
struct DesktopEntry {
  std::string_view name;  // the untranslated one
  std::string_view exec;  // the command line
  bool hidden = false;    // as good as deleted: switched off by the user
};

// What is missing stays empty, also where the text is no desktop entry at all.
DesktopEntry parse_desktop_entry(std::string_view text);

}  // namespace osprey::linux
