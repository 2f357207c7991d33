#include "events/containers/engine_source.h"

#include <fmt/format.h>
#include <sys/inotify.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/clock_reading.h"
#include "linux/files/passwd.h"

namespace osprey::events {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kPatience = 3 * kSecond;  // for names
constexpr std::uint64_t kAgain = 5 * kSecond;     // between two looks for folders that are not there
constexpr std::uint32_t kMask = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr std::string_view kDockerConfig = "config.v2.json";
constexpr auto kStorageLists = {"containers.json", "volatile-containers.json"};
constexpr std::size_t kIdSize = 64;  // of docker, containers/storage and CRI
constexpr const char* kTasks = "/run/containerd/io.containerd.runtime.v2.task";  // a folder each of its namespaces
constexpr std::string_view kKubernetes = "k8s.io";
constexpr std::string_view kDocker = "moby";

bool is_storage_list(std::string_view name) {
  return std::ranges::any_of(kStorageLists, [&](const char* list) { return name == list; });
}

std::string parent_of(const std::string& path) { return path.substr(0, std::max<std::size_t>(path.rfind('/'), 1)); }

// Of accounts, each once; not "/".
std::set<std::string> homes(const Root& root) {
  std::set<std::string> found;
  if (const auto accounts = linux::read_passwd(root))
    for (const auto& account : accounts->entries)
      if (account.directory.starts_with('/') && account.directory.size() > 1) found.insert(account.directory);
  return found;
}

}  // namespace

std::vector<EngineFolder> engine_folders(const Root& root) {
  using Ids = EngineFolder::Ids;
  using Names = EngineFolder::Names;
  std::vector<EngineFolder> folders;
  folders.push_back({docker_folder(root) + "/containers", "docker", Ids::hexadecimal, Names::docker});
  const auto add_storage = [&](const std::string& storage) {
    for (const auto* driver : kStorageDrivers)
      folders.push_back({fmt::format("{}/{}-containers", storage, driver), "podman", Ids::hexadecimal, Names::storage});
  };
  add_storage(storage_folder(root));
  for (const auto& home : homes(root)) {
    if (const auto own = user_docker_folder(home); root.exists(own))
      folders.push_back({own + "/containers", "docker", Ids::hexadecimal, Names::docker});
    if (const auto own = user_storage_folder(home); root.exists(own)) add_storage(own);
  }
  // Of Kubernetes' containers the plugin's own folders tell from when they are made, and Docker has its own as well; of
  // others the tasks that they are run as.
  folders.push_back(
      {"/var/lib/containerd/io.containerd.grpc.v1.cri/containers", "containerd", Ids::hexadecimal, Names::bundle});
  std::set<std::string> namespaces{"default"};
  if (const auto tasks = root.list(kTasks))
    for (const auto& one : *tasks)
      if (one.name != kKubernetes && one.name != kDocker) namespaces.insert(one.name);
  for (const auto& name : namespaces)
    folders.push_back({fmt::format("{}/{}", kTasks, name), "containerd", Ids::names, Names::bundle});
  folders.push_back({"/var/lib/lxc", "lxc", Ids::names, Names::none});
  return folders;
}

Result<void> EngineSource::open(const Demand&) {
  if (watches_.descriptor() >= 0) return {};
  TRY(watches_.open());
  folders_.clear();
  look_for_folders(nullptr);
  next_settle_ = boot_nanoseconds() + kAgain;
  return {};
}

bool EngineSource::watch_namespaces() {
  const auto tasks = root_.open_path(kTasks);
  namespaces_ = tasks ? watches_.add(tasks->get(), kMask | IN_ONLYDIR) : -1;
  return namespaces_ >= 0;
}

// Those that are not known yet; without a sink all that is in them was there before us.
void EngineSource::look_for_folders(EventSink* sink) {
  next_look_ = boot_nanoseconds() + static_cast<std::uint64_t>(between_looks_.count());
  has_new_ = false;
  watch_namespaces();
  for (auto& what : engine_folders(root_)) {
    if (std::ranges::any_of(folders_, [&](const Folder& folder) { return folder.what.path == what.path; })) continue;
    folders_.emplace_back().what = std::move(what);
    settle(folders_.back(), sink);
  }
}

void EngineSource::close() noexcept {
  watches_.close();
  folders_.clear();
  containers_ = unnamed_ = 0;
}

