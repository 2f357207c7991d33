#include <cstddef>
#include <cstdint>

#include "base/text.h"
#include "linux/files/sshd_config.h"

// The input is words of rules: each line a rule's files, before a "|" its Match criteria.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<osprey::linux::KeyFilesRule> rules;
  for (auto line : osprey::Lines(text)) {
    const auto match = osprey::take_until(line, '|');
    rules.push_back({osprey::linux::split_sshd_line(match), osprey::linux::split_sshd_line(line)});
  }
  osprey::linux::key_files_of(rules, {"alice", 1000, 1000, "", "/home/alice", "/bin/sh"});
  return 0;
}
