// FileWatch: inotify(7) over files and folders that may be replaced, renamed over, linked to or not there yet.
#pragma once

#include <map>
#include <set>
#include <string>

#include "agent/config/config_plugin.h"
#include "base/unique_fd.h"

namespace osprey::agent {

// Belongs to one thread.
class FileWatch {
 public:
  FileWatch();

  // Readable when something has happened; -1 where the kernel gives no inotify instance.
  int fd() const noexcept { return inotify_.get(); }
  // Watches these from now on: each file itself (a bind mount of one file hides changes from its folder), and the name
  // of it and of every symbolic link on the way to it in their folders. True if that is not what was watched before, so
  // that something may have happened unseen.
  bool set(const ConfigPlugin::Watched& watched);
  // Reads what has happened. True if any of it concerns what is watched.
  bool drain();

 private:
  struct Watch {
    bool all = false;  // any name counts
    std::set<std::string, std::less<>> names;

    bool operator==(const Watch&) const = default;
  };
  using Watches = std::map<int, Watch>;

  void follow(const std::string& path, Watches& watches) const;
  Watch* add(const std::string& path, Watches& watches) const;

  UniqueFd inotify_;
  Watches watches_;
};

}  // namespace osprey::agent
