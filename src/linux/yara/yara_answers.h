// What the helpers that run YARA answer, as bytes. They may have been taken over by what they read: nothing of it is
// believed but that it is what some file may have given.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "linux/yara/yara_module.h"

namespace osprey::linux {

std::string encode_yara_compilation(const YaraCompilation& made);
std::string encode_yara_finds(const YaraFinds& finds);

// Empty where it is no such answer, or says what no rules can be the cause of: names that are no identifiers, lists of
// places that are none.
std::optional<YaraCompilation> decode_yara_compilation(std::string_view bytes);
std::optional<YaraFinds> decode_yara_finds(std::string_view bytes);

// "12 places of strings": what `finds` leaves out, empty for nothing.
std::string what_is_left_out(const YaraFinds& finds);

}  // namespace osprey::linux
