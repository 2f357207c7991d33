// Control stanzas: "Name: value" lines, values that go on in lines beginning with a blank, comment lines beginning
// with '#', an empty line after each stanza (deb822(5)). Python's core metadata has the same shape (RFC 822 headers).
#pragma once

#include <string>
#include <string_view>

#include "base/text.h"

namespace osprey::linux {

enum class StanzaEnd {
  none,        // no further stanza
  blank_line,  // as it should be
  text_end,    // the text ended first: whole, or cut
};

// Cuts the first stanza off `text` and calls `on_field(name, value)` for each of its fields, in order. All are views
// into the text: a value keeps the line ends of its continuation lines, blanks around it are gone. A line that is
// neither field nor continuation nor comment is given with an empty name.
template <class OnField>
StanzaEnd take_stanza(std::string_view& text, OnField on_field) {
  std::string_view name;
  std::string_view value;
  bool pending = false;
  bool any = false;
  const auto finish = [&] {
    if (pending) on_field(name, trim(value));
    pending = false;
  };
  while (!text.empty()) {
    const char* start = text.data();
    const auto line = take_until(text, '\n');
    if (trim(line).empty()) {
      if (!any) continue;  // blank lines before a stanza
      finish();
      return StanzaEnd::blank_line;
    }
    any = true;
    if (line.front() == '#') continue;
    if (line.front() == ' ' || line.front() == '\t') {
      if (pending)
        value = {value.data(), static_cast<std::size_t>(start + line.size() - value.data())};
      else
        on_field(std::string_view(), line);
      continue;
    }
    finish();
    const auto colon = line.find(':');
    if (colon == line.npos || colon == 0) {
      on_field(std::string_view(), line);
      continue;
    }
    name = trim_right(line.substr(0, colon));
    value = line.substr(colon + 1);
    pending = true;
  }
  finish();
  return any ? StanzaEnd::text_end : StanzaEnd::none;
}

// The first line of a value.
inline std::string_view first_line(std::string_view value) noexcept { return trim_right(take_until(value, '\n')); }
// The words of a value in any of its lines, without comment lines.
std::vector<std::string_view> control_words(std::string_view value);

}  // namespace osprey::linux
