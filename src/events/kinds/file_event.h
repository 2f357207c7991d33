// What happens to files (file_events, file_access_events, process_file_events, yara_events).
#pragma once

#include <string_view>

#include "events/kinds/actor.h"
#include "events/kinds/file_state.h"

namespace osprey::events {

enum class FileAction : std::uint8_t {
  created,
  updated,
  attributes_modified,
  moved_from,
  moved_to,
  deleted,
  opened,
  accessed,
  gap,
  opened_for_writing  // told beside opened, by who knows
};

// Below a watched path, from fanotify or inotify.
struct FileEvent {
  static constexpr std::string_view kFamily = "file";

  Header header;
  Actor actor;                              // fanotify only
  FileAction action = FileAction::created;  // gap: the kernel's queue overflowed, what is below was looked at anew
  std::string_view category;
  std::string_view path;
  std::string_view old_path;      // of moved_to, where it is known
  std::uint64_t transaction = 0;  // joins moved_from and moved_to; 0: none
  FileState file;                 // when the event was read
  std::string_view md5, sha1, sha256, sha512;
  int hashed = 0;          // 1 done, 0 not tried, -1 failed
  bool to_hash = false;    // by whoever journals it
  bool coalesced = false;  // stands for several of the same
  std::optional<std::uint64_t> mount_id;

  template <class Archive>
  void fields(Archive& field) {
    field(header)(actor)(action)(category)(path)(old_path)(transaction)(file)(md5)(sha1)(sha256)(sha512)(hashed);
    field(coalesced)(mount_id)(to_hash);
  }
};

// A process's own calls on files (process_file_events).
struct ProcessFileEvent {
  static constexpr std::string_view kFamily = "process_file";

  Header header;
  Actor actor;
  std::string_view
      operation;         // "open", "open+truncate", "read", "write", "close", "link", "symlink", "rename", "unlink"
  bool partial = false;  // of a process that was there before us
  std::string_view cwd, path, destination;

  template <class Archive>
  void fields(Archive& field) {
    field(header)(actor)(operation)(partial)(cwd)(path)(destination);
  }
};

// A file that was scanned after it had changed.
struct YaraEvent {
  static constexpr std::string_view kFamily = "yara";

  Header header;
  std::string_view category;
  std::string_view path;
  FileAction action = FileAction::created;
  std::string_view matches;  // names of rules, separated by commas
  std::uint64_t count = 0;
  std::string_view strings;
  std::string_view tags;
  std::uint64_t nanoseconds = 0;  // that the scan took
  bool scanned = true;
  std::string_view skipped;  // why it was not scanned, or what of it was not

  template <class Archive>
  void fields(Archive& field) {
    field(header)(category)(path)(action)(matches)(count)(strings)(tags)(nanoseconds)(scanned)(skipped);
  }
};

}  // namespace osprey::events
