#include "sql/functions/hashing.h"

#include "base/text.h"
#include "sql/functions/call.h"

namespace osprey::sql {

Result<std::string> digest(std::string_view bytes, const EVP_MD* algorithm) {
  std::string value(EVP_MAX_MD_SIZE, '\0');
  unsigned int length = 0;
  if (!EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(value.data()), &length, algorithm,
                  nullptr)) {
    return failure("", std::string(EVP_MD_get0_name(algorithm)) + " is not available");
  }
  value.resize(length);
  return value;
}

namespace {

// Of the text form up to its first NUL, as osquery's users have their hashes stored.
template <const EVP_MD* (*algorithm)()>
void hash(Call& call) {
  if (call.any_null()) return;
  const auto text = call.text(0);
  const auto value = digest(text.substr(0, text.find('\0')), algorithm());
  value ? call.answer(hex(*value)) : call.fail(value.error());
}

}  // namespace

std::span<const Function> hashing_functions() {
  static constexpr Function functions[] = {
      function<hash<EVP_md5>>("md5", 1, kPure),
      function<hash<EVP_sha1>>("sha1", 1, kPure),
      function<hash<EVP_sha256>>("sha256", 1, kPure),
  };
  return functions;
}

}  // namespace osprey::sql
