#include "linux/certificates/certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/objects.h>

#include <fstream>
#include <sstream>

namespace osprey::linux {
namespace {

using testing::EndsWith;
using testing::Optional;
using testing::StartsWith;

// A certificate that openssl(1) made, with most of the extensions there are; the expected values are what it prints.
std::string der() {
  std::ifstream file(OSPREY_TESTS_DIRECTORY "/fuzz/corpus/certificate_fuzz/extensions", std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

TEST(Certificate, Names) {
  const auto certificate = Certificate::from_der(der());
  ASSERT_TRUE(certificate);
  EXPECT_THAT(certificate->subject(NID_commonName), Optional(std::string("Ärger.example.test")));
  EXPECT_THAT(certificate->subject(NID_organizationName), Optional(std::string("Osprey Tests")));
  EXPECT_THAT(certificate->issuer(NID_organizationalUnitName), Optional(std::string("Unit;One")));
  EXPECT_EQ(certificate->subject(NID_countryName), std::nullopt);
}

TEST(Certificate, NumbersTimesAndDigests) {
  const auto certificate = Certificate::from_der(der());
  ASSERT_TRUE(certificate);
  EXPECT_EQ(certificate->serial_number(), "0123456789ABCDEF");
  EXPECT_EQ(certificate->version(), 3);
  EXPECT_EQ(certificate->valid_from(), "Nov 22 08:20:34 2026 GMT");
  EXPECT_EQ(certificate->valid_to(), "Nov 19 08:20:34 2036 GMT");
  EXPECT_EQ(certificate->sha256_fingerprint(), "bc79dac4dd15a883294a2deab5896dddeda10ea8bd18af87d2e5e367a30e5c2a");
  EXPECT_EQ(certificate->sha1_fingerprint(), "2a0c02d2d408445ba47746e97564923f868a25e2");
  EXPECT_EQ(certificate->signature_algorithm(), "ecdsa-with-SHA384");
  EXPECT_THAT(certificate->signature(), StartsWith("30:45:02:21:00:bd:00:5a:c4"));
  EXPECT_THAT(certificate->signature(), EndsWith(":11:22:4b"));
}

TEST(Certificate, Extensions) {
  const auto certificate = Certificate::from_der(der());
  ASSERT_TRUE(certificate);
  const std::pair<int, std::string_view> kExpected[] = {
      {NID_subject_key_identifier, "21:2C:E7:90:D9:05:55:9F:BC:32:AD:33:BD:DF:96:2D:97:EE:07:6E"},
      {NID_key_usage, "Digital Signature, Certificate Sign"},
      {NID_ext_key_usage, "TLS Web Server Authentication, TLS Web Client Authentication"},
      {NID_subject_alt_name,
       "DNS:a.example.test, DNS:*.b.example.test, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1, "
       "email:x@example.test"},
      {NID_issuer_alt_name, "DNS:ca.example.test"},
      {NID_info_access, "OCSP - URI:http://ocsp.example.test/;CA Issuers - URI:http://ca.example.test/ca.crt"},
      {NID_certificate_policies, "Policy: 1.2.3.4;Policy: 2.23.140.1.2.1"},
      {NID_basic_constraints, "CA:TRUE, pathlen:1"},
      {NID_name_constraints, "Permitted:;  DNS:example.test"},
      {NID_policy_constraints, "Require Explicit Policy:3"},
      {NID_policy_mappings, ""},
      {NID_sinfo_access, ""},
  };
  for (const auto& [nid, expected] : kExpected) EXPECT_EQ(certificate->extension(nid), expected) << nid;
}

TEST(Certificate, PemIsReadAndWritten) {
  const auto pem = Certificate::from_der(der())->pem();
  EXPECT_THAT(pem, StartsWith("-----BEGIN CERTIFICATE-----\n"));
  const auto again = Certificate::from_pem("words before\n" + pem);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->pem(), pem);
}

TEST(Certificate, WhatIsNoneIsAnError) {
  const auto whole = der();
  EXPECT_FALSE(Certificate::from_der(""));
  EXPECT_FALSE(Certificate::from_der(whole.substr(0, whole.size() - 1)));
  EXPECT_FALSE(Certificate::from_der("\x30\x84\xff\xff\xff\xff"));
  EXPECT_FALSE(Certificate::from_pem(whole));
  EXPECT_FALSE(Certificate::from_pem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
}

}  // namespace
}  // namespace osprey::linux
