// The filesystem source of the configuration: --config_path and FILE.d/*.conf, and the files of packs.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "agent/config/config_plugin.h"

namespace osprey::agent {

class FilesystemConfig final : public ConfigPlugin, private protocol::PackFiles {
 public:
  struct Options {
    std::string path;  // a file; under our own name also a glob(3) pattern, or a folder of which *.conf are read
    bool osquery_compatible = false;
    bool allow_unsafe = false;  // read files that others can change
    // Under osquery's name such files are used, after a warning.
    std::function<void(const std::string&)> warn;
  };
  explicit FilesystemConfig(Options options) : options_(std::move(options)) {}

  Result<Sources> fetch() override;
  const protocol::PackFiles& pack_files() const override { return *this; }
  Watched watched() const override;

 private:
  Result<std::string> read(const std::string& path) const override;
  std::vector<std::string> match(const std::string& pattern) const override;
  Result<void> check(int fd, const std::string& path) const;
  void add_folder(const std::string& folder, Sources& sources) const;

  Options options_;
  // What the last fetch and the reading of packs after it looked at.
  mutable std::set<std::string> files_;
  mutable std::set<std::string> folders_;
  mutable std::set<std::string> warned_;
};

// A regular file's text, 16 MiB at most (comments do not count for the 4 MiB that a configuration may have). Checked
// with check_unwritable_by_others() where `safe` is set.
Result<std::string> read_config_file(const std::string& path, bool safe);

}  // namespace osprey::agent
