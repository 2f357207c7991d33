// The smaller formats below ~/.ssh; each has a section.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "linux/files/authorized_keys.h"
#include "linux/files/known_hosts.h"
#include "linux/files/ssh_blob.h"
#include "linux/files/ssh_config.h"

namespace osprey::linux {
namespace {

using testing::ElementsAre;

constexpr const char* kEd25519 = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

TEST(AuthorizedKeys, KeyAlone) {
  std::string text = "# mine\n\nssh-ed25519 ";
  text.append(kEd25519).append(" alice@host one\n");
  const auto found = parse_authorized_keys(text);
  ASSERT_EQ(found.entries.size(), 1u);
  const auto& key = found.entries[0];
  EXPECT_EQ(key.line, 3u);
  EXPECT_EQ(key.options, std::nullopt);
  EXPECT_EQ(key.algorithm, "ssh-ed25519");
  EXPECT_EQ(key.key, kEd25519);
  EXPECT_EQ(key.comment, "alice@host one");
  // GitHub's published host key and its fingerprint.
  EXPECT_EQ(key.fingerprint_sha256(), "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU");
}

TEST(AuthorizedKeys, OptionsWithQuotedBlanksAndCommas) {
  const auto found = parse_authorized_keys(
      R"(command="echo \"a, b\" ssh-rsa AAAA",no-pty,from="10.0.0.0/8,!10.0.0.1"	ssh-rsa AAAAB3Nza)"
      "\nrestrict sk-ssh-ed25519@openssh.com AAAA\ncert-authority ssh-rsa-cert-v01@openssh.com AAAA c\n");
  ASSERT_EQ(found.entries.size(), 3u);
  EXPECT_EQ(found.entries[0].options, R"(command="echo \"a, b\" ssh-rsa AAAA",no-pty,from="10.0.0.0/8,!10.0.0.1")");
  EXPECT_EQ(found.entries[0].algorithm, "ssh-rsa");
  EXPECT_EQ(found.entries[0].key, "AAAAB3Nza");
  EXPECT_EQ(found.entries[0].comment, std::nullopt);
  EXPECT_EQ(found.entries[1].options, "restrict");
  EXPECT_EQ(found.entries[2].algorithm, "ssh-rsa-cert-v01@openssh.com");
}

TEST(AuthorizedKeys, WhatIsNoKeyIsCounted) {
  const auto found = parse_authorized_keys("ssh-ed25519\nhello world\ncommand=\"open ssh-rsa AAAA\n" +
                                           std::string(1 << 16, 'x') + "\nssh-rsa not*base64\n");
  EXPECT_EQ(found.skipped, 4u);
  ASSERT_EQ(found.entries.size(), 1u);
  EXPECT_EQ(found.entries[0].fingerprint_sha256(), std::nullopt);
}

TEST(KnownHosts, EntriesAsWritten) {
  EXPECT_THAT(
      parse_known_hosts("# c\n\n|1|salt=|hash= ssh-ed25519 AAAA\r\n @cert-authority *.x ssh-rsa AAAA c \n").entries,
      ElementsAre("|1|salt=|hash= ssh-ed25519 AAAA", "@cert-authority *.x ssh-rsa AAAA c"));
}

TEST(SshConfig, BlocksAndOptions) {
  std::vector<std::string> found;
  const auto parsed = parse_ssh_config(
      "# c\nInclude /etc/X\nHost *\n    SendEnv LANG LC_*\n\nMatch user Bob\nPort=22\n"
      "host=a\n\tUser b\nHostName h\n");
  for (const auto& one : parsed.entries) found.push_back(one.block + "|" + one.option);
  EXPECT_THAT(found, ElementsAre("|include /etc/x", "host *|sendenv lang lc_*", "match user bob|port=22",
                                 "host=a|user b", "host=a|hostname h"));
}

TEST(SshBlob, Base64) {
  EXPECT_EQ(decode_base64("aGk="), "hi");
  EXPECT_EQ(decode_base64("aG\nk"), "hi");
  EXPECT_EQ(decode_base64(""), "");
  EXPECT_EQ(decode_base64("a"), std::nullopt);
  EXPECT_EQ(decode_base64("aG-k"), std::nullopt);
  EXPECT_EQ(decode_base64("aG=k"), std::nullopt);
}

TEST(SshBlob, LengthsBeyondTheEnd) {
  EXPECT_EQ(SshReader(std::string_view("\xff\xff\xff\xff"
                                       "a",
                                       5))
                .string(),
            std::nullopt);
  EXPECT_EQ(SshReader(std::string_view("\0\0", 2)).number(), std::nullopt);
  EXPECT_EQ(SshReader(std::string_view("\0\0\0\x02\0\x81", 6)).integer_bits(), 8);
  EXPECT_EQ(SshReader(std::string_view("\0\0\0\0", 4)).integer_bits(), 0);
}

}  // namespace
}  // namespace osprey::linux
