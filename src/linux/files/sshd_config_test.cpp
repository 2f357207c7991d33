#include "linux/files/sshd_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/temporary_tree.h"

namespace osprey::linux {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const PasswdEntry kAlice{"alice", 1000, 1000, "", "/home/alice", "/bin/sh"};
const PasswdEntry kBob{"bob", 1001, 1001, "", "/home/bob/", "/bin/sh"};

class SshdConfig : public TemporaryTree {
 protected:
  void config(const std::string& name, std::string_view text) { write("etc/ssh/" + name, text); }
  std::vector<std::string> files_of(const PasswdEntry& user) {
    const auto rules = read_key_files_rules(root());
    EXPECT_TRUE(rules);
    return key_files_of(*rules, user);
  }
};

TEST(SshdLine, Words) {
  EXPECT_THAT(split_sshd_line("  AuthorizedKeysFile = .ssh/a \"b c\" # d"),
              ElementsAre("AuthorizedKeysFile", ".ssh/a", "b c"));
  EXPECT_THAT(split_sshd_line("Port=22"), ElementsAre("Port", "22"));
  EXPECT_THAT(split_sshd_line("Include \"open"), ElementsAre("Include", "open"));
  EXPECT_THAT(split_sshd_line("# x"), IsEmpty());
}

TEST_F(SshdConfig, TokensAndTheFirstLineCounts) {
  config("sshd_config", "authorizedkeysfile /etc/ssh/keys/%u .ssh/more %h/x%% /k/%U none\nAuthorizedKeysFile /late\n");
  EXPECT_THAT(files_of(kAlice),
              ElementsAre("/etc/ssh/keys/alice", "/home/alice/.ssh/more", "/home/alice/x%", "/k/1000"));
  EXPECT_THAT(files_of(kBob), ElementsAre("/etc/ssh/keys/bob", "/home/bob/.ssh/more", "/home/bob//x%", "/k/1001"));
}

TEST_F(SshdConfig, IncludesComeWhereTheyStand) {
  config("sshd_config", "Include /etc/ssh/sshd_config.d/*.conf\nAuthorizedKeysFile /late\n");
  config("sshd_config.d/20-b.conf", "AuthorizedKeysFile /b\n");
  config("sshd_config.d/10-a.conf", "Match user bob\nAuthorizedKeysFile /a\n");
  config("sshd_config.d/05.off", "AuthorizedKeysFile /off\n");
  EXPECT_THAT(files_of(kAlice), ElementsAre("/b"));
  EXPECT_THAT(files_of(kBob), ElementsAre("/a"));
}

TEST_F(SshdConfig, MatchBlocks) {
  config("sshd_config",
         "AuthorizedKeysFile .ssh/keys\nMatch User al*,!alistair\nAuthorizedKeysFile /alice\n"
         "Match Group admins\nAuthorizedKeysFile /shared /own/%u\nMatch all\nAuthorizedKeysFile /all\n");
  EXPECT_THAT(files_of(kAlice), ElementsAre("/alice", "/own/alice"));
  EXPECT_THAT(files_of(kBob), ElementsAre("/all", "/own/bob"));
}

TEST_F(SshdConfig, LoopsEnd) {
  config("sshd_config", "Include sshd_config sshd_config\nAuthorizedKeysFile /a\n");
  EXPECT_THAT(files_of(kAlice), ElementsAre("/a"));
}

TEST_F(SshdConfig, AbsentIsSaidSo) {
  const auto rules = read_key_files_rules(root());
  ASSERT_FALSE(rules);
  EXPECT_TRUE(rules.error().absent());
}

}  // namespace
}  // namespace osprey::linux
