// The journal of an agent that may be running, for whoever asks beside it: the shell.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "agent/flags/flags.h"
#include "agent/program.h"
#include "events/journal/journal.h"
#include "store/fifo_store.h"

namespace osprey::agent {

class EventJournalBeside {
 public:
  // Of the agent with this --database_path; under our own name else of the one with the default.
  EventJournalBeside(const Flags& flags, const Program& program);

  // Error::absent(): there is none. What the agent adds afterwards is seen where it is opened anew.
  Result<const events::Journal*> open();

 private:
  std::vector<std::string> directories_;
  std::vector<store::FifoFamily> families_;
  std::unique_ptr<store::FifoStore> store_;
  std::optional<events::Journal> journal_;
};

}  // namespace osprey::agent
