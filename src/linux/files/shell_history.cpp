#include "linux/files/shell_history.h"

#include <array>

#include "base/text.h"

namespace osprey::linux {
namespace {

constexpr std::string_view kLibeditMark = "_HiStOrY_V2_";

bool all_digits(std::string_view text) { return !text.empty() && text.find_first_not_of("0123456789") == text.npos; }

// zsh writes a byte that means something to itself as 0x83 and the byte with bit 5 flipped.
std::string unmetafied(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\x83' && i + 1 < text.size())
      plain += static_cast<char>(text[++i] ^ 0x20);
    else
      plain += text[i];
  }
  return plain;
}

// \ooo as vis(3) with VIS_WHITE writes it.
std::string unescaped_octal(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      const auto code = i + 3 < text.size() ? parse<unsigned>(text.substr(i + 1, 3), 8) : std::nullopt;
      if (code && *code < 256) {
        plain += static_cast<char>(*code);
        i += 3;
        continue;
      }
      if (text[i + 1] == '\\') ++i;
    }
    plain += text[i];
  }
  return plain;
}

// fish escapes line ends and backslashes.
std::string unescaped_fish(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == 'n' || text[i + 1] == '\\'))
      plain += text[++i] == 'n' ? '\n' : '\\';
    else
      plain += text[i];
  }
  return plain;
}

// ": 1700000000:0;command" of zsh's EXTENDED_HISTORY.
std::optional<HistoryEntry> parse_extended(std::string_view line) {
  if (!line.starts_with(':')) return std::nullopt;
  line.remove_prefix(1);
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  const auto time = take_until(line, ':');
  const auto semicolon = line.find(';');
  if (time.size() > 11 || !all_digits(time) || semicolon == line.npos || !all_digits(line.substr(0, semicolon)))
    return std::nullopt;
  return HistoryEntry{parse<std::int64_t>(time).value_or(0), std::string(line.substr(semicolon + 1))};
}

}  // namespace

std::optional<HistoryEntry> HistoryParser::line(std::string_view line) {
  std::optional<HistoryEntry> entry;
  switch (format_) {
    case HistoryFormat::shell:
    case HistoryFormat::zsh:
      entry = shell_line(line);
      break;
    case HistoryFormat::plain:
      entry = plain_line(line);
      break;
    case HistoryFormat::fish:
      entry = fish_line(line);
      break;
    case HistoryFormat::less:
      entry = less_line(line);
      break;
  }
  first_ = false;
  return entry;
}

std::optional<HistoryEntry> HistoryParser::end() { return std::exchange(pending_, std::nullopt); }

std::optional<HistoryEntry> HistoryParser::shell_line(std::string_view line) {
  // ksh93 marks its file and ends commands with a NUL as well.
  if (first_ && line.starts_with("\x81\x01")) line.remove_prefix(2);
  while (line.starts_with('\0')) line.remove_prefix(1);
  if (line.empty()) return std::nullopt;
  if (!time_ && line.front() == '#' && all_digits(line.substr(1))) {
    time_ = parse<std::int64_t>(line.substr(1));
    if (time_) return std::nullopt;
  }
  HistoryEntry entry;
  if (time_) {
    entry = {*std::exchange(time_, std::nullopt), std::string(line)};
  } else if (auto extended = parse_extended(line)) {
    entry = std::move(*extended);
  } else {
    entry.command = line;
  }
  if (format_ == HistoryFormat::zsh) entry.command = unmetafied(entry.command);
  return entry;
}

std::optional<HistoryEntry> HistoryParser::plain_line(std::string_view line) {
  if (first_ && line == kLibeditMark) {
    escaped_ = true;
    return std::nullopt;
  }
  if (line.empty()) return std::nullopt;
  return HistoryEntry{0, escaped_ ? unescaped_octal(line) : std::string(line)};
}

std::optional<HistoryEntry> HistoryParser::fish_line(std::string_view line) {
  static constexpr std::string_view kCommand = "- cmd: ";
  static constexpr std::string_view kWhen = "  when: ";
  if (line.starts_with(kCommand))
    return std::exchange(pending_, HistoryEntry{0, unescaped_fish(line.substr(kCommand.size()))});
  if (pending_ && line.starts_with(kWhen))
    pending_->time = parse<std::int64_t>(trim(line.substr(kWhen.size()))).value_or(0);
  return std::nullopt;
}

