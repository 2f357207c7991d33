// Message digests.
#pragma once

#include <openssl/evp.h>

#include <string>
#include <string_view>

#include "base/result.h"

namespace osprey::sql {

// The raw digest. Fails where OpenSSL's policy (FIPS) forbids the algorithm.
Result<std::string> digest(std::string_view bytes, const EVP_MD* algorithm);

}  // namespace osprey::sql
