#include "events/enrich/containers.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/temporary_tree.h"

namespace osprey::events {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
const std::string kId(64, 'a');
const std::string kOther(64, 'b');

using ContainersTest = TemporaryTree;

// EVT-35: container id, name and image.
TEST_F(ContainersTest, DockersAreNamedByItsStateFile) {
  write("var/lib/docker/containers/" + kId + "/config.v2.json",
        R"({"ID":"x","Name":"/web","Image":"sha256:12","Config":{"Image":"nginx:1.27"}})");
  Containers containers(root());
  const auto& facts = containers.of("/system.slice/docker-" + kId + ".scope", kSecond);
  EXPECT_EQ(facts.owner.container_id, kId);
  EXPECT_EQ(facts.owner.engine, "docker");
  EXPECT_EQ(facts.name, "web");
  EXPECT_EQ(facts.image, "nginx:1.27");
}

TEST_F(ContainersTest, DockersMayBeElsewhere) {
  write("etc/docker/daemon.json", R"({"data-root": "/srv/docker"})");
  write("srv/docker/containers/" + kId + "/config.v2.json", R"({"Name":"/db","Config":{"Image":"postgres"}})");
  Containers containers(root());
  EXPECT_EQ(containers.of("/docker/" + kId, kSecond).name, "db");
}

TEST_F(ContainersTest, PodmansAreNamedByItsStorageAlsoAUsersOwn) {
  const auto entry = [](const std::string& id, const std::string& name) {
    return R"([{"id":")" + kOther + R"(0","names":["no"]},{"id":")" + id + R"(","names":[")" + name +
           R"("],"image":"cafe","metadata":"{\"image-name\":\"docker.io/library/alpine:3\",\"name\":\"x\"}"}])";
  };
  write("etc/containers/storage.conf", "[storage]\ndriver = \"vfs\"\n graphroot = \"/big/storage\"\n");
  write("big/storage/vfs-containers/containers.json", entry(kId, "job"));
  write("etc/passwd", "joe:x:1000:1000::/home/joe:/bin/sh\n");
  write("home/joe/.local/share/containers/storage/overlay-containers/volatile-containers.json", entry(kOther, "own"));
  Containers containers(root());
  const auto& system = containers.of("/machine.slice/libpod-" + kId + ".scope", kSecond);
  EXPECT_EQ(system.owner.engine, "podman");
  EXPECT_EQ(system.name, "job");
  EXPECT_EQ(system.image, "docker.io/library/alpine:3");
  const auto path = "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + kOther + ".scope";
  EXPECT_EQ(containers.of(path, kSecond).name, "own");
}

TEST_F(ContainersTest, BundlesNameThoseOfKubernetes) {
  write("run/containerd/io.containerd.runtime.v2.task/k8s.io/" + kId + "/config.json",
        R"({"ociVersion":"1.0","annotations":{"io.kubernetes.cri.container-name":"app",)"
        R"("io.kubernetes.cri.image-name":"registry/app:2","io.kubernetes.cri.sandbox-name":"pod"}})");
  write("run/containers/storage/overlay-containers/" + kOther + "/userdata/config.json",
        R"({"annotations":{"io.kubernetes.cri-o.ContainerName":"side","io.kubernetes.cri-o.ImageName":"side:1"}})");
  Containers containers(root());
  const auto& app = containers.of("/kubepods.slice/cri-containerd-" + kId + ".scope", kSecond);
  EXPECT_EQ(app.name, "app");
  EXPECT_EQ(app.image, "registry/app:2");
  EXPECT_EQ(containers.of("/kubepods.slice/crio-" + kOther + ".scope", kSecond).name, "side");
}

TEST_F(ContainersTest, WhatIsNotThereYetIsLookedForAgain) {
  Containers containers(root());
  const auto path = "/docker/" + kId;
  EXPECT_EQ(containers.of(path, 10 * kSecond).name, "");
  write("var/lib/docker/containers/" + kId + "/config.v2.json", R"({"Name":"/late"})");
  EXPECT_EQ(containers.of(path, 11 * kSecond).name, "");
  EXPECT_EQ(containers.of(path, 12 * kSecond).name, "late");
  // A new name after a minute, also the old one where the file is gone.
  write("var/lib/docker/containers/" + kId + "/config.v2.json", R"({"Name":"/renamed"})");
  EXPECT_EQ(containers.of(path, 13 * kSecond).name, "late");
  EXPECT_EQ(containers.of(path, 72 * kSecond).name, "renamed");
  std::filesystem::remove_all(top / "var");
  EXPECT_EQ(containers.of(path, 200 * kSecond).name, "renamed");
}

TEST_F(ContainersTest, ANewNameHoldsAtOnce) {
  write("var/lib/docker/containers/" + kId + "/config.v2.json", R"({"Name":"/web","Config":{"Image":"shop:1"}})");
  Containers containers(root());
  const auto path = "/docker/" + kId;
  EXPECT_EQ(containers.of(path, kSecond).name, "web");
  containers.learn(kId, "shop", "shop:1");
  EXPECT_EQ(containers.of(path, kSecond).name, "shop");
  EXPECT_EQ(containers.of(path + "/inner", kSecond).name, "shop");
}

TEST_F(ContainersTest, UnitsAreToldAndNonsenseIsNotFollowed) {
  Containers containers(root());
  const auto& unit = containers.of("/system.slice/ssh.service", kSecond);
  EXPECT_EQ(unit.owner.unit, "ssh.service");
  EXPECT_EQ(unit.owner.container_id, "");
  EXPECT_FALSE(parse_docker_config("[1"));
  EXPECT_FALSE(parse_docker_config("[]"));
  EXPECT_EQ(parse_docker_config(R"({"Name":5,"Config":[]})")->name, "");
  EXPECT_FALSE(parse_storage_containers(R"([5,{"id":"a"}])", "b"));
  EXPECT_EQ(parse_storage_containers(R"([{"id":"a","names":[5],"metadata":"{"}])", "a")->name, "");
  EXPECT_FALSE(parse_oci_annotations(R"({"annotations":{"a":"b"}})"));
}

// This kernel's own hierarchy of the second version.
TEST(Containers, GroupsAreFoundByTheirIds) {
  std::string mount;
  for (const auto* path : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"})
    if (std::filesystem::exists(std::string(path) + "/cgroup.procs") &&
        std::filesystem::exists(std::string(path) + "/cgroup.controllers"))
      mount = path;
  ASSERT_FALSE(mount.empty()) << "no hierarchy of the second version is mounted here";
  const auto group = mount + "/osprey-enrich-test";
  ASSERT_TRUE(std::filesystem::create_directory(group));
  struct stat facts{};
  ASSERT_EQ(::stat(group.c_str(), &facts), 0);
  Containers containers(Root::host());
  EXPECT_EQ(containers.path_of(facts.st_ino), "/osprey-enrich-test");
  EXPECT_EQ(containers.path_of(facts.st_ino), "/osprey-enrich-test");
  std::filesystem::remove(group);
  EXPECT_EQ(containers.path_of(facts.st_ino + 1'000'000), "");
}

}  // namespace
}  // namespace osprey::events
