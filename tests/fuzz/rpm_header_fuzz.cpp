#include <cstddef>
#include <cstdint>

#include "linux/packages/rpm_header.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  using osprey::linux::RpmTag;
  if (const auto header = osprey::linux::RpmHeader::parse(text)) {
    for (const auto tag : {RpmTag::name, RpmTag::group, RpmTag::epoch, RpmTag::rsa_signature}) {
      header->text(tag);
      header->number(tag);
      header->bytes(tag);
    }
    header->size();
    header->signature_key();
  }
  osprey::linux::openpgp_issuer(text);
  return 0;
}
