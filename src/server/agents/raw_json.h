// Large JSON read without building a tree: the members of an object and the items of a list as the text they came as.
// The walk looks at structure only (strings, brackets, commas); what a piece holds is checked by is_valid() or by
// parsing it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace osprey::server::agents {

// Hands over each member's name (escapes undone) and value; false: `text` is not one object and nothing else, or a name
// is not a string. What was handed over until then was there.
bool each_member(std::string_view text, const std::function<void(std::string_view name, std::string_view value)>& take);
// The same of a list.
bool each_item(std::string_view text, const std::function<void(std::string_view value)>& take);

// One JSON value (RFC 8259), nested at most 32 deep, and nothing else but white space around it.
bool is_valid_json(std::string_view text);
// It, and a list of objects whose members are all text: rows as osquery sends them.
bool is_rows_of_text(std::string_view text);
// The text that a JSON string stands for; empty if `raw` is no valid string.
std::optional<std::string> text_of(std::string_view raw);

}  // namespace osprey::server::agents
