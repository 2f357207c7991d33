// The lines typed in earlier sessions, one a line in a file.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace osprey::agent::shell {

class History {
 public:
  // Keeps the last `most` lines in `path`; an empty path keeps nothing.
  History(std::string path, std::size_t most);

  // What the file holds, oldest first.
  const std::vector<std::string>& lines() const { return lines_; }
  // Adds a line, in the file at once. A file that cannot be written is not worth an error.
  void add(const std::string& line);

 private:
  void rewrite() const;

  std::string path_;
  std::size_t most_;
  std::vector<std::string> lines_;
};

}  // namespace osprey::agent::shell
