// Containers that are made, renamed, paused and removed, whether or not anything ever runs in them: from the folders in
// which engines keep one for each container. No engine is asked and none is woken.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/root.h"
#include "events/enrich/containers.h"
#include "events/inotify/inotify_watches.h"
#include "events/source.h"

namespace osprey::events {

// A folder of containers: each is a directory in it.
struct EngineFolder {
  // What its directories are named for.
  enum class Ids { hexadecimal, names };
  // Where names and images stand.
  enum class Names { docker, storage, bundle, none };

  std::string path;
  std::string engine;
  Ids ids = Ids::hexadecimal;
  Names names = Names::none;
};

// Of the engines that there may be: docker, podman and CRI-O (containers/storage), also as users run them for
// themselves, containerd's by namespace and Kubernetes', LXC.
std::vector<EngineFolder> engine_folders(const Root& root);

// ContainerEvent with "create", "rename", "destroy", and "pause" and "unpause" of docker's: others do not write that
// down. Watches each folder, or while it is not there whatever is above it, by inotify(7). A container is told once its
// files say its name and image, or when they have not for three seconds.
// Needs to read what engines keep for root: CAP_DAC_READ_SEARCH unless it is root's. Bounded: of more containers at a
// time than kMost nothing is told. Users who run an engine for the first time are found after `users` seconds.
class EngineSource final : public Source {
 public:
  static constexpr std::size_t kMost = 16'384;

  explicit EngineSource(Root root, std::chrono::seconds users = std::chrono::minutes(1))
      : root_(std::move(root)), between_looks_(users) {}

  Origin origin() const noexcept override { return Origin::engines; }
  Kinds offers() const override { return Kinds().set(kKind<ContainerEvent>); }
  Result<void> open(const Demand& demand) override;
  int descriptor() const noexcept override { return watches_.descriptor(); }
  Result<bool> next(EventSink& sink, std::size_t most) override;
  SourceCounts counts() const override;
  void close() noexcept override;

 private:
  struct Known {
    ContainerName name;
    std::uint64_t made = 0;   // moment; 0: it has been told, or was there before us
    bool is_written = false;  // its files were, since they were read
  };
  struct Folder {
    EngineFolder what;
    int watch = -1;
    bool is_there = false;  // the watch is of itself, not of what is above
    bool is_stale = false;  // something came or went on the way to it
    std::map<std::string, Known, std::less<>> containers;
    bool has_written = false;            // one of them is
    std::map<int, std::string> watched;  // the containers' own folders
  };

  void look_for_folders(EventSink* sink);
  bool watch_namespaces();
  void take(const DirectoryEvent& event, EventSink& sink);
  void settle(Folder& folder, EventSink* sink);
  void list(Folder& folder, EventSink* sink);
  void appeared(Folder& folder, std::string_view id);
  void watch(Folder& folder, const std::string& id);
  static void written(Folder& folder);
  static void written(Folder& folder, std::string_view id);
  void gone(Folder& folder, std::map<std::string, Known, std::less<>>::iterator container, EventSink& sink);
  bool is_container(const EngineFolder& folder, std::string_view id) const;
  std::map<std::string, ContainerName, std::less<>> stored(const EngineFolder& folder) const;
  std::optional<ContainerName> name_in(const EngineFolder& folder, const std::string& id) const;
  void name(Folder& folder, EventSink* sink);
  void tell_named(Folder& folder, EventSink& sink, std::uint64_t moment);
  void tell(const Folder& folder, const std::string& id, const ContainerName& name, std::string_view action,
            std::uint64_t moment, EventSink& sink);

  const Root root_;
  const std::chrono::nanoseconds between_looks_;
  InotifyWatches watches_;
  std::vector<Folder> folders_;
  std::size_t containers_ = 0;
  std::size_t unnamed_ = 0;  // that are not told yet
  int namespaces_ = -1;      // watch of the folder that has one for each of containerd's
  bool has_new_ = false;     // there
  std::uint64_t next_settle_ = 0, next_look_ = 0;
  std::atomic<std::uint64_t> kept_ = 0, filtered_ = 0, overflowed_ = 0, too_many_ = 0, unwatched_ = 0;
};

}  // namespace osprey::events
