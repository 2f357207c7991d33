// The module "magic": what linux/files/magic_module.h promises, by libmagic.
#include <magic.h>

#include <vector>

#include "base/module_entry.h"
#include "linux/files/magic_module.h"

namespace osprey::linux {
namespace {

std::unexpected<Error> library_failure(magic_t cookie) {
  const char* said = magic_error(cookie);
  return failure({}, said ? said : "libmagic cannot tell why");
}

Result<void*> load(std::span<const std::span<char>> databases) {
  magic_t cookie = magic_open(MAGIC_NONE);
  if (!cookie) return failure({}, "libmagic cannot be set up");
  std::vector<void*> starts;
  std::vector<std::size_t> sizes;
  for (const auto database : databases) {
    starts.push_back(database.data());
    sizes.push_back(database.size());
  }
  if (magic_load_buffers(cookie, starts.data(), sizes.data(), starts.size()) == 0) return cookie;
  auto error = library_failure(cookie);
  magic_close(cookie);
  return error;
}

void unload(void* database) { magic_close(static_cast<magic_t>(database)); }

int flags_of(MagicAspect aspect) {
  switch (aspect) {
    case MagicAspect::mime_type:
      return MAGIC_MIME_TYPE;
    case MagicAspect::mime_encoding:
      return MAGIC_MIME_ENCODING;
    default:
      return MAGIC_NONE;
  }
}

Result<std::string> describe(void* database, int fd, MagicAspect aspect) {
  auto* cookie = static_cast<magic_t>(database);
  magic_setflags(cookie, flags_of(aspect));
  const char* said = magic_descriptor(cookie, fd);
  if (!said) return library_failure(cookie);
  return std::string(said);
}

}  // namespace
}  // namespace osprey::linux

OSPREY_MODULE(osprey::linux::MagicModule) = {
    .load = osprey::linux::load, .unload = osprey::linux::unload, .describe = osprey::linux::describe};
