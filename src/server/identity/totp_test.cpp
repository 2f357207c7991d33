#include "server/identity/totp.h"

#include <gtest/gtest.h>

namespace osprey::server::identity {
namespace {

constexpr std::string_view kKey = "12345678901234567890";  // RFC 6238, appendix B

TEST(Totp, CodesAreThoseOfTheRfc) {
  EXPECT_EQ(totp_code(kKey, 59 / 30), "287082");
  EXPECT_EQ(totp_code(kKey, 1111111109 / 30), "081804");
  EXPECT_EQ(totp_code(kKey, 1234567890 / 30), "005924");
  EXPECT_EQ(totp_code(kKey, 20000000000 / 30), "353130");
}

TEST(Totp, ClocksMayBeHalfAMinuteOff) {
  const Timestamp now{1'234'567'890'000};
  const auto step = now.ms / 30'000;
  for (const auto near : {step - 1, step, step + 1}) EXPECT_EQ(totp_step(kKey, totp_code(kKey, near), now, 0), near);
  for (const auto far : {step - 2, step + 2}) EXPECT_FALSE(totp_step(kKey, totp_code(kKey, far), now, 0));
  for (const auto* wrong : {"", "00592", "0059240", "abcdef"}) EXPECT_FALSE(totp_step(kKey, wrong, now, 0)) << wrong;
}

TEST(Totp, ACodeCountsOnce) {
  const Timestamp now{1'234'567'890'000};
  const auto step = now.ms / 30'000;
  EXPECT_FALSE(totp_step(kKey, totp_code(kKey, step), now, step));
  EXPECT_FALSE(totp_step(kKey, totp_code(kKey, step - 1), now, step));
  EXPECT_TRUE(totp_step(kKey, totp_code(kKey, step + 1), now, step));
}

TEST(Totp, TheUriTellsAnAuthenticator) {
  EXPECT_EQ(otpauth_uri(kKey, "Ada & Søn"),
            "otpauth://totp/osprey:Ada%20%26%20S%C3%B8n?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=osprey");
}

}  // namespace
}  // namespace osprey::server::identity
