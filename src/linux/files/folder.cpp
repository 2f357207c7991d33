#include "linux/files/folder.h"

#include <dirent.h>

namespace osprey::linux {
namespace {

bool is_directory(const Root& root, std::string_view folder, const DirectoryEntry& entry) {
  if (entry.type != DT_LNK && entry.type != DT_UNKNOWN) return entry.type == DT_DIR;
  const auto info = root.stat(std::string(folder) + '/' + entry.name);
  return info && S_ISDIR(info->stx_mode);
}

}  // namespace

Result<std::vector<std::string>> file_names(const Root& root, std::string_view path) {
  std::vector<std::string> names;
  for (auto& entry : TRY(root.list(path)))
    if (!is_directory(root, path, entry)) names.push_back(std::move(entry.name));
  return names;
}

}  // namespace osprey::linux
