// `osprey events off`: lets go of everything that event sources hold in the kernel, at once and for as long as nobody
// says `osprey events on`; of an agent that is started later, too. A file beside the journal says so: who may write
// there may do it, with no running agent's help.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "agent/flags/flags.h"
#include "agent/shell/output.h"

namespace osprey::agent {

class EventSwitch {
 public:
  // Of the agent with this --database_path.
  explicit EventSwitch(std::string_view database_path);

  bool is_off() const;
  // The agent says, once it is so, that nothing is captured any more.
  void confirm_off() const;

  // For who turns it.
  Result<void> turn_off() const;
  Result<void> turn_on() const;
  bool is_confirmed() const;

 private:
  const std::string path_;
};

// What `osprey events --help` says.
std::string events_help(std::string_view program);
// Does what `words` (without "events") ask for. The exit status: 1 for what cannot be done, 2 for what is not
// understood.
int run_events_command(std::string_view program, std::span<const std::string> words, const Flags& flags,
                       shell::Output& output);

}  // namespace osprey::agent
