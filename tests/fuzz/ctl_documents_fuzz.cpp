#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "ctl/folder/documents.h"

using namespace osprey::ctl;

// What is read and written again says the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const char* path : {"fuzz.yaml", "fuzz.json"}) {
    const auto documents = read_documents(path, text);
    if (!documents) continue;
    for (const auto& document : *documents) {
      const auto again = read_documents("again.yaml", text_of(document));
      if (!again || again->size() != 1 || again->front().title() != document.title() ||
          again->front().body != document.body)
        std::abort();
    }
  }
  return 0;
}
