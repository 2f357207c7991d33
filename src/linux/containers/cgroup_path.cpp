#include "linux/containers/cgroup_path.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/text.h"

namespace osprey::linux {
namespace {

bool all_hex(std::string_view text) { return !text.empty() && text.find_first_not_of("0123456789abcdef") == text.npos; }

// The engines' 256 bit ids.
bool is_container_id(std::string_view text) { return text.size() == 64 && all_hex(text); }

// ECS on Fargate: 32 hexadecimal digits, a dash, a decimal number.
bool is_fargate_id(std::string_view text) {
  const auto dash = text.find('-');
  return dash == 32 && all_hex(text.substr(0, dash)) && dash + 1 < text.size() &&
         text.find_first_not_of("0123456789", dash + 1) == text.npos;
}

bool strip_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

bool strip_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// The systemd drivers name a container's scope ENGINE-ID.scope.
struct Prefix {
  std::string_view text;
  std::string_view engine;
};
constexpr std::array<Prefix, 7> kScopes = {{{"docker-", "docker"},
                                            {"cri-containerd-", "containerd"},
                                            {"nerdctl-", "containerd"},
                                            {"crio-", "crio"},
                                            {"libpod-payload-", "podman"},
                                            {"libpod-", "podman"},
                                            {"isulad-", "isulad"}}};

// systemd escapes bytes as \xNN (systemd.unit(5)).
std::string unescape_unit(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("\\x") && i + 4 <= text.size()) {
      if (const auto byte = parse<unsigned>(text.substr(i + 2, 2), 16)) {
        plain += static_cast<char>(*byte);
        i += 3;
        continue;
      }
    }
    plain += text[i];
  }
  return plain;
}

// kubepods-burstable-pod1234_5678.slice, or the plain directory pod1234-5678. Static pods have a hash for a uid.
std::optional<std::string> pod_of(std::string_view component) {
  const bool slice = strip_suffix(component, ".slice");
  if (slice) {
    const auto at = component.rfind("-pod");
    if (at == component.npos || component.find("kubepods") == component.npos) return std::nullopt;
    component.remove_prefix(at + 1);
  }
  if (!strip_prefix(component, "pod")) return std::nullopt;
  if (component.size() < 32 || component.find_first_not_of("0123456789abcdef-_") != component.npos) return std::nullopt;
  std::string id(component);
  for (auto& c : id)
    if (c == '_') c = '-';
  return id;
}

bool is_unit(std::string_view component) {
  static constexpr std::array<std::string_view, 5> kTypes = {".service", ".scope", ".socket", ".mount", ".swap"};
  return std::ranges::any_of(kTypes,
                             [&](auto type) { return component.size() > type.size() && component.ends_with(type); });
}

// The engine that a plain directory names, for cgroupfs drivers.
std::string_view engine_of_directory(std::string_view name) {
  if (name == "docker" || name == "ecs" || name == "buildkit") return "docker";
  if (name == "libpod_parent") return "podman";
  return {};
}

// Recognises a container in one component. `parent` is the component before it.
bool container_of(std::string_view component, std::string_view parent, CgroupOwner& owner) {
  const auto found = [&](std::string id, std::string_view engine) {
    owner.container_id = std::move(id);
    owner.engine = engine;
    return true;
  };
  // A systemd path handed to the cgroupfs driver: SLICE:ENGINE:ID.
  if (const auto colon = component.rfind(':');
      colon != component.npos && is_container_id(component.substr(colon + 1))) {
    auto before = component.substr(0, colon);
    const auto engine = before.substr(before.rfind(':') == before.npos ? 0 : before.rfind(':') + 1);
    if (auto pod = pod_of(take_until(before, ':'))) owner.pod_id = std::move(*pod);
    const auto known = std::ranges::find_if(kScopes, [&](auto& scope) { return scope.text.starts_with(engine); });
    return found(std::string(component.substr(colon + 1)), known == kScopes.end() ? "" : known->engine);
  }
  auto name = component;
  const bool scope = strip_suffix(name, ".scope");
  for (const auto& prefix : kScopes) {
    auto id = name;
    if (strip_prefix(id, prefix.text) && is_container_id(id)) return found(std::string(id), prefix.engine);
  }
  if (scope && strip_prefix(name, "machine-")) {
    // machined's scopes: virtual machines of libvirt (machine-qemu…) are no containers.
    if (name.starts_with("qemu") || name.starts_with("libpod")) return false;
    auto machine = unescape_unit(name);
    if (machine.starts_with("lxc-")) return found(std::move(machine), "lxc");
    return found(std::move(machine), "nspawn");
  }
  if (scope) return false;
  if (auto service = component; strip_suffix(service, ".service")) {
    if (strip_prefix(service, "systemd-nspawn@")) return found(unescape_unit(service), "nspawn");
    return false;
  }
  if (is_container_id(component)) {
    // Under a pod the runtime is not told: the kubelet's cgroupfs driver names containers by their bare id.
    return found(std::string(component), engine_of_directory(parent));
  }
  if (is_fargate_id(component)) return found(std::string(component), "docker");
  if (parent == "lxc" || parent == "lxc.payload") return found(std::string(component), "lxc");
  if (auto payload = component; strip_prefix(payload, "lxc.payload.") && !payload.empty())
    return found(std::string(payload), "lxc");
  if (parent == "buildkit" && component.size() == 25) return found(std::string(component), "docker");
  return false;
}

}  // namespace

CgroupOwner parse_cgroup_path(std::string_view path) {
  CgroupOwner owner;
  std::string_view parent;
  bool below_unit = false;  // units below the first belong to another manager: a user's, or a container's own
  while (!path.empty()) {
    const auto component = take_until(path, '/');
    if (component.empty() || component == "..") continue;
    if (auto pod = pod_of(component)) owner.pod_id = std::move(*pod);
    const bool container = container_of(component, parent, owner);
    if (!below_unit && is_unit(component)) {
      // systemd puts an underscore before names that the kernel would take for its own files.
      owner.unit = component.starts_with('_') ? component.substr(1) : component;
      below_unit = true;
    }
    below_unit = below_unit || container;
    parent = component;
  }
  return owner;
}

CgroupOwner parse_process_cgroups(std::string_view text) {
  CgroupOwner owner;
  int unit_rank = 0;
  for (auto line : Lines(text)) {
    take_until(line, ':');
    const auto controllers = take_until(line, ':');
    if (line.empty()) continue;
    auto one = parse_cgroup_path(line);
    if (owner.container_id.empty() && !one.container_id.empty()) {
      owner.container_id = std::move(one.container_id);
      owner.engine = one.engine;
    }
    if (owner.pod_id.empty()) owner.pod_id = std::move(one.pod_id);
    const int rank = controllers == "name=systemd" ? 3 : controllers.empty() ? 2 : 1;
    if (!one.unit.empty() && rank > unit_rank) {
      owner.unit = std::move(one.unit);
      unit_rank = rank;
    }
  }
  return owner;
}

std::string_view first_cgroup_path(std::string_view text) {
  auto line = take_until(text, '\n');
  take_until(line, ':');
  take_until(line, ':');
  return line;
}

}  // namespace osprey::linux
