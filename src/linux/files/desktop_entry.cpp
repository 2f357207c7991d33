#include "linux/files/desktop_entry.h"

#include "base/text.h"

namespace osprey::linux {

DesktopEntry parse_desktop_entry(std::string_view text) {
  DesktopEntry entry;
  bool in_group = false;
  for (auto line : Lines(text)) {
    if (line.starts_with('[')) {
      in_group = trim_right(line) == "[Desktop Entry]";
      continue;
    }
    if (!in_group || line.starts_with('#')) continue;
    const auto key = trim(take_until(line, '='));
    const auto value = trim(line);
    if (key == "Name") entry.name = value;
    if (key == "Exec") entry.exec = value;
    if (key == "Hidden") entry.hidden = value == "true";
  }
  return entry;
}

}  // namespace osprey::linux
