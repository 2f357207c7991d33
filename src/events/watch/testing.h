// For tests: what a source of file events tells, and a filesystem of the test's own.
#pragma once

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "events/source.h"

namespace osprey::events::testing {

// A FileEvent that owns its texts.
struct FileRow {
  FileAction action;
  std::string category, path, old_path;
  std::uint64_t transaction;
  ProcessKey process;
  FileState file;
  bool coalesced;
  Origin origin;
  bool to_hash;
};

class FileSink : public EventSink {
 public:
  void take(AnyEvent event) override {
    if (const auto* file = std::get_if<FileEvent*>(&event)) {
      const auto& e = **file;
      rows.push_back({e.action, std::string(e.category), std::string(e.path), std::string(e.old_path), e.transaction,
                      e.actor.process, e.file, e.coalesced, e.header.origin, e.to_hash});
    }
  }
  void forked(const ProcessKey&, const ProcessKey&) override {}
  void exited(const ProcessKey&) override {}

  std::vector<FileRow> rows;
};

// "created /a/b"
inline std::string text_of(FileAction action, const std::string& path) {
  constexpr std::array kWords = {"created", "updated", "attributes", "from", "to",
                                 "deleted", "opened",  "accessed",   "gap"};
  return std::string(kWords[static_cast<std::size_t>(action)]) + ' ' + path;
}

// Below /tmp in a mount namespace of this process's own, as root.
class OwnMounts : public ::testing::Test {
 protected:
  OwnMounts() {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
      throw std::runtime_error("the tests of file events need root");
    std::string pattern = std::filesystem::temp_directory_path() / "osprey-test-XXXXXX";
    top = ::mkdtemp(pattern.data());
    mount("tmpfs", top);
  }
  ~OwnMounts() override {
    for (auto it = mounts_.rbegin(); it != mounts_.rend(); ++it) ::umount2(it->c_str(), MNT_DETACH);
    std::filesystem::remove_all(top);
  }
  void mount(const std::string& type, const std::string& point, const std::string& options = "",
             const std::string& source = "osprey-test") {
    if (!std::filesystem::exists(point)) std::filesystem::create_directories(point);
    const unsigned long flags = type == "bind" ? MS_BIND : 0;
    if (::mount(source.c_str(), point.c_str(), type == "bind" ? nullptr : type.c_str(), flags, options.c_str()) != 0)
      throw std::runtime_error(type + " on " + point + ": " + std::strerror(errno));
    mounts_.push_back(point);
  }
  void unmount(const std::string& point) {
    ASSERT_EQ(::umount2(point.c_str(), 0), 0) << point << ": " << std::strerror(errno);
    std::erase(mounts_, point);
  }

  std::string top;

 private:
  std::vector<std::string> mounts_;
};

}  // namespace osprey::events::testing
