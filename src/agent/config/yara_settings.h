// What the configuration's "yara" and the flags say, as YARA's tables and events go by it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/config/configuration.h"
#include "agent/program.h"
#include "agent/remote/remote.h"
#include "linux/yara/yara_settings.h"

namespace osprey::agent {

// Something about "yara" that an administrator should read: "yara.signatures.g", "is no list of texts".
struct YaraNote {
  std::string where;
  std::string what;

  bool operator==(const YaraNote&) const = default;
};

// `json`: an object, or nothing. What has another shape than it should is left out, and said in `notes`.
linux::YaraSettings read_yara(std::string_view json, std::vector<YaraNote>& notes);
// Groups that are named for files and are not there.
std::vector<YaraNote> unknown_groups(const linux::YaraSettings& settings);

// `remote`: the fleet's server, for --yara_sigurl_authenticate; null where there is none. It outlives the settings, and
// the configuration is not needed any more.
linux::YaraSettings yara_settings(const Configuration& configuration, const Program& program, Remote* remote);

}  // namespace osprey::agent
