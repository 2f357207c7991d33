#include "linux/packages/apt_sources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace osprey::linux {
namespace {

TEST(SourcesList, OneLineFormat) {
  const auto found = parse_sources_list(
      "# main archive\n"
      "deb http://deb.debian.org/debian/ bookworm main contrib # ours\n"
      "deb-src http://deb.debian.org/debian bookworm main\r\n"
      "deb [ arch=amd64,arm64 signed-by=/k.gpg trusted=yes ] https://user:secret@host:8080/a_b ./\n"
      "# deb http://off.example.test/x stable main\n"
      "deb cdrom:[Debian GNU/Linux 12 - x]/ bookworm main\n");
  ASSERT_EQ(found.sources.size(), 4u);
  EXPECT_EQ(found.malformed, 0u);
  const auto& main = found.sources[0];
  EXPECT_EQ(main.public_uri(), "http://deb.debian.org/debian");
  EXPECT_EQ(main.name(), "deb.debian.org/debian bookworm");
  EXPECT_EQ(main.list_prefix(), "deb.debian.org_debian_dists_bookworm");
  EXPECT_EQ(main.line, 2u);
  EXPECT_TRUE(main.enabled);
  EXPECT_EQ(main.trusted, std::nullopt);
  const auto& secret = found.sources[1];
  EXPECT_EQ(secret.public_uri(), "https://(redacted)@host:8080/a_b");
  EXPECT_EQ(secret.name(), "(redacted)@host:8080/a_b ./");
  EXPECT_EQ(secret.list_prefix(), "host:8080_a%5fb_.");
  EXPECT_EQ(secret.signed_by, "/k.gpg");
  EXPECT_EQ(secret.trusted, true);
  EXPECT_FALSE(found.sources[2].enabled);
  EXPECT_EQ(found.sources[2].line, 5u);
  EXPECT_EQ(found.sources[3].suite, "bookworm");
}

TEST(SourcesList, WhatAptRejectsIsCounted) {
  const auto found = parse_sources_list(
      "deb\ndeb http://x\nrpm http://x y\ndeb [arch=amd64 http://x y\ndeb nouri stable\n"
      "# deb is the format of packages\n#\n\n");
  EXPECT_TRUE(found.sources.empty());
  EXPECT_EQ(found.malformed, 5u);
}

TEST(Deb822Sources, CombinationsOfAStanza) {
  const auto found = parse_deb822_sources(
      "# comment\n\nTypes: deb deb-src\nURIs: http://a/x/ http://b/\nSuites: one\n two/sub\nComponents: main\n"
      "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\nTrusted: no\n\n"
      "Types: deb\nEnabled: no\nURIs: http://c\nSuites: stable\nSigned-By: /a.gpg\n /b.gpg\n\nTypes: deb-src\nURIs: "
      "http://d\nSuites: s\n");
  ASSERT_EQ(found.sources.size(), 5u);
  EXPECT_EQ(found.malformed, 0u);
  EXPECT_EQ(found.sources[0].name(), "a/x one");
  EXPECT_EQ(found.sources[1].list_prefix(), "a_x_dists_two_sub");
  EXPECT_EQ(found.sources[3].name(), "b two/sub");
  EXPECT_EQ(found.sources[0].line, 3u);
  EXPECT_EQ(found.sources[0].trusted, false);
  EXPECT_EQ(found.sources[0].signed_by, "-----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc");
  EXPECT_EQ(found.sources[4].line, 14u);
  EXPECT_FALSE(found.sources[4].enabled);
  EXPECT_EQ(found.sources[4].signed_by, "/a.gpg /b.gpg");
}

TEST(Deb822Sources, WhatAptRejectsIsCounted) {
  const auto found = parse_deb822_sources(
      "Types: deb\nURIs: http://a\n\nURIs: http://a\nSuites: x\n\nrubbish\n\nTypes: deb\nURIs: a\nSuites: x\n");
  EXPECT_TRUE(found.sources.empty());
  EXPECT_EQ(found.malformed, 4u);
}

TEST(Release, SignedOrNotWithEitherLineEnd) {
  constexpr std::string_view kFields =
      "Origin: Debian\r\nLabel: Debian\r\nVersion: 12.11\r\nCodename: bookworm\r\nArchitectures: all "
      "amd64\r\nComponents: main\r\n"
      "SHA256:\r\n abc 1 x\r\n";
  for (const auto& text : {std::string(kFields), "-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\n" +
                                                     std::string(kFields) + "-----BEGIN PGP SIGNATURE-----\r\n\r\nx"}) {
    const auto release = parse_release(text);
    EXPECT_EQ(release.origin, "Debian");
    EXPECT_EQ(release.version, "12.11");
    EXPECT_EQ(release.codename, "bookworm");
    EXPECT_EQ(release.architectures, "all amd64");
    EXPECT_EQ(release.components, "main");
  }
  EXPECT_EQ(parse_release("").origin, "");
}

}  // namespace
}  // namespace osprey::linux
