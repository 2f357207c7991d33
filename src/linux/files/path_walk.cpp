#include "linux/files/path_walk.h"

#include <dirent.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>

namespace osprey::linux {
namespace {

constexpr std::size_t kMaxFollowed = 65536;  // links that one recursion follows

std::uint64_t sort_key(std::string_view name) noexcept {
  std::uint64_t key = 0;
  std::memcpy(&key, name.data(), std::min(name.size(), sizeof key));
  if constexpr (std::endian::native == std::endian::little) key = __builtin_bswap64(key);
  return key;
}

std::pair<std::uint64_t, std::uint64_t> identity(const struct statx& facts) {
  return {makedev(facts.stx_dev_major, facts.stx_dev_minor), facts.stx_ino};
}

}  // namespace

void DirectoryNames::start(int fd) {
  fd_ = fd;
  ended_ = false;
  bytes_.clear();
  names_.clear();
  next_ = 0;
}

void DirectoryNames::start_with(std::string_view name) {
  start(-1);
  ended_ = true;
  bytes_.push_back(DT_UNKNOWN);
  bytes_.append(name).push_back('\0');
  names_.push_back({0, 0});
}

Result<std::optional<DirectoryNames::Entry>> DirectoryNames::next() {
  if (next_ == names_.size()) {
    if (!ended_) TRY(read_batch());
    if (next_ == names_.size()) return std::nullopt;
  }
  const char* at = bytes_.data() + names_[next_++].offset;
  return Entry{at + 1, static_cast<unsigned char>(*at)};
}

Result<void> DirectoryNames::read_batch() {
  bytes_.clear();
  names_.clear();
  next_ = 0;
  alignas(dirent64) std::array<char, 65536> buffer;
  while (names_.size() < kBatch && bytes_.size() < kBatchBytes) {
    const auto count = ::getdents64(fd_, buffer.data(), buffer.size());
    if (count <= 0) {
      ended_ = true;
      // A directory removed while it is read says ENOENT: it has ended.
      if (count < 0 && errno != ENOENT && names_.empty()) return system_failure("");
      break;
    }
    for (ssize_t offset = 0; offset < count;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer.data() + offset);
      offset += entry->d_reclen;
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      names_.push_back({sort_key(name), static_cast<std::uint32_t>(bytes_.size())});
      bytes_.push_back(static_cast<char>(entry->d_type));
      bytes_.append(name).push_back('\0');
    }
  }
  std::ranges::sort(names_, [this](const Name& a, const Name& b) {
    if (a.key != b.key) return a.key < b.key;
    return std::strcmp(bytes_.data() + a.offset + 1, bytes_.data() + b.offset + 1) < 0;
  });
  return {};
}

void PathWalk::add_path(std::string path) {
  Task task;
  task.pattern.base = std::move(path);
  tasks_.push_back(std::move(task));
}

void PathWalk::add_pattern(std::string_view like) { tasks_.push_back({parse_path_pattern(like, options_.dialect)}); }

void PathWalk::add_directory(std::string path) {
  Task task;
  task.by_directory = true;
  task.directory_slash = path.size() > 1 && path.ends_with('/');
  task.pattern.base = std::move(path);
  task.pattern.components.push_back({"%", true, true});
  tasks_.push_back(std::move(task));
}

void PathWalk::add_directory_pattern(std::string_view like) {
  auto pattern = parse_path_pattern(like, options_.dialect);
  if (pattern.components.empty()) return add_directory(std::move(pattern.base));
  // The filter is LIKE on the directory: what comes below it is SQLite's to check.
  pattern.filter.clear();
  const bool slash = pattern.directories_only || options_.dialect == PatternDialect::osquery;
  pattern.directories_only = false;
  pattern.components.push_back({"%", true, true});
  tasks_.push_back({std::move(pattern), true, slash});
}

std::string_view PathWalk::directory() const noexcept {
  const std::string_view path = path_;
  auto end = name_start_ != 0 ? name_start_ : path.ends_with('/') ? path.size() : path.rfind('/') + 1;
  if (name_start_ != 0 && task_.directory_slash) return path.substr(0, end);
  if (name_start_ == 0 && path == "/") return {};
  if (options_.dialect == PatternDialect::osquery && path.ends_with('/')) end = path.size();
  while (end > 1 && path[end - 1] == '/') --end;
  return path.substr(0, end);
}

std::string_view PathWalk::filename() const noexcept {
  const std::string_view path = path_;
  // osquery's, from a path that ends in a slash.
  if (path.ends_with('/')) return path.size() == 1 ? path : std::string_view(".");
  return path.substr(name_start_ != 0 ? name_start_ : path.rfind('/') + 1);
}

mode_t PathWalk::type() {
  if (entry_type_ != DT_UNKNOWN) return DTTOIF(entry_type_);
  const auto& facts = own_facts();
  return facts ? facts->stx_mode & S_IFMT : 0;
}

const Result<struct statx>& PathWalk::own_facts() {
  if (!own_facts_) {
    // A trailing slash is for show: behind a link it would mean what the link leads to.
    if (name_start_ != 0) {
      const bool slash = path_.ends_with('/');
      if (slash) path_.pop_back();
      own_facts_ = levels_.back().directory.stat(path_.c_str() + name_start_);
      if (slash) path_ += '/';
    } else {
      own_facts_ = root_.stat(path_, Links::keep);
    }
    if (!*own_facts_) own_facts_->error().subject = path_;
  }
  return *own_facts_;
}

const Result<struct statx>& PathWalk::facts() {
  if (!facts_) {
    if (type() != S_IFLNK) return own_facts();
    facts_ = root_.stat(path_, Links::follow);
    if (!*facts_) facts_ = own_facts();
  }
  return *facts_;
}

