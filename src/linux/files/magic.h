// What kind of content files have, as file(1) tells it: libmagic, in a sandbox.
#pragma once

#include <sys/stat.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/interrupt.h"
#include "base/result.h"
#include "base/root.h"
#include "linux/files/magic_module.h"
#include "linux/sandbox/sandbox.h"

namespace osprey::linux {

inline constexpr std::size_t kMagicAspects = 3;
// Answers by aspect, empty where one was not asked for.
using MagicAnswers = std::array<std::optional<std::string>, kMagicAspects>;

// The databases of a list of paths separated by colons; those that are absent are left out, two names of one file count
// once. An error where none is left, or one is not a compiled database of reasonable size.
class MagicDatabases {
 public:
  static Result<MagicDatabases> open(const Root& root, std::string_view paths);

 private:
  friend class MagicReader;
  std::vector<UniqueFd> files_;
  std::string identity_;  // changes with any of them
};

// What file(1) says of anything but regular files with content: from its facts, and where a link points.
std::optional<MagicAnswers> describe_special(const struct statx& facts, std::string_view link, bool dangling);
// "setuid, sticky", or empty.
std::string special_bits(const struct statx& facts);

// Safe from several threads. Its helper starts with the first file and ends when idle.
class MagicReader {
 public:
  MagicReader();

  // `aspects` of the regular file open at `file`; one bit an aspect.
  Result<MagicAnswers> describe(int file, const MagicDatabases& databases, unsigned aspects,
                                const Interrupt& interrupt);

 private:
  Sandbox sandbox_;
};
// The program's only one: a program with threads asks for it before it starts the zygote (sandbox/zygote.h).
MagicReader& magic_reader();

}  // namespace osprey::linux
