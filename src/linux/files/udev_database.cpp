#include "linux/files/udev_database.h"

#include "base/text.h"

namespace osprey::linux {
namespace {

void add_assignment(UdevProperties& properties, std::string_view line) {
  if (line.find('=') == line.npos) return;
  const auto name = take_until(line, '=');
  properties.insert_or_assign(std::string(name), std::string(line));
}

}  // namespace

UdevProperties parse_udev_data(std::string_view text) {
  UdevProperties properties;
  for (const auto line : Lines(text))
    if (line.starts_with("E:")) add_assignment(properties, line.substr(2));
  return properties;
}

UdevProperties read_udev_properties(const Root& root, std::string_view id) {
  const auto content = root.read("/run/udev/data/" + std::string(id));
  return content ? parse_udev_data(content->bytes) : UdevProperties();
}

std::string decode_udev_value(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("\\x") && i + 3 < text.size()) {
      if (const auto code = parse<unsigned>(text.substr(i + 2, 2), 16)) {
        plain += static_cast<char>(*code);
        i += 3;
        continue;
      }
    }
    plain += text[i];
  }
  return plain;
}

UdevProperties parse_uevent(std::string_view text) {
  UdevProperties properties;
  for (const auto line : Lines(text)) add_assignment(properties, line);
  return properties;
}

}  // namespace osprey::linux
