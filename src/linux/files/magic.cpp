#include "linux/files/magic.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>

#include "base/module.h"
#include "base/text.h"
#include "linux/sandbox/frames.h"

namespace osprey::linux {
namespace {

constexpr off_t kMaxDatabase = 64 << 20;
// One descriptor is the file's.
constexpr std::size_t kMaxDatabases = Sandbox::kMaxDescriptors - 1;

// The helper's side: the databases that were asked for last stay loaded.
class Helper {
 public:
  Result<void> prepare() {
    module_ = TRY(open_module<MagicModule>());
    return {};
  }

  Result<void> serve(std::string_view request, const std::vector<UniqueFd>& descriptors, const Sandbox::Reply& reply) {
    const auto fields = decode_fields(request);
    if (!fields || fields->size() != 2 || descriptors.empty()) return failure({}, "a request of another kind");
    if (!database_ || identity_ != (*fields)[0]) TRY(load((*fields)[0], descriptors));
    std::string answer;
    for (const auto aspect : (*fields)[1]) {
      const auto said = TRY(module_->describe(database_, descriptors[0].get(), static_cast<MagicAspect>(aspect)));
      append_field(answer, std::string_view(said).substr(0, kMaxAnswer));
    }
    reply(answer);
    return {};
  }

 private:
  static constexpr std::size_t kMaxAnswer = 16 << 10;

  Result<void> load(std::string_view identity, const std::vector<UniqueFd>& descriptors) {
    if (database_) module_->unload(std::exchange(database_, nullptr));
    for (const auto memory : memory_) ::munmap(memory.data(), memory.size());
    memory_.clear();
    for (std::size_t i = 1; i < descriptors.size(); ++i) {
      struct stat info;
      if (::fstat(descriptors[i].get(), &info) != 0) return system_failure("magic database");
      const auto size = static_cast<std::size_t>(info.st_size);
      void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, descriptors[i].get(), 0);
      if (memory == MAP_FAILED) return system_failure("magic database");
      memory_.emplace_back(static_cast<char*>(memory), size);
    }
    database_ = TRY(module_->load(memory_));
    identity_ = identity;
    return {};
  }

  const MagicModule* module_ = nullptr;
  void* database_ = nullptr;
  std::string identity_;
  std::vector<std::span<char>> memory_;
};

Sandbox::Options helper_options() {
  const auto helper = std::make_shared<Helper>();
  Sandbox::Options options;
  options.name = "osprey-magic";
  options.prepare = [helper] { return helper->prepare(); };
  options.serve = [helper](std::string_view request, const std::vector<UniqueFd>& descriptors,
                           const Sandbox::Reply& reply) { return helper->serve(request, descriptors, reply); };
  return options;
}

MagicAnswers all(std::string data, std::string mime_type) {
  return {std::move(data), std::move(mime_type), std::string("binary")};
}

}  // namespace

Result<MagicDatabases> MagicDatabases::open(const Root& root, std::string_view paths) {
  MagicDatabases databases;
  for (const auto path : split(paths, ':')) {
    if (path.empty()) continue;
    auto file = root.open(path);
    if (!file && file.error().absent()) continue;
    if (!file) return std::unexpected(std::move(file.error()));
    struct stat info;
    if (::fstat(file->get(), &info) != 0) return system_failure(std::string(path));
    if (info.st_size == 0 || info.st_size > kMaxDatabase)
      return failure(std::string(path), "is no compiled magic database, by its size");
    const auto identity = fmt::format("{}:{}:{}:{}.{};", info.st_dev, info.st_ino, info.st_size, info.st_mtim.tv_sec,
                                      info.st_mtim.tv_nsec);
    if (databases.identity_.find(identity) != std::string::npos) continue;
    if (databases.files_.size() == kMaxDatabases) return failure(std::string(paths), "names too many databases");
    databases.identity_ += identity;
    databases.files_.push_back(std::move(*file));
  }
  if (databases.files_.empty()) return failure(std::string(paths), "no magic database is there");
  return databases;
}

std::string special_bits(const struct statx& facts) {
  std::string text;
  const auto add = [&](unsigned bit, std::string_view name) {
    if (facts.stx_mode & bit) text += (text.empty() ? "" : ", ") + std::string(name);
  };
  add(S_ISUID, "setuid");
  add(S_ISGID, "setgid");
  add(S_ISVTX, "sticky");
  return text;
}

std::optional<MagicAnswers> describe_special(const struct statx& facts, std::string_view link, bool dangling) {
  auto bits = special_bits(facts);
  if (!bits.empty()) bits += ", ";
  const auto device = fmt::format("({}/{})", facts.stx_rdev_major, facts.stx_rdev_minor);
  switch (facts.stx_mode & S_IFMT) {
    case S_IFDIR:
      return all(bits + "directory", "inode/directory");
    case S_IFCHR:
      return all(bits + "character special " + device, "inode/chardevice");
    case S_IFBLK:
      return all(bits + "block special " + device, "inode/blockdevice");
    case S_IFIFO:
      return all(bits + "fifo (named pipe)", "inode/fifo");
    case S_IFSOCK:
      return all(bits + "socket", "inode/socket");
    case S_IFLNK:
      return all((dangling ? "broken symbolic link to " : "symbolic link to ") + std::string(link), "inode/symlink");
    case S_IFREG:
      if (facts.stx_size == 0) return all(bits + "empty", "inode/x-empty");
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

MagicReader::MagicReader() : sandbox_(helper_options()) {}

MagicReader& magic_reader() {
  static MagicReader reader;
  return reader;
}

Result<MagicAnswers> MagicReader::describe(int file, const MagicDatabases& databases, unsigned aspects,
                                           const Interrupt& interrupt) {
  // Here first: the helper may be forked while another thread holds the dynamic linker's lock.
  TRY(open_module<MagicModule>());
  std::string wanted;
  for (unsigned i = 0; i < kMagicAspects; ++i)
    if (aspects >> i & 1U) wanted += static_cast<char>(i);
  std::string request;
  append_field(request, databases.identity_);
  append_field(request, wanted);
  std::vector<int> descriptors{file};
  for (const auto& database : databases.files_) descriptors.push_back(database.get());
  const auto answer = TRY(sandbox_.ask(request, descriptors, interrupt));
  const auto fields = decode_fields(answer);
  if (!fields || fields->size() != wanted.size()) return failure("osprey-magic", "answered out of turn");
  MagicAnswers answers;
  for (std::size_t i = 0; i < wanted.size(); ++i) answers[static_cast<unsigned char>(wanted[i])] = (*fields)[i];
  return answers;
}

}  // namespace osprey::linux