// Watches the folder, or the nearest above it that is there. One that was not there and is now has its containers told.
void EngineSource::settle(Folder& folder, EventSink* sink) {
  folder.is_stale = false;
  for (auto path = folder.what.path;; path = parent_of(path)) {
    const auto directory = root_.open_path(path);
    const int watch = directory ? watches_.add(directory->get(), kMask | IN_ONLYDIR) : -1;
    if (watch < 0 && path != "/") continue;
    const bool is_there = path == folder.what.path;
    const bool is_same = std::exchange(folder.watch, watch) == watch;
    if (std::exchange(folder.is_there, is_there) != is_there || (is_there && !is_same)) list(folder, sink);
    return;
  }
}

// What is there and what is not any more, against what is known.
void EngineSource::list(Folder& folder, EventSink* sink) {
  std::set<std::string, std::less<>> there;
  if (const auto entries = root_.list(folder.what.path))
    for (const auto& entry : *entries) there.insert(entry.name);
  for (auto it = folder.containers.begin(); it != folder.containers.end();) {
    const auto container = it++;
    if (!there.contains(container->first) && sink != nullptr) gone(folder, container, *sink);
  }
  written(folder);
  for (const auto& id : there) appeared(folder, id);
  if (sink != nullptr) return;
  // They were there before us.
  name(folder, nullptr);
  for (auto& [id, container] : folder.containers)
    if (std::exchange(container.made, 0) != 0) --unnamed_;
}

bool EngineSource::is_container(const EngineFolder& folder, std::string_view id) const {
  if (folder.ids == EngineFolder::Ids::names) return !id.starts_with('.');
  return id.size() == kIdSize && id.find_first_not_of("0123456789abcdef") == id.npos;
}

void EngineSource::appeared(Folder& folder, std::string_view id) {
  if (!is_container(folder.what, id) || folder.containers.contains(id)) return;
  if (containers_ >= kMost) {
    ++too_many_;
    return;
  }
  const auto& [container, _] = *folder.containers.emplace(id, Known{{}, boot_nanoseconds()}).first;
  ++containers_;
  ++unnamed_;
  if (folder.what.names == EngineFolder::Names::docker) watch(folder, container);
}

// For its files' being replaced.
void EngineSource::watch(Folder& folder, const std::string& id) {
  const auto directory = root_.open_path(fmt::format("{}/{}", folder.what.path, id));
  if (!directory) return;
  if (const int made = watches_.add(directory->get(), IN_MOVED_TO | IN_ONLYDIR); made >= 0)
    folder.watched.insert_or_assign(made, id);
  else
    ++unwatched_;
}

// Those that are told already: others are looked at anyhow.
void EngineSource::written(Folder& folder) {
  for (const auto& [id, known] : folder.containers) written(folder, id);
}

void EngineSource::written(Folder& folder, std::string_view id) {
  const auto container = folder.containers.find(id);
  if (container == folder.containers.end() || container->second.made != 0) return;
  container->second.is_written = folder.has_written = true;
}

void EngineSource::gone(Folder& folder, std::map<std::string, Known, std::less<>>::iterator container,
                        EventSink& sink) {
  auto& [id, known] = *container;
  const auto moment = boot_nanoseconds();
  if (known.made != 0) {
    tell(folder, id, known.name, "create", known.made, sink);
    --unnamed_;
  }
  tell(folder, id, known.name, "destroy", moment, sink);
  folder.containers.erase(container);
  --containers_;
}

std::map<std::string, ContainerName, std::less<>> EngineSource::stored(const EngineFolder& folder) const {
  std::map<std::string, ContainerName, std::less<>> names;
  for (const auto* file : kStorageLists)
    if (const auto text = root_.read(fmt::format("{}/{}", folder.path, file)))
      names.merge(parse_storage_containers(text->bytes));
  return names;
}

// From the container's own files.
std::optional<ContainerName> EngineSource::name_in(const EngineFolder& folder, const std::string& id) const {
  if (folder.names == EngineFolder::Names::docker) {
    const auto text = root_.read(fmt::format("{}/{}/{}", folder.path, id, kDockerConfig));
    return text ? parse_docker_config(text->bytes) : std::nullopt;
  }
  const auto tasks = folder.ids == EngineFolder::Ids::names ? folder.path : fmt::format("{}/{}", kTasks, kKubernetes);
  const auto text = root_.read(fmt::format("{}/{}/config.json", tasks, id));
  return text ? parse_oci_annotations(text->bytes) : std::nullopt;
}

