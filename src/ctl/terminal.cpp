#include "ctl/terminal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "base/text.h"
#include "base/unique_fd.h"
#include "base/utf8.h"

namespace osprey::ctl {
namespace {

// Characters that say nothing by themselves and change how what stands around them is shown.
bool deceives(char32_t c) {
  return (c >= 0x7f && c <= 0x9f) || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
         (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe0fff);
}

bool is_plain(std::string_view text, bool lines) {
  return std::ranges::all_of(
      text, [&](unsigned char c) { return (c >= 0x20 && c < 0x7f) || (lines && (c == '\n' || c == '\t')); });
}

constexpr std::string_view code_of(Colour colour) {
  switch (colour) {
    case Colour::bold:
      return "1";
    case Colour::red:
      return "31";
    case Colour::green:
      return "32";
    case Colour::yellow:
      return "33";
    case Colour::cyan:
      return "36";
    case Colour::dim:
      return "2";
    case Colour::plain:
      break;
  }
  return "";
}

void write_all(std::FILE* file, std::string_view text) { std::fwrite(text.data(), 1, text.size(), file); }

// Wide in East Asian fonts.
bool is_wide(char32_t c) {
  return (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) || (c >= 0xac00 && c <= 0xd7a3) ||
         (c >= 0xf900 && c <= 0xfaff) || (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) ||
         (c >= 0xffe0 && c <= 0xffe6) || (c >= 0x1f300 && c <= 0x1faff) || (c >= 0x20000 && c <= 0x3fffd);
}
bool is_combining(char32_t c) {
  return (c >= 0x300 && c <= 0x36f) || (c >= 0x1ab0 && c <= 0x1aff) || (c >= 0x20d0 && c <= 0x20ff) ||
         (c >= 0xfe00 && c <= 0xfe0f);
}

// Turns a terminal's echo off while it lives.
class NoEcho {
 public:
  explicit NoEcho(int fd) : fd_(fd) {
    if (::tcgetattr(fd_, &before_) != 0) return;
    auto changed = before_;
    changed.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    off_ = ::tcsetattr(fd_, TCSAFLUSH, &changed) == 0;
  }
  ~NoEcho() {
    if (off_) ::tcsetattr(fd_, TCSAFLUSH, &before_);
  }
  NoEcho(const NoEcho&) = delete;
  NoEcho& operator=(const NoEcho&) = delete;

 private:
  int fd_;
  termios before_{};
  bool off_ = false;
};

class ControllingTerminal {
 public:
  bool is_there() const { return static_cast<bool>(fd_); }
  int get() const { return fd_.get(); }
  void say(std::string_view text) const {
    const auto safe = printable(text, true);
    [[maybe_unused]] const auto n = ::write(fd_.get(), safe.data(), safe.size());
  }

 private:
  UniqueFd fd_{::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)};
};

}  // namespace

std::string printable(std::string_view text, bool lines) {
  if (is_plain(text, lines)) return std::string(text);
  const auto valid = escape_invalid_utf8(text);
  std::string made;
  for (std::string_view rest = valid; !rest.empty();) {
    const auto before = rest;
    const auto c = take_character(rest);
    if (lines && (c == '\n' || c == '\t'))
      made += static_cast<char>(c);
    else if (c < 0x20 || c == 0x7f)
      made += fmt::format("\\x{:02X}", static_cast<unsigned>(c));
    else if (deceives(c))
      made += fmt::format("\\u{{{:X}}}", static_cast<unsigned>(c));
    else
      made += before.substr(0, before.size() - rest.size());
  }
  return made;
}

std::size_t width_of(std::string_view printable) {
  std::size_t width = 0;
  while (!printable.empty()) {
    const auto c = take_character(printable);
    width += is_wide(c) ? 2 : is_combining(c) ? 0 : 1;
  }
  return width;
}

Terminal::Terminal() : out_(::isatty(STDOUT_FILENO) == 1), error_(::isatty(STDERR_FILENO) == 1) {
  const char* none = std::getenv("NO_COLOR");
  const char* kind = std::getenv("TERM");
  colours_ = (none == nullptr || *none == '\0') && kind != nullptr && std::string_view(kind) != "dumb";
}

int Terminal::columns() const {
  winsize size{};
  for (const int fd : {STDOUT_FILENO, STDERR_FILENO})
    if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

std::string Terminal::coloured(std::string_view printable, Colour colour) const {
  if (!colours_ || colour == Colour::plain) return std::string(printable);
  return fmt::format("\x1b[{}m{}\x1b[0m", code_of(colour), printable);
}

void Terminal::write(std::string_view text, Colour colour) {
  lift();
  write_all(stdout, out_ ? coloured(printable(text, true), colour) : std::string(text));
}

void Terminal::flush() { std::fflush(stdout); }

void Terminal::note(std::string_view line, Colour colour) {
  lift();
  std::fflush(stdout);
  const auto safe = printable(line, true);
  write_all(stderr, (error_ ? coloured(safe, colour) : safe) + "\n");
}

void Terminal::progress(std::string_view line) {
  if (!error_) return;
  std::fflush(stdout);
  const auto most = static_cast<std::size_t>(std::max(columns() - 1, 1));
  auto safe = printable(line);
  if (safe.size() > most) safe = escape_invalid_utf8(safe.substr(0, most));
  if (safe == progress_) return;
  progress_ = safe;
  write_all(stderr, "\r\x1b[K" + safe);
  std::fflush(stderr);
}

// The foot goes, so that what is written stands on a line of its own.
void Terminal::lift() {
  if (progress_.empty()) return;
  progress_.clear();
  write_all(stderr, "\r\x1b[K");
  std::fflush(stderr);
}

Result<void> show_on_terminal(std::string_view lines) {
  const ControllingTerminal terminal;
  if (!terminal.is_there()) return failure("", "nobody can be shown what is told this once: there is no terminal");
  terminal.say(lines);
  return {};
}

Result<std::string> ask(const std::string& question, bool secret) {
  const ControllingTerminal terminal;
  if (!terminal.is_there()) return failure(question, "nobody can be asked: there is no terminal");
  std::string answer;
  {
    std::optional<NoEcho> quiet;  // before the question: nothing that is typed as soon as it stands there is shown
    if (secret) quiet.emplace(terminal.get());
    terminal.say(question + " ");
    char c = 0;
    while (::read(terminal.get(), &c, 1) == 1 && c != '\n')
      if (answer.size() < 4096) answer += c;
  }
  if (secret) terminal.say("\n");
  return answer;
}

Result<bool> confirm(const std::string& question) {
  const auto answer = to_lower(trim(TRY(ask(question + " [y/N]", false))));
  return answer == "y" || answer == "yes";
}

}  // namespace osprey::ctl
