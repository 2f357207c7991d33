#include "agent/events/event_switch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "agent/shell/shell.h"
#include "base/unique_fd.h"

namespace osprey::agent {
namespace {

using namespace std::chrono_literals;

constexpr int kFailed = 1;
constexpr int kMisused = 2;
constexpr auto kPatience = 5s;  // with an agent that is to confirm

}  // namespace

EventSwitch::EventSwitch(std::string_view database_path) : path_(fmt::format("{}.events.off", database_path)) {}

bool EventSwitch::is_off() const { return ::access(path_.c_str(), F_OK) == 0; }

// The file has no bytes until the agent has seen it.
void EventSwitch::confirm_off() const {
  const UniqueFd file(::open(path_.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  static_cast<void>(::write(file.get(), "1", 1));  // NOLINT: who waits is told that nobody confirmed
}

Result<void> EventSwitch::turn_off() const {
  const UniqueFd file(::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  if (!file) return system_failure(path_);
  return {};
}

Result<void> EventSwitch::turn_on() const {
  if (::unlink(path_.c_str()) != 0 && errno != ENOENT) return system_failure(path_);
  return {};
}

bool EventSwitch::is_confirmed() const {
  struct stat about{};
  return ::stat(path_.c_str(), &about) == 0 && about.st_size > 0;
}

std::string events_help(std::string_view program) {
  return fmt::format(
      "Usage: {0} events off|on|status [--database_path=PATH]\n"
      "\n"
      "  off      take everything of event capture out of the kernel (BPF programs, audit rules, file marks) and\n"
      "           keep it out, over restarts of the agent as well; what the journal holds stays\n"
      "  on       capture again what the configuration asks for\n"
      "  status   say which it is\n"
      "\n"
      "For the agent whose database is at --database_path. What is captured, and what was lost: the tables\n"
      "osquery_events and osprey_losses.\n",
      program);
}

int run_events_command(std::string_view program, std::span<const std::string> words, const Flags& flags,
                       shell::Output& output) {
  const EventSwitch events(flags.text("database_path"));
  const std::string_view word = words.size() == 1 ? std::string_view(words[0]) : "";
  if (word != "off" && word != "on" && word != "status") {
    shell::say(fmt::format("Error: {} events: say off, on or status\n{}", program, events_help(program)));
    return kMisused;
  }
  if (word == "status") {
    output.add(events.is_off() ? "off\n" : "on\n");
    return 0;
  }
  if (const auto turned = word == "off" ? events.turn_off() : events.turn_on(); !turned) {
    shell::say(fmt::format("Error: {}\n", turned.error().text()));
    return kFailed;
  }
  if (word == "on") {
    output.add("events are captured again, as the configuration asks\n");
    return 0;
  }
  for (auto end = std::chrono::steady_clock::now() + kPatience; std::chrono::steady_clock::now() < end;
       std::this_thread::sleep_for(50ms)) {
    if (!events.is_confirmed()) continue;
    output.add("the agent has let go of everything that it held in the kernel for events\n");
    return 0;
  }
  output.add(fmt::format("no agent has confirmed within {} s: one that starts with this database captures nothing\n",
                         kPatience.count()));
  return 0;
}

}  // namespace osprey::agent
