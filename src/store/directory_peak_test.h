// For tests: the most that ever stood below a directory while this lived.
#pragma once

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>

namespace osprey::store {

class DirectoryPeak {
 public:
  explicit DirectoryPeak(std::string directory)
      : thread_([this, directory = std::move(directory)](std::stop_token stop) {
          while (!stop.stop_requested()) {
            std::uint64_t bytes = 0;
            std::error_code error;
            for (std::filesystem::directory_iterator at(directory, error), end; !error && at != end;
                 at.increment(error)) {
              struct stat facts{};
              if (::stat(at->path().c_str(), &facts) == 0) bytes += static_cast<std::uint64_t>(facts.st_blocks) * 512;
            }
            most_ = std::max(most_.load(), bytes);
          }
        }) {}
  std::uint64_t most() {
    thread_.request_stop();
    thread_.join();
    return most_;
  }

 private:
  std::atomic<std::uint64_t> most_{0};
  std::jthread thread_;
};

}  // namespace osprey::store
