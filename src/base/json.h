// Writing JSON (RFC 8259). Reading it is Boost.JSON's.
#pragma once

#include <string>
#include <string_view>

namespace osprey {

// Appends `text` as a JSON string with its quotes. Only what must be escaped is; bytes that are not UTF-8 become the
// four characters \xNN, so that the result is valid JSON and the same everywhere.
void append_json_string(std::string& out, std::string_view text);

}  // namespace osprey
