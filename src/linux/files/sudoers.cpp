#include "linux/files/sudoers.h"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "linux/files/folder.h"

namespace osprey::linux {
namespace {

constexpr std::size_t kMaxFiles = 1024;
constexpr std::size_t kMaxBytes = 16 << 20;  // of all files together
constexpr std::size_t kMaxDepth = 128;       // as sudo

// "#1000 ALL=…" is a rule for user id 1000, "# 1000" and "#off" are comments.
bool is_comment(const SudoersLine& line) {
  if (!line.header.starts_with('#') || line.includes_file() || line.includes_folder()) return false;
  const auto id = std::string_view(line.header).substr(1);
  return line.details.empty() || !parse<std::uint32_t>(id);
}

// The path that an include means: unquoted, its %h the short host name, relative to the including file.
std::string included_path(const Root& root, std::string_view details, const std::string& including) {
  if (details.size() >= 2 && details.front() == '"' && details.back() == '"')
    details = details.substr(1, details.size() - 2);
  std::string path;
  for (std::size_t i = 0; i < details.size(); ++i) {
    if (details[i] == '\\' && i + 1 < details.size()) {
      path += details[++i];
    } else if (details.substr(i).starts_with("%h")) {
      const auto name = root.read_trimmed("/etc/hostname").value_or("");
      std::string_view full = name;
      path += take_until(full, '.');
      ++i;
    } else {
      path += details[i];
    }
  }
  if (path.starts_with('/')) return path;
  return including.substr(0, including.rfind('/') + 1) + path;
}

class Reader {
 public:
  Reader(const Root& root, const Interrupt& interrupt, const std::function<void(const Error&)>& warn)
      : root_(root), interrupt_(interrupt), warn_(warn) {}

  void read(const std::string& path) {
    if (interrupt_.requested()) return;
    const auto file = root_.open(path);
    if (!file) return warn_(file.error());
    struct stat info{};
    ::fstat(file->get(), &info);
    const std::pair identity(info.st_dev, info.st_ino);
    if (std::ranges::find(open_, identity) != open_.end()) return warn_(failure(path, "includes itself").error());
    if (open_.size() == kMaxDepth || ++files_ > kMaxFiles || bytes_ > kMaxBytes)
      return warn_(failure(path, "not read: too much is included").error());
    const auto content = read_all(file->get(), Root::kTextCap, path, interrupt_);
    if (!content) return warn_(content.error());
    if (content->truncated) warn_(failure(path, "is too large, its end was not read").error());
    bytes_ += content->bytes.size();
    open_.push_back(identity);
    for (auto& line : parse_sudoers(content->bytes)) {
      rules.push_back({path, line});
      if (line.includes_file())
        read(included_path(root_, line.details, path));
      else if (line.includes_folder())
        read_folder(included_path(root_, line.details, path));
    }
    open_.pop_back();
  }

  std::vector<SudoersRule> rules;

 private:
  void read_folder(std::string folder) {
    const auto names = file_names(root_, folder);
    if (!names) return warn_(names.error());
    if (!folder.ends_with('/')) folder += '/';
    for (const auto& name : *names)
      if (name.find('.') == name.npos && !name.ends_with('~')) read(folder + name);
  }

  const Root& root_;
  const Interrupt& interrupt_;
  const std::function<void(const Error&)>& warn_;
  std::vector<std::pair<dev_t, ino_t>> open_;  // the files that include each other down to here
  std::size_t files_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace

std::vector<SudoersLine> parse_sudoers(std::string_view text) {
  std::vector<SudoersLine> lines;
  bool continued = false;
  for (auto line : Lines(text)) {
    line = trim(line);
    if (line.empty()) continue;
    const bool more = line.ends_with('\\');
    if (continued) {
      // The backslash ends whichever part the line before ended with.
      auto& last = lines.back();
      (last.details.empty() ? last.header : last.details).pop_back();
      last.details += line;
      continued = more;
      continue;
    }
    SudoersLine rule;
    rule.header = take_field(line);
    rule.details = trim(line);
    const bool includes = rule.includes_file() || rule.includes_folder();
    if (is_comment(rule) || (includes && rule.details.empty())) continue;
    continued = more && !includes;
    lines.push_back(std::move(rule));
  }
  return lines;
}

std::vector<SudoersRule> read_sudoers(const Root& root, const std::string& path, const Interrupt& interrupt,
                                      const std::function<void(const Error&)>& warn) {
  Reader reader(root, interrupt, warn);
  reader.read(path);
  return std::move(reader.rules);
}

}  // namespace osprey::linux
