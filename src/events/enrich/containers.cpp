#include "events/enrich/containers.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <tuple>
#include <vector>

#include "base/mountinfo.h"
#include "base/text.h"
#include "linux/files/passwd.h"

namespace osprey::events {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kAgain = 60 * kSecond;
constexpr std::uint64_t kFirstWait = 2 * kSecond;

std::optional<json::value> parse_json(std::string_view text) {
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = 64;
  options.allow_invalid_utf8 = true;
  auto value = json::parse(text, error, {}, options);
  if (error) return std::nullopt;
  return value;
}

std::string text_in(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_string() ? std::string(std::string_view(value->get_string())) : std::string();
}

std::string first_text_in(const json::object& object, std::initializer_list<std::string_view> keys) {
  for (const auto key : keys)
    if (auto text = text_in(object, key); !text.empty()) return text;
  return {};
}

// Of a container of a user's own: the home of whom the control group names.
std::optional<std::string> home_in(const Root& root, std::string_view cgroup_path) {
  constexpr std::string_view kManager = "/user@";
  const auto at = cgroup_path.find(kManager);
  if (at == cgroup_path.npos) return std::nullopt;
  auto rest = cgroup_path.substr(at + kManager.size());
  const auto uid = parse<std::uint32_t>(take_until(rest, '.'));
  auto accounts = linux::read_passwd(root);
  if (!uid || !accounts) return std::nullopt;
  for (auto& entry : accounts->entries)
    if (entry.uid == *uid && entry.directory.starts_with('/')) return std::move(entry.directory);
  return std::nullopt;
}

std::optional<ContainerName> in_docker(const Root& root, const std::string& id, std::string_view cgroup_path) {
  std::vector<std::string> folders{docker_folder(root)};
  if (const auto home = home_in(root, cgroup_path)) folders.push_back(user_docker_folder(*home));
  for (const auto& folder : folders)
    if (const auto text = root.read(fmt::format("{}/containers/{}/config.v2.json", folder, id)))
      return parse_docker_config(text->bytes);
  return std::nullopt;
}

std::optional<ContainerName> in_storage(const Root& root, const std::string& id, std::string_view cgroup_path) {
  std::vector<std::string> folders{storage_folder(root)};
  if (const auto home = home_in(root, cgroup_path)) folders.push_back(user_storage_folder(*home));
  for (const auto& folder : folders) {
    for (const auto* driver : kStorageDrivers) {
      for (const auto* file : {"containers.json", "volatile-containers.json"}) {
        const auto text = root.read(fmt::format("{}/{}-containers/{}", folder, driver, file));
        if (!text) continue;
        if (auto found = parse_storage_containers(text->bytes, id)) return found;
      }
    }
  }
  return std::nullopt;
}

std::optional<ContainerName> in_bundles(const Root& root, const std::string& id) {
  constexpr const char* kTasks = "/run/containerd/io.containerd.runtime.v2.task";
  std::vector<std::string> bundles;
  if (const auto namespaces = root.list(kTasks))
    for (const auto& one : *namespaces) bundles.push_back(fmt::format("{}/{}/{}", kTasks, one.name, id));
  bundles.push_back(fmt::format("/run/containers/storage/overlay-containers/{}/userdata", id));
  for (const auto& bundle : bundles) {
    const auto text = root.read(bundle + "/config.json");
    if (!text) continue;
    if (auto found = parse_oci_annotations(text->bytes)) return found;
  }
  return std::nullopt;
}

ContainerName stored_name(const json::object& container) {
  ContainerName found{.engine = "podman"};
  if (const auto* names = container.if_contains("names"); names && names->is_array() && !names->get_array().empty())
    if (const auto* name = names->get_array().front().if_string()) found.name = std::string_view(*name);
  // JSON within JSON; the image's name is only there.
  if (const auto metadata = parse_json(text_in(container, "metadata")); metadata && metadata->is_object()) {
    const auto& known = metadata->get_object();
    if (known.contains("pod-id")) found.engine = "crio";
    if (found.name.empty()) found.name = first_text_in(known, {"name", "container-name"});
    found.image = text_in(known, "image-name");
  }
  if (found.image.empty()) found.image = text_in(container, "image");
  return found;
}

// Ids of engines; not what might lead somewhere else in a path.
bool is_plain(std::string_view id) {
  return !id.empty() && id.size() <= 255 && id.front() != '.' &&
         std::all_of(id.begin(), id.end(), [](unsigned char c) { return std::isalnum(c) || std::strchr("-_.", c); });
}

}  // namespace

std::string docker_folder(const Root& root) {
  if (const auto config = root.read("/etc/docker/daemon.json"))
    if (const auto parsed = parse_json(config->bytes); parsed && parsed->is_object())
      if (auto own = text_in(parsed->get_object(), "data-root"); own.starts_with('/')) return own;
  return "/var/lib/docker";
}

std::string storage_folder(const Root& root) {
  for (const auto* path : {"/etc/containers/storage.conf", "/usr/share/containers/storage.conf"}) {
    const auto config = root.read(path);
    if (!config) continue;
    for (auto line : Lines(config->bytes)) {
      const auto key = trim(take_until(line, '='));
      const auto value = trim(line);
      if (key == "graphroot" && value.size() > 2 && value.starts_with("\"/") && value.ends_with('"'))
        return std::string(value.substr(1, value.size() - 2));
    }
  }
  return "/var/lib/containers/storage";
}