bool PathWalk::leads_to_directory() {
  const auto kind = type();
  if (kind != S_IFLNK) return kind == S_IFDIR;
  const auto target = root_.stat(path_, Links::follow);
  return target && S_ISDIR(target->stx_mode);
}

void PathWalk::complain(Error error) {
  if (error.absent()) return;
  error.subject = path_;
  options_.on_error(error);
}

bool PathWalk::next() {
  for (;;) {
    if (options_.interrupt->requested()) return false;
    if (std::exchange(descend_next_, false)) {
      descend();
      continue;
    }
    if (levels_.empty()) {
      if (tasks_.empty()) return false;
      if (start_task()) return true;
      continue;
    }
    if (!take_entry()) continue;
    const auto [yield, goes_down] = judge();
    descend_next_ = goes_down;
    if (yield) return true;
  }
}

// True when the task is a single path that is there.
bool PathWalk::start_task() {
  task_ = std::move(tasks_.front());
  tasks_.pop_front();
  followed_.clear();
  entry_type_ = DT_UNKNOWN;
  name_start_ = 0;
  own_facts_.reset();
  facts_.reset();
  path_ = task_.pattern.base;
  if (!path_.starts_with('/')) return false;  // names nothing here, as what a join on other tables brings often does
  if (!task_.pattern.components.empty()) {
    auto directory = root_.directory(path_);
    if (directory)
      push(std::move(*directory), 0);
    else
      complain(std::move(directory.error()));
    return false;
  }
  const auto& facts = own_facts();
  if (facts) return true;
  complain(facts.error());
  return false;
}

bool PathWalk::take_entry() {
  Level& level = levels_.back();
  path_.resize(level.prefix);
  const auto entry = names_[levels_.size() - 1].next();
  if (!entry) complain(entry.error());
  if (!entry || !*entry) {
    levels_.pop_back();
    return false;
  }
  path_ += (*entry)->name;
  entry_type_ = (*entry)->type;
  name_start_ = level.prefix;
  own_facts_.reset();
  facts_.reset();
  return true;
}

PathWalk::Verdict PathWalk::judge() {
  const auto& pattern = task_.pattern;
  const auto component = levels_.back().component;
  const bool below = component == pattern.components.size();
  if (!below) {
    const auto& wanted = pattern.components[component];
    const auto name = std::string_view(path_).substr(name_start_);
    if (wanted.wild ? !wanted.matches(name, options_.dialect) : type() == 0) return {false, false};
    if (component + 1 < pattern.components.size()) {
      const auto kind = type();
      return {false, kind == S_IFDIR || kind == S_IFLNK};
    }
  }
  // osquery's glob marks directories with a slash.
  const bool marks = options_.dialect == PatternDialect::osquery && !task_.by_directory;
  const auto kind = type();
  const bool goes_down = pattern.recursive && (kind == S_IFDIR || kind == S_IFLNK);
  if ((pattern.directories_only || marks) && leads_to_directory()) {
    path_ += '/';
  } else if (pattern.directories_only) {
    return {false, goes_down};
  }
  const bool filtered = !pattern.filter.empty() && !matches_like(pattern.filter, path_, options_.dialect);
  return {!filtered, goes_down};
}

void PathWalk::descend() {
  const Level& level = levels_.back();
  const auto count = task_.pattern.components.size();
  const bool recursing = level.component + 1 >= count;
  if (path_.ends_with('/')) path_.pop_back();
  if (levels_.size() >= kMaxDepth + count) return complain({0, {}, "is nested too deep to walk"});
  if (type() == S_IFLNK) {
    if (auto directory = follow_link(recursing)) push(std::move(*directory), std::min(level.component + 1, count));
    return;
  }
  auto directory = level.directory.enter(path_.c_str() + name_start_);
  if (directory)
    push(std::move(*directory), std::min(level.component + 1, count));
  else
    complain(std::move(directory.error()));
}

std::optional<Root::Directory> PathWalk::follow_link(bool recursing) {
  if (const auto& target = facts(); !target || !S_ISDIR(target->stx_mode)) return std::nullopt;
  auto directory = root_.directory(path_);
  // A link to something else, to nothing, in a circle or one of /proc's magic ones.
  if (!directory) {
    if (directory.error().code != ELOOP) complain(std::move(directory.error()));
    return std::nullopt;
  }
  if (directory->is_kernel_filesystem() && !levels_.front().directory.is_kernel_filesystem()) return std::nullopt;
  if (!recursing) return std::move(*directory);
  const auto target = directory->stat(".");
  const auto& link = own_facts();
  if (!target || !link || followed_.size() >= kMaxFollowed || !followed_.insert(identity(*link)).second)
    return std::nullopt;
  for (const auto& level : levels_) {
    const auto here = level.directory.stat(".");
    if (!here || identity(*here) == identity(*target)) return std::nullopt;
  }
  return std::move(*directory);
}

void PathWalk::push(Root::Directory directory, std::size_t component) {
  // Interrupted meanwhile, the walk ends at its next step.
  if (options_.budget) options_.budget->open([this] { return options_.interrupt->requested(); });
  if (!path_.ends_with('/')) path_ += '/';
  levels_.push_back({std::move(directory), path_.size(), component});
  if (names_.size() < levels_.size()) names_.emplace_back();
  auto& names = names_[levels_.size() - 1];
  const auto& components = task_.pattern.components;
  if (component < components.size() && !components[component].wild)
    names.start_with(components[component].text);
  else
    names.start(levels_.back().directory.fd());
}

}  // namespace osprey::linux
