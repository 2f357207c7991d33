#include "base/root.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "base/temporary_tree.h"

namespace osprey {
namespace {

namespace fs = std::filesystem;

// A tree below the temporary folder, so that there is something outside of it.
class RootTest : public TemporaryTree {
 protected:
  RootTest() {
    fs::create_directories(top / "tree/links");
    write("outside", "secret");
    write("tree/etc/hosts", "127.0.0.1 localhost\n");
  }

  Root tree() { return *Root::at(top / "tree"); }
};

TEST_F(RootTest, ReadsARegularFile) {
  const auto content = tree().read("/etc/hosts");
  ASSERT_TRUE(content) << content.error().text();
  EXPECT_EQ(content->bytes, "127.0.0.1 localhost\n");
  EXPECT_FALSE(content->truncated);
}

TEST_F(RootTest, AbsentIsToldFromFailed) {
  EXPECT_TRUE(tree().read("/etc/nothing").error().absent());
  EXPECT_TRUE(tree().read("/etc/hosts/below").error().absent());
  EXPECT_FALSE(tree().read("/etc").error().absent());
  EXPECT_FALSE(tree().read("relative").has_value());
}

TEST_F(RootTest, NeitherDotsNorLinksLeaveTheTree) {
  fs::create_symlink("../../outside", top / "tree/links/relative");
  fs::create_symlink("/outside", top / "tree/links/absolute");
  fs::create_symlink("/etc/hosts", top / "tree/links/inside");
  EXPECT_TRUE(tree().read("/../outside").error().absent());
  EXPECT_TRUE(tree().read("/links/relative").error().absent());
  EXPECT_TRUE(tree().read("/links/absolute").error().absent());
  EXPECT_EQ(tree().read("/links/inside")->bytes, "127.0.0.1 localhost\n");
  EXPECT_EQ(*tree().read_link("/links/absolute"), "/outside");
}

TEST_F(RootTest, LinkLoopsEnd) {
  fs::create_symlink("b", top / "tree/links/a");
  fs::create_symlink("a", top / "tree/links/b");
  EXPECT_EQ(tree().read("/links/a").error().code, ELOOP);
}

TEST_F(RootTest, MagicLinksAreRefused) {
  EXPECT_FALSE(Root::host().read("/proc/self/exe").has_value());
  EXPECT_TRUE(Root::host().read_link("/proc/self/exe").has_value());
}

TEST_F(RootTest, WhatIsNoRegularFileIsNamedAndNotOpened) {
  ASSERT_EQ(::mkfifo((top / "tree/fifo").c_str(), 0600), 0);
  EXPECT_EQ(tree().read("/fifo").error().message, "is a FIFO");
  EXPECT_EQ(tree().read("/etc").error().message, "is a directory");
  const int server = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  (top / "tree/socket").string().copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(server, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(tree().read("/socket").error().message, "is a socket");
  ::close(server);
  EXPECT_EQ(Root::host().read("/dev/null").error().message, "is a device");
}

TEST_F(RootTest, CapCutsAndSaysSo) {
  write("tree/big", std::string(10000, 'x'));
  const auto content = tree().read("/big", 4096);
  ASSERT_TRUE(content);
  EXPECT_EQ(content->bytes.size(), 4096u);
  EXPECT_TRUE(content->truncated);
  EXPECT_FALSE(tree().read("/big", 10000)->truncated);
}

TEST_F(RootTest, SparseGigabyteCostsNoMoreThanTheCap) {
  write("tree/sparse", "");
  fs::resize_file(top / "tree/sparse", 1ull << 30);
  const auto content = tree().read("/sparse");
  ASSERT_TRUE(content);
  EXPECT_TRUE(content->truncated);
  EXPECT_LE(content->bytes.capacity(), 2 * Root::kTextCap);
}

TEST_F(RootTest, InterruptedReadEnds) {
  Interrupt interrupt;
  interrupt.request();
  EXPECT_EQ(tree().read("/etc/hosts", Root::kTextCap, interrupt).error().code, ECANCELED);
}

TEST_F(RootTest, ProcessFilesSayNoSizeAndAreReadWhole) {
  const auto content = Root::host().read("/proc/self/status");
  ASSERT_TRUE(content);
  EXPECT_NE(content->bytes.find("Name:"), std::string::npos);
}

TEST_F(RootTest, ListIsSorted) {
  for (const auto* name : {"b", "a", ".hidden"}) write(fs::path("tree/links") / name, "");
  const auto entries = tree().list("/links");
  ASSERT_TRUE(entries);
  std::vector<std::string> names;
  for (const auto& entry : *entries) names.push_back(entry.name);
  EXPECT_EQ(names, (std::vector<std::string>{".hidden", "a", "b"}));
}

TEST_F(RootTest, DirectoryLooksUpItsOwnEntriesOnly) {
  fs::create_symlink("../etc", top / "tree/links/etc");
  const auto directory = tree().directory("/");
  ASSERT_TRUE(directory) << directory.error().text();
  EXPECT_TRUE(directory->enter("etc")->stat("hosts"));
  EXPECT_FALSE(directory->stat(".."));
  EXPECT_FALSE(directory->enter(".."));
  const auto links = tree().directory("/links");
  EXPECT_TRUE(S_ISLNK(links->stat("etc")->stx_mode));
  EXPECT_FALSE(links->enter("etc"));
  EXPECT_TRUE(tree().directory("/links/etc")->stat("hosts"));
  EXPECT_TRUE(directory->enter("nothing").error().absent());
  EXPECT_TRUE(tree().directory("/etc/hosts").error().absent());
}

TEST_F(RootTest, KernelFilesystemsAreNotEnteredFromOutside) {
  const auto directory = Root::host().directory("/");
  ASSERT_TRUE(directory);
  EXPECT_FALSE(directory->enter("proc"));
  EXPECT_TRUE(directory->stat("proc"));
  EXPECT_TRUE(Root::host().directory("/proc")->is_kernel_filesystem());
  EXPECT_TRUE(Root::host().directory("/proc")->enter("sys"));
}

TEST_F(RootTest, RealPath) {
  fs::create_symlink("../etc", top / "tree/links/etc");
  fs::create_symlink("/links/etc/hosts", top / "tree/links/hosts");
  EXPECT_EQ(*tree().real_path("/links/hosts"), "/etc/hosts");
  EXPECT_EQ(*tree().real_path("/links/../../.."), "/");
  EXPECT_TRUE(tree().real_path("/links/nothing").error().absent());
}

TEST_F(RootTest, RootOfAProcess) {
  const auto root = Root::host().of_process(::getpid());
  ASSERT_TRUE(root) << root.error().text();
  EXPECT_TRUE(root->exists("/proc"));
  EXPECT_FALSE(root->is_host());
  EXPECT_TRUE(Root::host().of_process(0x7ffffff0).error().absent());
  fs::create_directories(top / "tree/proc/1");
  fs::create_symlink("/", top / "tree/proc/1/root");
  EXPECT_FALSE(tree().of_process(1)) << "a captured process must not lead out of the tree";
}

// A FUSE mount that nobody serves: a look inside would never return. Mounted in a namespace of the child's own.
TEST_F(RootTest, DeadMountsAreNotTouched) {
  const fs::path dead = top / "tree/dead";
  fs::create_directories(dead);
  fs::create_symlink("/dead", top / "tree/links/to-dead");
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::alarm(10);  // a hang ends the child by SIGALRM
    const int device = ::open("/dev/fuse", O_RDWR);
    if (device < 0 || ::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
      ::_exit(77);
    const auto options = "fd=" + std::to_string(device) + ",rootmode=40000,user_id=0,group_id=0";
    if (::mount("nobody", dead.c_str(), "fuse", 0, options.c_str()) != 0) ::_exit(77);
    const Root root = *Root::at(top / "tree");
    const auto refused = [](const auto& result) {
      return !result && result.error().message == "crosses into a network, FUSE or automount mount";
    };
    const bool right = refused(root.read("/dead/file")) && refused(root.list("/dead")) &&
                       refused(root.stat("/links/to-dead/file")) && refused(root.stat("/etc/../dead/x")) &&
                       root.read("/etc/hosts").has_value() && root.read_link("/links/to-dead").has_value();
    const auto directory = root.directory("/");
    if (!directory || !refused(directory->stat("dead")) || !refused(directory->enter("dead")) ||
        !directory->stat("etc"))
      ::_exit(1);
    ::_exit(right ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << "hung";
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "no right to mount FUSE here";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace osprey
