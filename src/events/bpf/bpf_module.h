// What the module "bpf" (libbpf) does for the program; opened by base/module.h. The objects made of programs/*.bpf.c
// are in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace osprey::events::bpf {

struct BpfLoad {
  std::string_view program;                    // NAME of programs/NAME.bpf.c
  std::map<std::string, int> maps;             // descriptors of the maps that are there; the others are made
  std::map<std::string, std::uint32_t> sizes;  // max_entries of maps that are made
  int cgroup = -1;                             // the folder of cgroup v2 that cgroup programs attach to
  bool at_functions = false;                   // single calls are seen there where the kernel can
  std::string types;                           // a file of BTF to take for the running kernel's; empty: its own
};

// A loaded program, attached unless it is an iterator. It goes, in the kernel as well, with this.
class BpfProgram {
 public:
  virtual ~BpfProgram() = default;

  // Its maps by name; the descriptors are its own.
  virtual std::map<std::string, int> maps() const = 0;
  // How often the kernel did not run it since it was loaded, because it ran on that processor already. 0 before 5.12.
  virtual std::uint64_t recursion_misses() const = 0;
  // Of an iterator: what is to be read to its end.
  virtual Result<UniqueFd> iterate() const = 0;
};

struct BpfModule {
  static constexpr std::string_view kName = "bpf";
  // An error's subject is the program; its message says in a line what the kernel refused. From any thread.
  Result<std::unique_ptr<BpfProgram>> (*load)(const BpfLoad&);
  // A row of a per-processor map, all processors' 64-bit numbers added. `numbers`: how many a row has.
  Result<void> (*sum)(int map, std::uint32_t row, std::uint64_t* into, std::size_t numbers);
  // Sets the value of a key, whose sizes are the map's.
  Result<void> (*put)(int map, const void* key, const void* value);
  // All rows of a map that maps a 64-bit number to 64-bit numbers, as they are while others write to it. `numbers`: how
  // many a row has.
  Result<void> (*each)(int map, std::size_t numbers,
                       const std::function<void(std::uint64_t key, std::span<const std::uint64_t> row)>& visit);
  // Sets a row of an array.
  Result<void> (*set)(int map, std::uint32_t row, const void* value);
};

}  // namespace osprey::events::bpf
