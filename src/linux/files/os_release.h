// What distribution a filesystem holds: os-release(5), and the release files of those that lack or bend it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/root.h"

namespace osprey::linux {

using OsRelease = std::map<std::string, std::string, std::less<>>;

// Assignments as a shell would read them: quotes and backslashes are taken off, a later one wins. What is no
// assignment is left out; nothing is expanded.
OsRelease parse_os_release(std::string_view text);

// "CentOS Linux release 7.9.2009 (Core)", as most vendors' release files are written.
struct ReleaseLine {
  std::string name;      // what stands before "release"; empty where that word is missing
  std::string version;   // the word after it
  std::string codename;  // what stands in parentheses
};
ReleaseLine parse_release_line(std::string_view text);

struct OsVersion {
  std::string name = "Unknown";
  std::string version;
  std::int64_t major = 0;
  std::int64_t minor = 0;
  std::int64_t patch = 0;
  std::string build;
  std::string platform = "posix";  // os-release's ID, or rhel for what calls itself compatible in redhat-release
  std::string platform_like;
  std::string codename;
};

// A tree that tells nothing is answered with the defaults above; an error is one of reading.
Result<OsVersion> read_os_version(const Root& root);

}  // namespace osprey::linux
