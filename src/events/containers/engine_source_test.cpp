#include "events/containers/engine_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <filesystem>
#include <fstream>

namespace osprey::events {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using namespace std::string_literals;

// EVT-35, CTR-13: what engines leave on disk, as docker 20.10, podman 4.3 and containerd 1.6 did.
class Engines : public testing::Test, public EventSink {
 protected:
  Engines() {
    std::string pattern = fs::temp_directory_path() / "osprey-engines-XXXXXX";
    top = ::mkdtemp(pattern.data());
  }
  ~Engines() override { fs::remove_all(top); }

  void take(AnyEvent any) override {
    const auto& event = *std::get<ContainerEvent*>(any);
    rows.push_back(std::string(event.action)
                       .append(" ")
                       .append(event.container_id.substr(0, 4))
                       .append(" ")
                       .append(event.engine)
                       .append(" ")
                       .append(event.name)
                       .append(" ")
                       .append(event.image));
    EXPECT_NE(event.header.moment, 0U);
  }
  void forked(const ProcessKey&, const ProcessKey&) override {}
  void exited(const ProcessKey&) override {}

  void open(std::chrono::seconds users = std::chrono::minutes(1)) {
    source.emplace(Root::at(top).value(), users);
    ASSERT_TRUE(source->open({}));
  }
  std::vector<std::string> told() {
    rows.clear();
    EXPECT_TRUE(source->next(*this, 100));
    return std::move(rows);
  }
  // As engines do: beside, then in its place.
  void write(const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(top + path).parent_path());
    std::ofstream(top + path + ".new") << text;
    fs::rename(top + path + ".new", top + path);
  }
  void docker(const std::string& id, const std::string& name, bool paused = false) {
    write("/var/lib/docker/containers/" + id + "/config.v2.json",
          R"({"State":{"Paused":)"s + (paused ? "true" : "false") + R"(},"ID":")" + id +
              R"(","Config":{"Image":"shop:1"},"Name":"/)" + name + R"("})");
  }

  std::string top;
  std::optional<EngineSource> source;
  std::vector<std::string> rows;
  const std::string one = std::string(63, '0').append("1");
  const std::string two = std::string("2").append(63, 'a');
};

TEST_F(Engines, WhatIsMadeAndRemovedIsTold) {
  docker(one, "there-before");
  open();
  EXPECT_THAT(told(), IsEmpty());
  docker(two, "web");
  EXPECT_THAT(told(), ElementsAre("create 2aaa docker web shop:1"));
  EXPECT_THAT(told(), IsEmpty());
  fs::remove_all(top + "/var/lib/docker/containers/" + one);
  fs::remove_all(top + "/var/lib/docker/containers/" + two);
  EXPECT_THAT(told(), ElementsAre("destroy 0000 docker there-before shop:1", "destroy 2aaa docker web shop:1"));
  fs::create_directories(top + "/var/lib/docker/containers/tmp");
  EXPECT_THAT(told(), IsEmpty()) << "no container";
}

TEST_F(Engines, ItsNameMayComeLaterThanTheContainer) {
  const std::string storage = "/var/lib/containers/storage/vfs-containers/";
  fs::create_directories(top + storage);
  open();
  fs::create_directories(top + storage + one);
  EXPECT_THAT(told(), IsEmpty());
  write(
      storage + "containers.json",
      R"([{"id":")" + one + R"(","names":["box"],"image":"f00","metadata":"{\"image-name\":\"localhost/tool:2\"}"}])");
  EXPECT_THAT(told(), ElementsAre("create 0000 podman box localhost/tool:2"));
  // Another that goes before anybody wrote its name.
  fs::create_directories(top + storage + two);
  EXPECT_THAT(told(), IsEmpty());
  fs::remove_all(top + storage + two);
  EXPECT_THAT(told(), ElementsAre("create 2aaa podman  ", "destroy 2aaa podman  "));
}

