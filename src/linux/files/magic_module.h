// What the module "magic" (libmagic) does for the program; opened by base/module.h.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace osprey::linux {

// What can be asked about a file's content.
enum class MagicAspect { data, mime_type, mime_encoding };

// Runs in a sandbox, where nothing can be opened.
struct MagicModule {
  static constexpr std::string_view kName = "magic";

  // Compiled databases in writable memory, which must stay for as long as what is returned.
  Result<void*> (*load)(std::span<const std::span<char>> databases);
  void (*unload)(void* database);
  // What libmagic says of the regular file open at `fd`.
  Result<std::string> (*describe)(void* database, int fd, MagicAspect aspect);
};

}  // namespace osprey::linux
