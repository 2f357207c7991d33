// Digests of files that have not changed since, so that a schedule does not read the same bytes every time.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <tuple>

#include "linux/files/digest.h"

namespace osprey::linux {

// A file as it was: device, inode, and what a change of content changes.
struct FileVersion {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t size = 0;
  std::int64_t changed_ns = 0;
  std::int64_t modified_ns = 0;
  auto operator<=>(const FileVersion&) const = default;
};
FileVersion version_of(const struct stat& info) noexcept;

// Bounded, the least recently used goes first. Safe to use from several threads. A program that has one provides it to
// its connections as a service.
class DigestCache {
 public:
  explicit DigestCache(std::size_t capacity) : capacity_(capacity) {}

  // What is known of that version, if it holds all of `kinds`.
  std::optional<Digests> find(const FileVersion& file, DigestSet kinds);
  // Digests of other kinds that are known of the same version stay.
  void insert(const FileVersion& file, const Digests& digests);
  std::size_t size() const;
  // Forgets everything: memory is short.
  void clear();

 private:
  struct Entry {
    FileVersion file;
    Digests digests;
  };
  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  // most recently used first
  std::map<FileVersion, std::list<Entry>::iterator> index_;
};

}  // namespace osprey::linux
