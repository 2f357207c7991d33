// Carve: files that were asked for as one archive, and how far that is (compat section 8).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace osprey::agent {

struct Carve {
  enum class Status : std::uint8_t {
    scheduled,
    starting,  // it is packed
    pending,   // it is sent
    success,
    create_paths_failed,
    archive_failed,
    compress_failed,
    data_post_failed,
  };

  std::string guid;
  std::string request_id;
  std::int64_t time = 0;  // when it was asked for, Unix seconds
  std::vector<std::string> paths;
  Status status = Status::scheduled;
  std::int64_t size = -1;  // of the archive
  std::string sha256;      // of it
  std::string error;       // why it failed, or what is missing from it
  // Of the way to the server.
  std::string session;
  std::uint64_t block_size = 0;

  bool finished() const noexcept { return status >= Status::success; }
  // As osquery has them, joined by commas.
  std::string joined_paths() const;

  bool operator==(const Carve&) const = default;
};

// "SCHEDULED", "CREATE PATHS FAILED"…
std::string_view name_of(Carve::Status status) noexcept;

// As the store has one: JSON.
std::string encode(const Carve& carve);
std::optional<Carve> parse_carve(std::string_view text);

}  // namespace osprey::agent
