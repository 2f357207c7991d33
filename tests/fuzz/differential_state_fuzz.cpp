#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "agent/differential/result_rows.h"
#include "agent/differential/stored_state.h"

using namespace osprey::agent;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const unsigned bits = data[0] % (stored::kMostIndexBits + 1);
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);

  if (const auto head = stored::decode_head(bytes); head && stored::encode(*head) != bytes) std::abort();

  RowIndex index;
  if (stored::decode_part(bytes, 0, bits, index)) {
    index.seal();
    for (std::size_t i = 0; i < index.size(); ++i) {
      if (!index.take(index.hash(i)) || index.unseen(i) + 1 != index.count(i)) std::abort();
      index.prefetch(index.hash(i));
    }
  }

  auto rest = bytes;
  std::size_t taken = 0;
  for (std::string_view row; ResultRows::take(rest, row);) taken += sizeof(std::uint32_t) + row.size();
  if (taken + rest.size() != bytes.size()) std::abort();

  RowHasher hasher({});
  if (stored::unseal(hasher, "key", bytes)) std::abort();  // nobody guesses a seal
  return 0;
}