// Looks for the names of those that have none or may have another, and tells what has changed.
void EngineSource::name(Folder& folder, EventSink* sink) {
  using Names = EngineFolder::Names;
  const auto wants = [](const auto& one) { return one.second.made != 0 || one.second.is_written; };
  folder.has_written = false;
  if (folder.what.names == Names::none || std::ranges::none_of(folder.containers, wants)) return;
  const bool is_storage = folder.what.names == Names::storage;
  const auto names = is_storage ? stored(folder.what) : std::map<std::string, ContainerName, std::less<>>();
  for (auto& container : folder.containers) {
    if (!wants(container)) continue;
    auto& [id, known] = container;
    known.is_written = false;
    std::optional<ContainerName> found;
    if (!is_storage)
      found = name_in(folder.what, id);
    else if (const auto listed = names.find(id); listed != names.end())
      found = listed->second;
    if (!found) continue;
    const auto before = std::exchange(known.name, std::move(*found));
    if (known.made != 0 || sink == nullptr) continue;
    const auto moment = boot_nanoseconds();
    if (!before.name.empty() && known.name.name != before.name) tell(folder, id, known.name, "rename", moment, *sink);
    if (known.name.is_paused != before.is_paused)
      tell(folder, id, known.name, before.is_paused ? "unpause" : "pause", moment, *sink);
  }
}

void EngineSource::tell_named(Folder& folder, EventSink& sink, std::uint64_t moment) {
  name(folder, &sink);
  for (auto& [id, known] : folder.containers) {
    const bool is_late = moment > known.made + kPatience;
    if (known.made == 0 || (known.name.name.empty() && folder.what.names != EngineFolder::Names::none && !is_late))
      continue;
    tell(folder, id, known.name, "create", std::exchange(known.made, 0), sink);
    --unnamed_;
  }
}

void EngineSource::tell(const Folder& folder, const std::string& id, const ContainerName& name, std::string_view action,
                        std::uint64_t moment, EventSink& sink) {
  ContainerEvent event;
  event.header.moment = moment;
  event.action = action;
  event.container_id = id;
  event.engine = name.engine.empty() ? folder.what.engine : name.engine;
  event.name = name.name;
  event.image = name.image;
  ++kept_;
  sink.take(&event);
}

void EngineSource::take(const DirectoryEvent& event, EventSink& sink) {
  if (event.mask & IN_Q_OVERFLOW) {
    ++overflowed_;
    for (auto& folder : folders_) folder.is_stale = true;
    for (auto& folder : folders_)
      if (folder.is_there) list(folder, &sink);
    return;
  }
  has_new_ = has_new_ || event.watch == namespaces_;
  for (auto& folder : folders_) {
    if (const auto own = folder.watched.find(event.watch); own != folder.watched.end()) {
      if (event.name == kDockerConfig) written(folder, own->second);
      if (event.mask & IN_IGNORED) folder.watched.erase(own);
      return;
    }
    if (folder.watch != event.watch) continue;
    if (!folder.is_there || event.name.empty()) {
      folder.is_stale = true;
    } else if (folder.what.names == EngineFolder::Names::storage && is_storage_list(event.name)) {
      written(folder);
    } else if (event.mask & (IN_CREATE | IN_MOVED_TO)) {
      appeared(folder, event.name);
    } else if (const auto known = folder.containers.find(event.name); known != folder.containers.end()) {
      gone(folder, known, sink);
    } else {
      ++filtered_;
    }
  }
}

Result<bool> EngineSource::next(EventSink& sink, std::size_t) {
  for (;;) {
    const auto events = TRY(watches_.read());
    if (events.empty()) break;
    for (const auto& event : events) take(event, sink);
  }
  const auto moment = boot_nanoseconds();
  const bool is_due = moment >= next_settle_;
  if (is_due) next_settle_ = moment + kAgain;
  if (has_new_ || moment >= next_look_ || (is_due && namespaces_ < 0 && watch_namespaces())) look_for_folders(&sink);
  for (auto& folder : folders_)
    if (folder.is_stale || (is_due && !folder.is_there)) settle(folder, &sink);
  for (auto& folder : folders_)
    if (unnamed_ > 0 || folder.has_written) tell_named(folder, sink, moment);
  return false;
}

SourceCounts EngineSource::counts() const {
  SourceCounts counts;
  counts.kept = kept_;
  counts.filtered = filtered_;
  counts.dropped.push_back({"kernel queue", "fs.inotify.max_queued_events", overflowed_, false});
  counts.dropped.push_back({"containers", fmt::format("more than {}", kMost), too_many_, true});
  counts.partial.push_back(
      {"watches", std::string(watches_.limit()) + ": containers whose later names are not told", unwatched_, true});
  return counts;
}

}  // namespace osprey::events
