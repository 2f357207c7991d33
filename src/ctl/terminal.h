// The terminal: whether there is one, and what may reach it. Text of hosts and of the server is not trusted: names and
// rows may hold escape sequences.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace osprey::ctl {

// Control characters (but tab and line feed, where `lines` says so), characters that turn the direction of writing, and
// bytes that are not UTF-8 are written as \xNN or \u{N}.
std::string printable(std::string_view text, bool lines = false);

// Columns that valid UTF-8 without control characters takes.
std::size_t width_of(std::string_view printable);

enum class Colour { plain, bold, red, green, yellow, cyan, dim };

// Standard output and standard error. One thread.
class Terminal {
 public:
  // From the environment: NO_COLOR, TERM=dumb.
  Terminal();
  Terminal(bool out, bool error, bool colours) : out_(out), error_(error), colours_(colours) {}

  bool out_is_terminal() const noexcept { return out_; }
  bool error_is_terminal() const noexcept { return error_; }
  // Characters in a line; 80 where nothing is known.
  int columns() const;

  // To standard output. On a terminal `text` is made printable; elsewhere every byte goes as it is.
  void write(std::string_view text, Colour colour = Colour::plain);
  // What has been written goes out now: whoever reads a pipe waits for it.
  void flush();
  // A whole line to standard error, always printable.
  void note(std::string_view line, Colour colour = Colour::plain);
  // One line at the foot of the terminal that is written over; empty takes it away. Nothing without a terminal.
  void progress(std::string_view line);

 private:
  void lift();
  std::string coloured(std::string_view printable, Colour colour) const;

  bool out_;
  bool error_;
  bool colours_;
  std::string progress_;
};

// To the controlling terminal, whatever standard output is: for what is kept nowhere. An error where there is none.
Result<void> show_on_terminal(std::string_view lines);
// Asked on the controlling terminal, without echo where `secret`. An error where there is none.
Result<std::string> ask(const std::string& question, bool secret);
// False where the answer is not "y" or "yes".
Result<bool> confirm(const std::string& question);

}  // namespace osprey::ctl
