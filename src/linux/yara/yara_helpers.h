// YARA in helper processes: rules are compiled in one that serves a single request, files and memory are scanned in
// others, so that what is scanned has no way to what is compiled.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/interrupt.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "linux/sandbox/sandbox.h"
#include "linux/yara/yara_module.h"

namespace osprey::linux {

// Rules as libyara saves them, in memory that a helper can be given. Immutable.
struct CompiledYara {
  UniqueFd file;         // sealed (memfd_create(2))
  std::string identity;  // SHA-256 of the bytes
  std::size_t bytes = 0;
  std::uint64_t rules = 0;
};

// Safe from several threads, which take turns.
class YaraCompiler {
 public:
  static constexpr std::size_t kMostBytes = 64 << 20;  // of all texts together, and of what is made of them

  YaraCompiler();

  struct Outcome {
    std::shared_ptr<const CompiledYara> rules;  // null where it failed
    std::string failed;                         // name of the text that does not compile, if it is one
    std::string error;
    std::vector<std::string> missing;  // names that are included and not among the texts
  };
  // An error: the helper failed.
  Result<Outcome> compile(std::span<const YaraText> texts, const Interrupt& interrupt);
  // Rules that were compiled elsewhere: looked at, and taken as they are.
  Result<std::shared_ptr<const CompiledYara>> take(std::string_view compiled, const Interrupt& interrupt);

 private:
  Sandbox sandbox_;
};

// Whether a file's bytes are compiled rules, by their mark.
bool is_compiled_yara(std::string_view bytes) noexcept;

// Safe from several threads, which take turns. An interrupt ends a scan where it is, with ECANCELED.
class YaraScanner {
 public:
  explicit YaraScanner(std::string name);

  // The regular file open at `file`.
  Result<YaraFinds> scan_file(const CompiledYara& rules, int file, const YaraScanOptions& options,
                              const Interrupt& interrupt);
  // Memory behind `memory`, a /proc/PID/mem open for reading.
  Result<YaraFinds> scan_memory(const CompiledYara& rules, int memory, std::span<const MemoryExtent> extents,
                                const YaraScanOptions& options, const Interrupt& interrupt);

 private:
  Result<YaraFinds> ask(char what, const CompiledYara& rules, int subject, int extents, const YaraScanOptions& options,
                        const Interrupt& interrupt);

  Sandbox sandbox_;
};

}  // namespace osprey::linux