std::string user_docker_folder(std::string_view home) { return fmt::format("{}/.local/share/docker", home); }
std::string user_storage_folder(std::string_view home) {
  return fmt::format("{}/.local/share/containers/storage", home);
}

std::optional<ContainerName> parse_docker_config(std::string_view text) {
  const auto parsed = parse_json(text);
  const auto* container = parsed ? parsed->if_object() : nullptr;
  if (!container) return std::nullopt;
  ContainerName found{.name = text_in(*container, "Name"), .engine = "docker"};
  if (found.name.starts_with('/')) found.name.erase(0, 1);
  const auto* config = container->if_contains("Config");
  if (config && config->is_object()) found.image = text_in(config->get_object(), "Image");
  if (const auto* state = container->if_contains("State"); state && state->is_object())
    if (const auto* paused = state->get_object().if_contains("Paused")) found.is_paused = *paused == true;
  return found;
}

std::optional<ContainerName> parse_storage_containers(std::string_view text, std::string_view id) {
  const auto parsed = parse_json(text);
  const auto* all = parsed ? parsed->if_array() : nullptr;
  if (!all) return std::nullopt;
  for (const auto& one : *all)
    if (const auto* container = one.if_object(); container && text_in(*container, "id") == id)
      return stored_name(*container);
  return std::nullopt;
}

std::map<std::string, ContainerName, std::less<>> parse_storage_containers(std::string_view text) {
  std::map<std::string, ContainerName, std::less<>> names;
  const auto parsed = parse_json(text);
  const auto* all = parsed ? parsed->if_array() : nullptr;
  if (!all) return names;
  for (const auto& one : *all)
    if (const auto* container = one.if_object()) names.emplace(text_in(*container, "id"), stored_name(*container));
  return names;
}

std::optional<ContainerName> parse_oci_annotations(std::string_view text) {
  const auto parsed = parse_json(text);
  const auto* bundle = parsed ? parsed->if_object() : nullptr;
  const auto* member = bundle ? bundle->if_contains("annotations") : nullptr;
  const auto* annotations = member ? member->if_object() : nullptr;
  if (!annotations) return std::nullopt;
  ContainerName found;
  found.name = first_text_in(*annotations,
                             {"io.kubernetes.cri.container-name", "io.kubernetes.container.name",
                              "io.kubernetes.cri-o.ContainerName", "nerdctl/name", "io.kubernetes.cri.sandbox-name"});
  found.image = first_text_in(
      *annotations, {"io.kubernetes.cri.image-name", "io.kubernetes.cri-o.ImageName", "io.kubernetes.cri-o.Image"});
  if (found.name.empty() && found.image.empty()) return std::nullopt;
  return found;
}

const Containers::Facts& Containers::of(std::string_view cgroup_path, std::uint64_t moment) {
  auto found = groups_.find(cgroup_path);
  if (found == groups_.end()) {
    if (groups_.size() >= kMost) groups_.clear();
    found = groups_.emplace(cgroup_path, Entry{}).first;
    found->second.facts.owner = linux::parse_cgroup_path(cgroup_path);
  }
  Entry& entry = found->second;
  if (!entry.facts.owner.container_id.empty() && moment >= entry.next) look(cgroup_path, entry, moment);
  return entry.facts;
}

void Containers::learn(std::string_view id, std::string_view name, std::string_view image) {
  if (name.empty() && image.empty()) return;
  if (learned_.size() >= kMost) learned_.clear();
  std::pair learned{std::string(name), std::string(image)};
  if (const auto known = learned_.find(id); known != learned_.end() && known->second == learned) return;
  for (auto& [path, entry] : groups_)
    if (entry.facts.owner.container_id == id) std::tie(entry.facts.name, entry.facts.image) = learned;
  learned_.insert_or_assign(std::string(id), std::move(learned));
}

void Containers::look(std::string_view cgroup_path, Entry& entry, std::uint64_t moment) const {
  const auto& id = entry.facts.owner.container_id;
  std::optional<ContainerName> found;
  if (const auto known = learned_.find(id); known != learned_.end() && entry.wait == 0)
    found = {known->second.first, known->second.second};
  if (!found && is_plain(id)) {
    found = in_docker(root_, id, cgroup_path);
    if (!found) found = in_bundles(root_, id);
    if (!found) found = in_storage(root_, id, cgroup_path);
  }
  if (found) {
    entry.facts.name = std::move(found->name);
    entry.facts.image = std::move(found->image);
  }
  entry.wait = found ? kAgain : std::clamp(entry.wait * 2, kFirstWait, kAgain);
  entry.next = moment + entry.wait;
}

std::string_view Containers::path_of(std::uint64_t cgroup_id) {
  if (!root_.is_host() || cgroup_id == 0) return {};
  if (const auto known = paths_.find(cgroup_id); known != paths_.end()) return known->second;
  if (!hierarchy_) {
    const auto text = root_.read("/proc/self/mountinfo");
    hierarchy_.emplace(linux::CgroupHierarchy::unified(text ? parse_mountinfo(text->bytes) : MountTable{}));
  }
  const auto group = *hierarchy_ ? (*hierarchy_)->group(cgroup_id) : std::nullopt;
  if (!group) return {};
  if (paths_.size() >= kMost) paths_.clear();
  return paths_.emplace(cgroup_id, *group).first->second;
}

}  // namespace osprey::events
