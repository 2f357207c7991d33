#include "linux/files/sshd_config.h"

#include <fnmatch.h>

#include <optional>

#include "base/text.h"
#include "linux/files/folder.h"

namespace osprey::linux {
namespace {

constexpr std::string_view kFolder = "/etc/ssh/";
constexpr int kMaxDepth = 16;  // as sshd
constexpr int kMaxFiles = 64;
constexpr std::size_t kFileCap = 1 << 20;
constexpr std::size_t kMaxRules = 1024;

class Reader {
 public:
  explicit Reader(const Root& root) : root_(root) {}

  Result<void> read(const std::string& path, std::vector<std::string> match, int depth) {
    if (depth > kMaxDepth || ++files_ > kMaxFiles) return failure(path, "too many files are included");
    const auto content = TRY(root_.read(path, kFileCap));
    for (const auto line : Lines(content.bytes)) {
      auto words = split_sshd_line(line);
      if (words.empty()) continue;
      const auto keyword = to_lower(words.front());
      words.erase(words.begin());
      if (keyword == "match") {
        match = std::move(words);
      } else if (keyword == "authorizedkeysfile" && rules.size() < kMaxRules) {
        rules.push_back({match, std::move(words)});
      } else if (keyword == "include") {
        // What cannot be included is no reason to lose the rest.
        for (const auto& pattern : words)
          for (const auto& included : expand(pattern)) (void)read(included, match, depth + 1);
      }
    }
    return {};
  }

  std::vector<KeyFilesRule> rules;

 private:
  // The files that an Include pattern means; wildcards in the last part of the path only.
  std::vector<std::string> expand(const std::string& pattern) const {
    const auto path = pattern.starts_with('/') ? pattern : std::string(kFolder) + pattern;
    const auto slash = path.rfind('/');
    const auto name = path.substr(slash + 1);
    if (name.find_first_of("*?[") == name.npos) return {path};
    std::vector<std::string> found;
    const auto folder = path.substr(0, slash + 1);
    const auto names = file_names(root_, folder);
    if (!names) return found;
    for (const auto& one : *names)
      if (::fnmatch(name.c_str(), one.c_str(), FNM_PERIOD) == 0) found.push_back(folder + one);
    return found;
  }

  const Root& root_;
  int files_ = 0;
};

// A pattern list of ssh_config(5): one of the patterns fits and none of the negated ones does.
bool fits_list(std::string_view list, const std::string& name) {
  bool fits = false;
  while (!list.empty()) {
    auto pattern = take_until(list, ',');
    const bool negated = pattern.starts_with('!');
    if (negated) pattern.remove_prefix(1);
    if (::fnmatch(std::string(pattern).c_str(), name.c_str(), FNM_NOESCAPE) != 0) continue;
    if (negated) return false;
    fits = true;
  }
  return fits;
}

// Whether a Match block is about `user`; empty where that depends on more than the user.
std::optional<bool> fits(const std::vector<std::string>& criteria, const PasswdEntry& user) {
  bool known = true;
  for (std::size_t i = 0; i < criteria.size(); ++i) {
    // "user alice" and "user=alice" are the same; the words are split at "=" already where it is the line's first.
    std::string_view argument = criteria[i];
    const auto criterion = to_lower(take_until(argument, '='));
    if (criterion == "all") continue;
    if (argument.empty() && i + 1 < criteria.size()) argument = criteria[++i];
    if (criterion == "user") {
      if (!fits_list(argument, user.username)) return false;
    } else {
      known = false;
    }
  }
  if (!known) return std::nullopt;
  return true;
}

// `pattern` with its tokens replaced, in the home if it is relative. Empty for "none" and for a home that is no path.
std::optional<std::string> expand_tokens(std::string_view pattern, const PasswdEntry& user) {
  if (equal_ignoring_case(pattern, "none")) return std::nullopt;
  std::string path;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%' || i + 1 == pattern.size()) {
      path += pattern[i];
      continue;
    }
    switch (pattern[++i]) {
      case '%':
        path += '%';
        break;
      case 'h':
        path += user.directory;
        break;
      case 'u':
        path += user.username;
        break;
      case 'U':
        path += std::to_string(user.uid);
        break;
      default:
        return std::nullopt;
    }
  }
  if (path.starts_with('/')) return path;
  if (!user.directory.starts_with('/')) return std::nullopt;
  return user.directory + (user.directory.ends_with('/') ? "" : "/") + path;
}

bool is_personal(std::string_view pattern) {
  return !pattern.starts_with('/') || pattern.find("%u") != pattern.npos || pattern.find("%h") != pattern.npos ||
         pattern.find("%U") != pattern.npos;
}

}  // namespace

std::vector<std::string> split_sshd_line(std::string_view line) {
  std::vector<std::string> words;
  line = trim(line);
  while (!line.empty() && line.front() != '#') {
    std::string word;
    if (line.front() == '"') {
      line.remove_prefix(1);
      word = take_until(line, '"');
    } else {
      const auto end = std::min(line.find_first_of(words.empty() ? " \t=" : " \t"), line.size());
      word = line.substr(0, end);
      line.remove_prefix(end);
    }
    words.push_back(std::move(word));
    line = trim_left(line);
    if (words.size() == 1 && line.starts_with('=')) line = trim_left(line.substr(1));
  }
  return words;
}

Result<std::vector<KeyFilesRule>> read_key_files_rules(const Root& root) {
  Reader reader(root);
  TRY(reader.read(std::string(kFolder) + "sshd_config", {}, 0));
  return std::move(reader.rules);
}

std::vector<std::string> key_files_of(const std::vector<KeyFilesRule>& rules, const PasswdEntry& user) {
  const KeyFilesRule* chosen = nullptr;
  std::vector<std::string_view> patterns;
  for (const auto& rule : rules) {
    const auto applies = fits(rule.match, user);
    if (!applies) {
      std::ranges::copy_if(rule.files, std::back_inserter(patterns), is_personal);
    } else if (*applies && (!chosen || (chosen->match.empty() && !rule.match.empty()))) {
      chosen = &rule;
    }
  }
  if (chosen) patterns.insert(patterns.begin(), chosen->files.begin(), chosen->files.end());
  std::vector<std::string> paths;
  for (const auto pattern : patterns)
    if (auto path = expand_tokens(pattern, user)) paths.push_back(std::move(*path));
  return paths;
}

}  // namespace osprey::linux
