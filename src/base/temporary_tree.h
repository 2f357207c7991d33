// For tests: a tree of files in a folder of its own that goes away with the test.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "base/root.h"

namespace osprey {

class TemporaryTree : public testing::Test {
 protected:
  TemporaryTree() {
    std::string pattern = std::filesystem::temp_directory_path() / "osprey-test-XXXXXX";
    top = ::mkdtemp(pattern.data());
  }
  ~TemporaryTree() override { std::filesystem::remove_all(top); }

  // Makes the folders on the way, too.
  // An absolute path is one below the top as well.
  void write(const std::filesystem::path& path, std::string_view bytes) {
    const auto place = top / path.relative_path();
    std::filesystem::create_directories(place.parent_path());
    std::ofstream(place, std::ios::binary) << bytes;
  }
  Root root() const { return *Root::at(top); }

  std::filesystem::path top;
};

}  // namespace osprey