std::optional<HistoryEntry> HistoryParser::less_line(std::string_view line) {
  if (line.starts_with('.')) {
    prefix_ = line == ".search" ? '/' : line == ".shell" ? '!' : '\0';
    return std::nullopt;
  }
  if (prefix_ == 0 || !line.starts_with('"')) return std::nullopt;
  return HistoryEntry{0, prefix_ + std::string(line.substr(1))};
}

namespace {

std::string_view unquoted(std::string_view value) {
  if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front())
    return value.substr(1, value.size() - 2);
  return value;
}

// What one statement does to the history: switches it off, on, or nothing that is known.
enum class Effect : std::uint8_t { none, off, on };

Effect effect_of_assignment(std::string_view name, std::string_view value, const HistoryVariables& variables) {
  value = unquoted(value);
  if (!name.empty() && name == variables.file)
    return value.empty() || value == "/dev/null" || value == "-" ? Effect::off : Effect::on;
  if (!name.empty() && (name == variables.size || name == variables.file_size))
    return parse<std::int64_t>(value) == 0 ? Effect::off : Effect::on;
  return Effect::none;
}

// Which setting a statement is about, what it does to it, and the statement as far as it is about that: what else
// stands on the line may be a secret.
struct Judged {
  std::string_view setting = {};
  Effect effect = Effect::none;
  std::string_view statement = {};
};

// `statement` up to the end of `word`, a part of it.
std::string_view up_to(std::string_view statement, std::string_view word) {
  return statement.substr(0, static_cast<std::size_t>(word.data() + word.size() - statement.data()));
}

Judged judge_unset(std::string_view statement, std::string_view names, const HistoryVariables& variables) {
  for (auto name = take_field(names); !name.empty(); name = take_field(names))
    if (name == variables.file && variables.unset_means_off) return {name, Effect::off, up_to(statement, name)};
  return {};
}

Judged judge_set(std::string_view statement, std::string_view arguments) {
  const auto sign = take_field(arguments);
  const auto option = take_field(arguments);
  if (option != "history" || (sign != "+o" && sign != "-o")) return {};
  return {"set", sign == "+o" ? Effect::off : Effect::on, up_to(statement, option)};
}

// "NAME=VALUE …", also behind export and the like. In front of a command an assignment is for that alone.
Judged judge_assignments(std::string_view statement, const HistoryVariables& variables) {
  auto rest = statement;
  auto word = take_field(rest);
  const bool exported = word == "export" || word == "readonly" || word == "declare" || word == "typeset";
  if (exported) word = take_field(rest);
  Judged found;
  for (; !word.empty() && word.front() != '#'; word = take_field(rest)) {
    const auto equals = word.find('=');
    if (equals == word.npos) {
      if (!exported) return {};
      continue;
    }
    const auto name = word.substr(0, equals);
    const auto effect = effect_of_assignment(name, word.substr(equals + 1), variables);
    if (effect != Effect::none && found.effect == Effect::none) found = {name, effect, up_to(statement, word)};
  }
  return found;
}

Judged judge(std::string_view statement, const HistoryVariables& variables) {
  auto rest = statement;
  const auto word = take_field(rest);
  if (word == "set") return variables.set_o ? judge_set(statement, rest) : Judged{};
  if (word == "unset") return judge_unset(statement, rest, variables);
  return judge_assignments(statement, variables);
}

}  // namespace

void HistorySwitches::read(std::string_view path, std::string_view script) {
  std::size_t number = 0;
  for (auto line : Lines(script)) {
    ++number;
    line = trim(line);
    while (!line.empty() && line.front() != '#') {
      const auto end = std::min(line.find_first_of(";&|"), line.size());
      const auto statement = trim(line.substr(0, end));
      line = trim_left(line.substr(std::min(end + 1, line.size())));
      const auto judged = judge(statement, variables_);
      if (judged.effect == Effect::none) continue;
      auto found = std::ranges::find(settings_, judged.setting, &decltype(settings_)::value_type::first);
      if (found == settings_.end()) found = settings_.insert(found, {std::string(judged.setting), std::nullopt});
      found->second.reset();
      if (judged.effect == Effect::off)
        found->second = std::string(path) + ":" + std::to_string(number) + ": " + std::string(judged.statement);
    }
  }
}

std::optional<std::string> HistorySwitches::off() const {
  for (const auto& [setting, statement] : settings_)
    if (statement) return statement;
  return std::nullopt;
}

}  // namespace osprey::linux
