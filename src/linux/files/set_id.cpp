#include "linux/files/set_id.h"

#include <dirent.h>
#include <sys/stat.h>

namespace osprey::linux {
namespace {

template <class T>
Result<T> about(const std::string& path, Result<T> result) {
  if (!result) result.error().subject = path;
  return result;
}

}  // namespace

bool SetIdFile::set_user() const noexcept { return (mode & S_ISUID) != 0; }
bool SetIdFile::set_group() const noexcept { return (mode & S_ISGID) != 0; }

SetIdWalk::SetIdWalk(Root root, std::string directory, IoBudget* budget)
    : root_(std::move(root)), budget_(budget), start_(std::move(directory)) {}

void SetIdWalk::push(Root::Directory directory, std::string path, const Interrupt& interrupt) {
  if (budget_) budget_->open([&interrupt] { return interrupt.requested(); });
  if (!path.ends_with('/')) path += '/';
  levels_.push_back({std::move(directory), std::move(path), {}});
  levels_.back().names.start(levels_.back().directory.fd());
}

Result<void> SetIdWalk::start(const std::string& path, const Interrupt& interrupt) {
  const auto facts = TRY(root_.stat(path));
  device_ = {facts.stx_dev_major, facts.stx_dev_minor};
  push(TRY(root_.directory(path)), path, interrupt);
  return {};
}

Result<std::optional<SetIdFile>> SetIdWalk::next(const Interrupt& interrupt) {
  if (start_) TRY(start(*std::exchange(start_, std::nullopt), interrupt));
  while (!levels_.empty()) {
    if (interrupt.requested()) return std::nullopt;
    auto& level = levels_.back();
    const auto entry = about(level.path, level.names.next());
    if (!entry || !*entry) levels_.pop_back();
    if (!entry) return std::unexpected(entry.error());
    if (!*entry) continue;
    if (auto found = TRY(look_at(level, **entry, interrupt))) return found;
  }
  return std::nullopt;
}

// May descend, which leaves `level` dangling.
Result<std::optional<SetIdFile>> SetIdWalk::look_at(const Level& level, DirectoryNames::Entry entry,
                                                    const Interrupt& interrupt) {
  if (entry.type != DT_REG && entry.type != DT_DIR && entry.type != DT_LNK && entry.type != DT_UNKNOWN)
    return std::nullopt;
  auto facts = level.directory.stat(entry.name);
  if (!facts && facts.error().absent()) return std::nullopt;
  std::string path = level.path + entry.name;
  if (!facts) return about(path, Result<std::optional<SetIdFile>>(std::unexpected(facts.error())));
  if (S_ISDIR(facts->stx_mode)) {
    if (Device{facts->stx_dev_major, facts->stx_dev_minor} != device_) return std::nullopt;
    if (levels_.size() == kMaxDepth) return failure(std::move(path), "too deep to be looked into");
    push(TRY(about(path, level.directory.enter(entry.name))), std::move(path), interrupt);
    return std::nullopt;
  }
  if (S_ISLNK(facts->stx_mode)) {
    facts = root_.stat(path);
    if (!facts) return std::nullopt;  // dangling, or out of reach
  }
  SetIdFile file{std::move(path), facts->stx_uid, facts->stx_gid, facts->stx_mode};
  if (!S_ISREG(file.mode) || (!file.set_user() && !file.set_group())) return std::nullopt;
  return file;
}

}  // namespace osprey::linux
