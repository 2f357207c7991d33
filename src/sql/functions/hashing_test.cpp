#include "sql/functions/hashing.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace osprey::sql {
namespace {

// RFC 1321 (MD5), FIPS 180 (SHA).
TEST(Digest, PublishedVectors) {
  EXPECT_EQ(hex(digest("message digest", EVP_md5()).value()), "f96b697d7cb7938d525a2f31aaf161d0");
  EXPECT_EQ(hex(digest("abc", EVP_sha1()).value()), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(hex(digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", EVP_sha256()).value()),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

}  // namespace
}  // namespace osprey::sql
