// What the parser of a file of lines returns.
#pragma once

#include <cstddef>
#include <vector>

namespace osprey::linux {

template <class Entry>
struct Parsed {
  std::vector<Entry> entries;
  std::size_t skipped = 0;  // lines that are neither an entry nor blank nor a comment
};

}  // namespace osprey::linux
