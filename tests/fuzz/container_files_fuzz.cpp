#include <cstddef>
#include <cstdint>

#include "events/enrich/containers.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(osprey::events::parse_docker_config(text));
  static_cast<void>(osprey::events::parse_oci_annotations(text));
  static_cast<void>(osprey::events::parse_storage_containers(text, "00"));
  static_cast<void>(osprey::events::parse_storage_containers(text));
  return 0;
}
