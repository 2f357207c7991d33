#include "sql/functions/paths.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <sys/stat.h>

#include "sql/functions/call.h"

namespace osprey::sql {

std::optional<std::string_view> parent_directory(std::string_view path) {
  const auto slash = path.rfind('/');
  if (slash == path.npos) return std::nullopt;
  return path.substr(0, slash);
}

std::vector<std::string> candidate_paths(std::string_view command, std::string_view quotes, std::string_view escapes) {
  std::vector<std::string> candidates;
  std::string path;
  char open_quote = '\0';
  const auto add = [&] {
    if (path.starts_with('/') && (candidates.empty() || candidates.back() != path)) candidates.push_back(path);
  };
  for (std::size_t i = 0; i < command.size(); ++i) {
    if (path.size() >= PATH_MAX || command[i] == '\0') return candidates;
    if (escapes.contains(command[i]) && i + 1 < command.size()) {
      path += command[++i];
    } else if (open_quote ? command[i] == open_quote : quotes.contains(command[i])) {
      open_quote = open_quote ? '\0' : command[i];
    } else {
      if (command[i] == ' ' && !open_quote) add();
      path += command[i];
    }
  }
  add();
  return candidates;
}

namespace {

// Without asking a network file system's server or mounting anything: the answer is not worth a hanging query.
bool is_regular_file(const std::string& path) {
  struct statx status;
  return statx(AT_FDCWD, path.c_str(), AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &status) == 0 &&
         S_ISREG(status.stx_mode);
}

// (command[, quotes[, escapes]]), nothing of it NULL.
std::optional<std::vector<std::string>> command_paths(const Call& call) {
  if (call.count() < 1 || call.count() > 3 || call.any_null()) return std::nullopt;
  return candidate_paths(call.text(0), call.count() > 1 ? call.text(1) : "", call.count() > 2 ? call.text(2) : "");
}

void find_file_path_in_cmd(Call& call) {
  const auto candidates = command_paths(call);
  if (!candidates) return call.fail("Invalid inputs to find_binary_path_from_cmd");
  for (const auto& path : *candidates) {
    if (is_regular_file(path)) return call.answer(path);
  }
  call.answer("");
}

// A command is ambiguous where more than one way to read its program's path finds a file.
void is_path_deterministic(Call& call) {
  const auto candidates = command_paths(call);
  if (!candidates) return call.fail("Invalid inputs to is_path_deterministic");
  int found = 0;
  for (const auto& path : *candidates) {
    if (is_regular_file(path) && ++found > 1) break;
  }
  call.answer(std::int64_t{found <= 1});
}

void answer_parent_directory(Call& call) {
  if (call.type(0) != SQLITE_TEXT) return call.fail("Invalid inputs to parent_directory, TEXT was expected");
  if (const auto parent = parent_directory(call.text(0))) call.answer(*parent);
}

}  // namespace

std::span<const Function> path_functions() {
  static constexpr Function functions[] = {
      function<find_file_path_in_cmd>("find_file_path_in_cmd", -1, kHost),
      function<is_path_deterministic>("is_path_deterministic", -1, kHost),
      function<answer_parent_directory>("parent_directory", 1, kPure),
  };
  return functions;
}

}  // namespace osprey::sql
