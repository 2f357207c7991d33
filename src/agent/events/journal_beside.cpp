#include "agent/events/journal_beside.h"

#include <sys/stat.h>

#include <cerrno>

#include "agent/events/event_capture.h"

namespace osprey::agent {

EventJournalBeside::EventJournalBeside(const Flags& flags, const Program& program)
    : directories_{journal_directory(flags.text("database_path"))}, families_(journal_families(flags)) {
  if (program.osquery_compatible) return;
  const FlagName path("database_path");
  directories_.push_back(journal_directory(flags.default_value(path.declaration())));
}

Result<const events::Journal*> EventJournalBeside::open() {
  for (const auto& directory : directories_) {
    struct stat about{};
    if (::stat(directory.c_str(), &about) != 0) {
      if (errno == ENOENT || errno == ENOTDIR) continue;
      return system_failure(directory);
    }
    store_ = TRY(store::open_fifo_beside({directory, families_}));
    journal_.emplace(*store_, std::vector<std::string>(events::kFamilies.begin(), events::kFamilies.end()));
    return &*journal_;
  }
  return system_failure(ENOENT, directories_.front());
}

}  // namespace osprey::agent
