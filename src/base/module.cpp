#include "base/module.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <mutex>
#include <string>

#include "base/version.h"

namespace osprey {
namespace {

// What dlopen(3) and dlsym(3) said last. Their messages begin with the file's name where they are about one.
std::unexpected<Error> loader_failure(const std::string& path) {
  const char* said = ::dlerror();
  std::string message = said ? said : "cannot be opened";
  if (message.starts_with(path + ": ")) message.erase(0, path.size() + 2);
  return failure(path, std::move(message));
}

Result<void*> open(const std::string& path) {
  void* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) return loader_failure(path);
  const auto* built_as = static_cast<const char*>(::dlsym(handle, "osprey_module_version"));
  if (!built_as) return failure(path, "is not a module of osprey");
  if (built_as != version())
    return failure(path, fmt::format("is of version {}, the running program of {}", built_as, version()));
  return handle;
}

}  // namespace

Result<const void*> module_symbol(std::string_view module, const char* symbol) {
  static std::mutex mutex;
  static std::map<std::string, void*> opened;

  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return system_failure(error.value(), "/proc/self/exe");
  const auto directory = (program.parent_path() / "../lib/osprey").lexically_normal();
  const std::string path = directory / (std::string(module) + ".so");

  const std::lock_guard lock(mutex);
  auto found = opened.find(path);
  if (found == opened.end()) found = opened.emplace(path, TRY(open(path))).first;
  const void* address = ::dlsym(found->second, symbol);
  if (!address) return loader_failure(path);
  return address;
}

}  // namespace osprey
