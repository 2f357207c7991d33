// ConfigPlugin: where the configuration comes from: `filesystem` (filesystem_config.h) or `tls` (tls_config.h).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "protocol/configuration.h"

namespace osprey::agent {

// Belongs to the ConfigManager's updates, one at a time.
class ConfigPlugin {
 public:
  virtual ~ConfigPlugin() = default;

  // Every source's text by its name, in the order in which sources are applied. An error of one: it is there and cannot
  // be used. An error of the whole: nothing is known of any.
  using Sources = std::map<std::string, Result<std::string>>;
  virtual Result<Sources> fetch() = 0;
  virtual const protocol::PackFiles& pack_files() const = 0;

  // What should cause another fetch when it changes, as of the last one: files, and folders in which any file counts.
  struct Watched {
    std::vector<std::string> files;
    std::vector<std::string> folders;
  };
  virtual Watched watched() const { return {}; }
};

}  // namespace osprey::agent
