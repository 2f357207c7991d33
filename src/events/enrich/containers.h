// Containers: what runs in a control group: the container with its name and image, the systemd unit.
//
// Names and images come from the files in which engines keep their state; no socket is touched.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/root.h"
#include "linux/cgroup/hierarchy.h"
#include "linux/containers/cgroup_path.h"

namespace osprey::events {

// Not for several threads.
class Containers {
 public:
  explicit Containers(Root root) : root_(std::move(root)) {}

  struct Facts {
    linux::CgroupOwner owner;
    std::string name, image;  // empty where no state file tells
  };
  // Of a path in the cgroup hierarchy, at a moment in nanoseconds: what is known is asked again after a minute, what is
  // not (its file may be written later) after two seconds and then ever more seldom. Valid until the next call.
  const Facts& of(std::string_view cgroup_path, std::uint64_t moment);
  // Somebody has read a container's files already: they may be gone when it is looked for, or it has another name.
  void learn(std::string_view id, std::string_view name, std::string_view image);

  // The path of a group of the second version's hierarchy by its id (its inode); empty where it is gone. Needs
  // CAP_DAC_READ_SEARCH. Valid until the next call.
  std::string_view path_of(std::uint64_t cgroup_id);

 private:
  // So many groups are remembered, then all are forgotten.
  static constexpr std::size_t kMost = 4096;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>()(text); }
  };
  struct Entry {
    Facts facts;
    std::uint64_t next = 0;  // moment from which it is looked for again
    std::uint64_t wait = 0;
  };
  void look(std::string_view cgroup_path, Entry& entry, std::uint64_t moment) const;

  Root root_;
  std::unordered_map<std::string, Entry, Hash, std::equal_to<>> groups_;
  std::map<std::string, std::pair<std::string, std::string>, std::less<>> learned_;  // name and image, by id
  std::unordered_map<std::uint64_t, std::string> paths_;
  std::optional<std::optional<linux::CgroupHierarchy>> hierarchy_;  // the second version's, once it was looked for
};

// Name and image as one engine's files have them. Empty: it does not know that container.
struct ContainerName {
  std::string name, image;
  std::string_view engine = {};  // where the file tells
  bool is_paused = false;        // docker
};
// Docker's containers/ID/config.v2.json.
std::optional<ContainerName> parse_docker_config(std::string_view text);
// containers.json of containers/storage (podman, CRI-O): one, or all by their ids.
std::optional<ContainerName> parse_storage_containers(std::string_view text, std::string_view id);
std::map<std::string, ContainerName, std::less<>> parse_storage_containers(std::string_view text);
// A bundle's config.json (the OCI runtime specification) with the annotations that containerd's CRI plugin, CRI-O and
// nerdctl write.
std::optional<ContainerName> parse_oci_annotations(std::string_view text);

// Where Docker keeps its things: "data-root" of its configuration.
std::string docker_folder(const Root& root);
// Where containers/storage does: "graphroot" of its configuration (containers-storage.conf(5)), system wide.
std::string storage_folder(const Root& root);
// Where they do for a user who runs them without root's rights, unless configured otherwise.
std::string user_docker_folder(std::string_view home);
std::string user_storage_folder(std::string_view home);
// The storage drivers that have files of containers in containers/storage, in folders named after them.
inline constexpr auto kStorageDrivers = {"overlay", "vfs", "btrfs", "zfs"};

}  // namespace osprey::events
