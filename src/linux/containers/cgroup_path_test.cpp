#include "linux/containers/cgroup_path.h"

#include <gtest/gtest.h>

namespace osprey::linux {
namespace {

const std::string kId(64, 'a');
const std::string kInner = std::string(63, 'b') + "0";
const std::string kPod = "0a1b2c3d-1111-2222-3333-444455556666";

struct Case {
  std::string path;
  std::string container_id;
  std::string engine;
  std::string unit;
  std::string pod_id = "";
};

TEST(CgroupPath, RealWorldPaths) {
  const std::string uid = "0a1b2c3d_1111_2222_3333_444455556666";
  const std::vector<Case> cases = {
      {"/", "", "", ""},
      {"/init.scope", "", "", "init.scope"},
      {"/system.slice/ssh.service", "", "", "ssh.service"},
      {"/system.slice/system-getty.slice/getty@tty1.service", "", "", "getty@tty1.service"},
      {"/user.slice/user-1000.slice/session-3.scope", "", "", "session-3.scope"},
      {"/user.slice/user-1000.slice/user@1000.service/app.slice/app-firefox.service", "", "", "user@1000.service"},
      {"/system.slice/_cpu.service", "", "", "cpu.service"},
      {"/user.slice/user-1000.slice", "", "", ""},
      // Docker: both drivers, nested, buildkit, and the daemons themselves
      {"/docker/" + kId, kId, "docker", ""},
      {"/system.slice/docker-" + kId + ".scope", kId, "docker", "docker-" + kId + ".scope"},
      {"/system.slice/docker-" + kId + ".scope/system.slice/nginx.service", kId, "docker", "docker-" + kId + ".scope"},
      {"/docker/" + kId + "/docker/" + kInner, kInner, "docker", ""},
      {"/system.slice/docker.service", "", "", "docker.service"},
      {"/docker/buildkit/q9xf1d8k2m3n4p5r6s7t8u9v0", "q9xf1d8k2m3n4p5r6s7t8u9v0", "docker", ""},
      {"/../../system.slice/docker-" + kId + ".scope", kId, "docker", "docker-" + kId + ".scope"},
      // Kubernetes: systemd and cgroupfs drivers, containerd, CRI-O, docker, a static pod
      {"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + uid + ".slice/cri-containerd-" + kId +
           ".scope",
       kId, "containerd", "cri-containerd-" + kId + ".scope", kPod},
      {"/kubepods.slice/kubepods-pod" + uid + ".slice/crio-" + kId + ".scope", kId, "crio", "crio-" + kId + ".scope",
       kPod},
      {"/kubepods.slice/kubepods-pod" + uid + ".slice/crio-conmon-" + kId + ".scope", "", "",
       "crio-conmon-" + kId + ".scope", kPod},
      {"/kubepods/besteffort/pod" + kPod + "/" + kId, kId, "", "", kPod},
      {"/kubepods/burstable/pod0123456789abcdef0123456789abcdef/" + kId, kId, "", "",
       "0123456789abcdef0123456789abcdef"},
      {"/system.slice/containerd.service/kubepods-burstable-pod" + uid + ".slice:cri-containerd:" + kId, kId,
       "containerd", "containerd.service", kPod},
      {"/kubelet.slice/kubelet-kubepods.slice", "", "", ""},
      {"/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" + uid + ".slice/cri-containerd-" + kId + ".scope",
       kId, "containerd", "cri-containerd-" + kId + ".scope", kPod},
      // containerd without Kubernetes, ECS
      {"/system.slice/nerdctl-" + kId + ".scope", kId, "containerd", "nerdctl-" + kId + ".scope"},
      {"/default/" + kId, kId, "", ""},
      {"/ecs/0123456789abcdef0123456789abcdef/" + kId, kId, "", ""},
      {"/ecs/0123456789abcdef0123456789abcdef/0123456789abcdef0123456789abcdef-1234567890",
       "0123456789abcdef0123456789abcdef-1234567890", "docker", ""},
      // podman: root, rootless, Quadlet, cgroupfs, pods, and its monitor
      {"/machine.slice/libpod-" + kId + ".scope/container", kId, "podman", "libpod-" + kId + ".scope"},
      {"/machine.slice/libpod-conmon-" + kId + ".scope", "", "", "libpod-conmon-" + kId + ".scope"},
      {"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + kId + ".scope/container", kId, "podman",
       "user@1000.service"},
      {"/system.slice/web.service/libpod-payload-" + kId, kId, "podman", "web.service"},
      {"/libpod_parent/libpod-" + kId, kId, "podman", ""},
      {"/machine.slice/machine-libpod_pod_" + kInner + ".slice/libpod-" + kId + ".scope", kId, "podman",
       "libpod-" + kId + ".scope"},
      // LXC, LXD, Incus, and the monitor on the host's side
      {"/lxc/web/init.scope", "web", "lxc", ""},
      {"/lxc.payload.web/system.slice/ssh.service", "web", "lxc", ""},
      {"/lxc.payload/web", "web", "lxc", ""},
      {"/lxc.monitor.web", "", "", ""},
      // nspawn and machined; a virtual machine is no container
      {"/machine.slice/systemd-nspawn@deb\\x2d12.service/payload", "deb-12", "nspawn",
       "systemd-nspawn@deb\\x2d12.service"},
      {"/machine.slice/machine-arch.scope", "arch", "nspawn", "machine-arch.scope"},
      {"/machine.slice/machine-qemu\\x2d1\\x2dweb.scope/libvirt/emulator", "", "", "machine-qemu\\x2d1\\x2dweb.scope"},
  };
  for (const auto& one : cases) {
    const auto owner = parse_cgroup_path(one.path);
    EXPECT_EQ(owner.container_id, one.container_id) << one.path;
    EXPECT_EQ(owner.engine, one.engine) << one.path;
    EXPECT_EQ(owner.unit, one.unit) << one.path;
    EXPECT_EQ(owner.pod_id, one.pod_id) << one.path;
  }
}

TEST(CgroupPath, IdsOfTheWrongLengthOrAlphabetAreNone) {
  for (const auto& path : {"/docker/" + kId.substr(1), "/docker/" + std::string(64, 'g'), std::string("/docker/"),
                           "/system.slice/docker-" + kId + "a.scope", std::string("//:/::"), std::string("lxc/")})
    EXPECT_EQ(parse_cgroup_path(path).container_id, "") << path;
}

TEST(ProcessCgroups, HybridHostTakesTheUnitFromSystemdsHierarchy) {
  const auto owner =
      parse_process_cgroups("9:memory:/docker/" + kId + "\n2:pids:/other.service\n1:name=systemd:/system.slice/" +
                            "docker.service\n0::/unified.service\n");
  EXPECT_EQ(owner.container_id, kId);
  EXPECT_EQ(owner.unit, "docker.service");
}

TEST(ProcessCgroups, UnifiedHierarchyAndOddLines) {
  EXPECT_EQ(parse_process_cgroups("0::/system.slice/a:b.service\n").unit, "a:b.service");
  EXPECT_EQ(parse_process_cgroups("").unit, "");
  EXPECT_EQ(parse_process_cgroups("garbage\n\n::\n1:\n").unit, "");
}

TEST(ProcessCgroups, FirstPathKeepsColons) {
  EXPECT_EQ(first_cgroup_path("9:memory:/a:b\n8:pids:/c\n"), "/a:b");
  EXPECT_EQ(first_cgroup_path("0::/\n"), "/");
  EXPECT_EQ(first_cgroup_path("0\n"), "");
  EXPECT_EQ(first_cgroup_path(""), "");
}

}  // namespace
}  // namespace osprey::linux
