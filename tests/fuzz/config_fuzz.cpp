#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "protocol/configuration.h"

using namespace osprey;
using namespace osprey::protocol;

namespace {

// Pack files say what the document does, so that a document may name itself.
class SelfFiles final : public PackFiles {
 public:
  explicit SelfFiles(std::string_view text) : text_(text) {}
  Result<std::string> read(const std::string&) const override { return std::string(text_); }
  std::vector<std::string> match(const std::string& pattern) const override { return {pattern}; }

 private:
  std::string_view text_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const SelfFiles files(text);
  const auto strict = parse_document("fuzz", text, ConfigForm::strict, files);
  const auto lenient = parse_document("fuzz", text, ConfigForm::lenient, files);
  // What osquery takes we take too.
  if (strict && !lenient) std::abort();
  if (lenient)
    for (const auto& pack : lenient->packs)
      for (const auto& query : pack.queries) runs_on_linux(query.platform);
  version_satisfies(text.substr(0, size / 2), text.substr(size / 2));
  return 0;
}
