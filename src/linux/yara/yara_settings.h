// What the configuration and the flags say about YARA: a service (sql/scan.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/interrupt.h"
#include "base/result.h"

namespace osprey::linux {

// Must not change while a query runs.
struct YaraSettings {
  using Lists = std::map<std::string, std::vector<std::string>, std::less<>>;

  Lists signatures;  // groups of rule files
  Lists file_paths;  // which groups are for files of a category of the configuration's file_paths
  std::vector<std::string>
      signature_urls;  // where rules may be fetched from: scheme and host, path a regular expression
  std::string directory = "/etc/osprey/yara";  // of relative names of rule files
  bool show_strings = false;                   // tell where strings of inline and fetched rules were found
  std::chrono::milliseconds delay{50};         // after each scanned file
  std::uint64_t largest_file = 50 << 20;       // bytes
  // Fetches rules as this host; empty: a plain GET.
  std::function<Result<std::string>(const std::string& url, const Interrupt& interrupt)> fetch;
};

}  // namespace osprey::linux
