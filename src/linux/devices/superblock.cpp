#include "linux/devices/superblock.h"

#include <blkid/blkid.h>

#include <memory>

namespace osprey::linux {

Result<Superblock> probe_superblock(int fd, const std::string& path) {
  const std::unique_ptr<struct blkid_struct_probe, decltype(&blkid_free_probe)> probe(::blkid_new_probe(),
                                                                                      ::blkid_free_probe);
  if (!probe || ::blkid_probe_set_device(probe.get(), fd, 0, 0) != 0) return failure(path, "cannot be probed");
  ::blkid_probe_enable_superblocks(probe.get(), 1);
  ::blkid_probe_set_superblocks_flags(probe.get(), BLKID_SUBLKS_TYPE | BLKID_SUBLKS_UUID | BLKID_SUBLKS_LABEL);
  const int outcome = ::blkid_do_safeprobe(probe.get());
  Superblock found;
  if (outcome == 1 || outcome == -2) return found;
  if (outcome != 0) return failure(path, "cannot be read");
  const auto value = [&](const char* name) {
    const char* text = nullptr;
    return ::blkid_probe_lookup_value(probe.get(), name, &text, nullptr) == 0 && text ? std::string(text)
                                                                                      : std::string();
  };
  found.type = value("TYPE");
  found.uuid = value("UUID");
  found.label = value("LABEL");
  return found;
}

}  // namespace osprey::linux
