#include "linux/yara/yara_answers.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "linux/sandbox/frames.h"

namespace osprey::linux {
namespace {

constexpr std::string_view kCompiled = "compiled";
constexpr std::string_view kFailed = "failed";
constexpr std::string_view kIncomplete = "incomplete";
constexpr std::size_t kMaxErrorText = 4096;
constexpr std::size_t kMaxName = 4096;

constexpr bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool is_identifier(std::string_view text) { return !text.empty() && std::ranges::all_of(text, is_name_character); }

bool are_tags(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return is_name_character(c) || c == ','; });
}

// "$name:hex" with commas between; the name may be empty.
bool are_places(std::string_view text) {
  while (!text.empty()) {
    auto place = take_until(text, ',');
    const auto name = take_until(place, ':');
    if (!name.starts_with('$') || !std::ranges::all_of(name.substr(1), is_name_character)) return false;
    if (!parse<std::uint64_t>(place, 16)) return false;
  }
  return true;
}

std::string shown(std::string_view text, std::size_t most) { return escape_invalid_utf8(text.substr(0, most)); }

}  // namespace

std::string encode_yara_compilation(const YaraCompilation& made) {
  using Outcome = YaraCompilation::Outcome;
  std::string bytes;
  if (made.outcome == Outcome::compiled) {
    append_field(bytes, kCompiled);
    append_field(bytes, std::to_string(made.rules));
    append_field(bytes, made.bytes);
  } else if (made.outcome == Outcome::failed) {
    append_field(bytes, kFailed);
    append_field(bytes, made.failed);
    append_field(bytes, made.error);
  } else {
    append_field(bytes, kIncomplete);
    append_field(bytes, made.failed);
    for (const auto& name : made.missing) append_field(bytes, name);
  }
  return bytes;
}

std::optional<YaraCompilation> decode_yara_compilation(std::string_view bytes) {
  using Outcome = YaraCompilation::Outcome;
  const auto fields = decode_fields(bytes);
  if (!fields || fields->size() < 2) return std::nullopt;
  const auto& all = *fields;
  YaraCompilation made;
  if (all[0] == kCompiled && all.size() == 3) {
    const auto rules = parse<std::uint64_t>(all[1]);
    if (!rules) return std::nullopt;
    made.outcome = Outcome::compiled;
    made.rules = *rules;
    made.bytes = all[2];
  } else if (all[0] == kFailed && all.size() == 3) {
    made.failed = all[1];
    made.error = shown(all[2], kMaxErrorText);
  } else if (all[0] == kIncomplete) {
    made.outcome = Outcome::incomplete;
    made.failed = all[1];
    for (std::size_t i = 2; i < all.size(); ++i) {
      if (all[i].empty() || all[i].size() > kMaxName || all[i].find('\0') != std::string_view::npos)
        return std::nullopt;
      made.missing.emplace_back(all[i]);
    }
  } else {
    return std::nullopt;
  }
  return made;
}

std::string encode_yara_finds(const YaraFinds& finds) {
  std::string bytes;
  append_field(bytes, std::to_string(finds.unlisted));
  for (const auto& match : finds.matches) {
    append_field(bytes, match.rule);
    append_field(bytes, match.strings);
    append_field(bytes, match.tags);
  }
  return bytes;
}

std::optional<YaraFinds> decode_yara_finds(std::string_view bytes) {
  const auto fields = decode_fields(bytes);
  if (!fields || fields->size() % 3 != 1) return std::nullopt;
  const auto& all = *fields;
  const auto unlisted = parse<std::uint64_t>(all[0]);
  if (!unlisted) return std::nullopt;
  YaraFinds finds;
  finds.unlisted = *unlisted;
  for (std::size_t i = 1; i < all.size(); i += 3) {
    if (!is_identifier(all[i]) || !are_places(all[i + 1]) || !are_tags(all[i + 2])) return std::nullopt;
    finds.matches.push_back({std::string(all[i]), std::string(all[i + 1]), std::string(all[i + 2])});
  }
  return finds;
}

std::string what_is_left_out(const YaraFinds& finds) {
  return finds.unlisted == 0 ? std::string() : fmt::format("{} places of strings are not listed", finds.unlisted);
}

}  // namespace osprey::linux
