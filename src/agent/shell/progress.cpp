#include "agent/shell/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "agent/shell/terminal.h"
#include "agent/shell/text_width.h"

namespace osprey::agent::shell {
namespace {

constexpr std::string_view kErase = "\r\033[K";

void write(int fd, std::string_view text) {
  // A line that cannot be shown is not worth an error.
  [[maybe_unused]] const auto written = ::write(fd, text.data(), text.size());
}

}  // namespace

void Progress::erase_on_interrupt() {
  struct sigaction action{};
  action.sa_handler = [](int signal) {
    write(STDERR_FILENO, kErase);
    ::raise(signal);
  };
  action.sa_flags = SA_RESETHAND | SA_NODEFER;
  ::sigaction(SIGINT, &action, nullptr);
}

void Progress::start() {
  started_ = Clock::now();
  next_ = started_ + kSilence;
}

void Progress::tick() {
  const auto now = Clock::now();
  if (now < next_) return;
  next_ = now + kPeriod;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - started_).count();
  auto line = fmt::format("{} rows scanned, {} s", grouped(connection_.rows_scanned()), seconds);
  if (!connection_.scanning().empty()) line += fmt::format(", {}", connection_.scanning());
  const auto columns = terminal_columns(fd_).value_or(80);
  write(fd_, fmt::format("\r{}\033[K", start_of(line, columns - 1, Measure::cells)));
  shown_ = true;
}

void Progress::erase() {
  if (!shown_) return;
  write(fd_, kErase);
  shown_ = false;
}

}  // namespace osprey::agent::shell