TEST_F(Engines, WhatHasAnotherNameIsToldAndKeepsIt) {
  const std::string list = "/var/lib/containers/storage/vfs-containers/containers.json";
  const auto storage = [&](const std::string& first, const std::string& second) {
    write(list, R"([{"id":")" + one + R"(","names":[")" + first + R"("],"image":"a:1"},{"id":")" + two +
                    R"(","names":[")" + second + R"("],"image":"b:1"}])");
  };
  docker(one, "there-before");
  open();
  docker(one, "web");
  EXPECT_THAT(told(), ElementsAre("rename 0000 docker web shop:1"));
  docker(two, "new");
  EXPECT_THAT(told(), ElementsAre("create 2aaa docker new shop:1"));
  docker(two, "new");
  EXPECT_THAT(told(), IsEmpty());
  docker(two, "shop", true);
  EXPECT_THAT(told(), ElementsAre("rename 2aaa docker shop shop:1", "pause 2aaa docker shop shop:1"));
  docker(two, "shop");
  EXPECT_THAT(told(), ElementsAre("unpause 2aaa docker shop shop:1"));
  fs::remove_all(top + "/var/lib/docker/containers/" + two);
  EXPECT_THAT(told(), ElementsAre("destroy 2aaa docker shop shop:1"));

  storage("first", "second");
  for (const auto& id : {one, two}) fs::create_directories(fs::path(top + list).replace_filename(id));
  EXPECT_THAT(told(), ElementsAre("create 0000 podman first a:1", "create 2aaa podman second b:1"));
  storage("first", "third");
  EXPECT_THAT(told(), ElementsAre("rename 2aaa podman third b:1"));
}

TEST_F(Engines, AnEngineMayComeAndGo) {
  open();
  docker(one, "first");
  EXPECT_THAT(told(), ElementsAre("create 0000 docker first shop:1"));
  fs::remove_all(top + "/var/lib/docker");
  EXPECT_THAT(told(), ElementsAre("destroy 0000 docker first shop:1"));
  docker(two, "again");
  EXPECT_THAT(told(), ElementsAre("create 2aaa docker again shop:1"));
  write("/var/lib/lxc/guest/config", "");
  EXPECT_THAT(told(), ElementsAre("create gues lxc  "));
  source->close();
  EXPECT_EQ(source->descriptor(), -1);
}

TEST_F(Engines, UsersHaveTheirOwn) {
  write("/etc/passwd",
        "root:x:0:0::/root:/bin/sh\njoe:x:1000:1000::/home/joe:/bin/sh\nann:x:1001:1001::/home/ann:/bin/sh\n");
  const std::string joes = "/home/joe/.local/share/containers/storage/overlay-containers/";
  fs::create_directories(top + joes + one);
  open(std::chrono::seconds(0));
  EXPECT_THAT(told(), IsEmpty());
  write(joes + "containers.json",
        R"([{"id":")" + two + R"(","names":["box"],"metadata":"{\"image-name\":\"tool:2\"}"}])");
  fs::create_directories(top + joes + two);
  EXPECT_THAT(told(), ElementsAre("create 2aaa podman box tool:2"));
  // One that ran none yet.
  write("/home/ann/.local/share/docker/containers/" + one + "/config.v2.json",
        R"({"ID":")" + one + R"(","Config":{"Image":"shop:1"},"Name":"/web"})");
  EXPECT_THAT(told(), ElementsAre("create 0000 docker web shop:1"));
  fs::remove_all(top + "/home");
  EXPECT_THAT(told(), UnorderedElementsAre("destroy 0000 podman  ", "destroy 2aaa podman box tool:2",
                                           "destroy 0000 docker web shop:1"));
}

TEST_F(Engines, ContainerdsHaveNamespaces) {
  const std::string tasks = "/run/containerd/io.containerd.runtime.v2.task/";
  fs::create_directories(top + tasks + "default");
  open();
  const auto bundle = [&](const std::string& place, const std::string& name) {
    write(tasks + place + "/config.json", R"({"annotations":{"nerdctl/name":")" + name + R"("}})");
  };
  bundle("default/a", "first");
  EXPECT_THAT(told(), ElementsAre("create a containerd first "));
  bundle("work/b", "second");
  EXPECT_THAT(told(), ElementsAre("create b containerd second "));
  // Told by Docker's folder and by that of Kubernetes.
  bundle("moby/c", "third");
  bundle("k8s.io/d", "fourth");
  EXPECT_THAT(told(), IsEmpty());
  fs::remove_all(top + tasks + "work");
  EXPECT_THAT(told(), ElementsAre("destroy b containerd second "));
}

TEST_F(Engines, FoldersAreWhereTheyAreConfigured) {
  write("/etc/docker/daemon.json", R"({"data-root": "/data/docker"})");
  write("/etc/containers/storage.conf", "graphroot = \"/data/storage\"\n");
  const auto folders = engine_folders(Root::at(top).value());
  EXPECT_EQ(folders.at(0).path, "/data/docker/containers");
  EXPECT_EQ(folders.at(1).path, "/data/storage/overlay-containers");
}

}  // namespace
}  // namespace osprey::events
