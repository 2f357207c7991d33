// Packing a carve: files of a Root as one tar archive, compressed if asked for, in a scratch file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/carve/scratch_file.h"
#include "base/interrupt.h"
#include "base/root.h"
#include "linux/files/io_budget.h"

namespace osprey::agent {

struct ArchiveOrder {
  const Root& root;
  const std::vector<std::string>& paths;
  std::string prefix;     // put before each path, less its first slash, to name its entry
  bool compress = false;  // Zstandard, level 1
  linux::IoBudget* budget = nullptr;
};

struct Archived {
  std::string sha256;
  std::size_t files = 0;
  std::vector<std::string> missing;  // what is not in it, or not whole, and why
};

struct ArchiveFailure {
  bool of_compression = false;
  Error error;
};

// Only regular files are taken; others and those that cannot be read are left out. Ends soon after `stop` with
// ECANCELED. Memory is bounded whatever the sizes.
std::expected<Archived, ArchiveFailure> archive(const ArchiveOrder& order, ScratchFile& out, const Interrupt& stop);

}  // namespace osprey::agent
