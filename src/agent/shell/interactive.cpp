#include "agent/shell/interactive.h"

#include <fmt/format.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "agent/shell/completion.h"
#include "agent/shell/history.h"
#include "base/module.h"
#include "base/text.h"

namespace osprey::agent::shell {
namespace {

// What Ctrl-C interrupts. Signals reach the main thread, which is the querying one.
std::atomic<sql::Connection*> interruptible{nullptr};
static_assert(std::atomic<sql::Connection*>::is_always_lock_free);

void on_interrupt(int) {
  if (auto* connection = interruptible.load(std::memory_order_relaxed)) connection->interrupt();
}

// Has Ctrl-C end the running query, and a wait for input, while it lives.
class InterruptHandler {
 public:
  explicit InterruptHandler(sql::Connection& connection) {
    interruptible = &connection;
    struct sigaction action{};
    action.sa_handler = on_interrupt;  // without SA_RESTART
    ::sigaction(SIGINT, &action, &before_);
  }
  ~InterruptHandler() {
    ::sigaction(SIGINT, &before_, nullptr);
    interruptible = nullptr;
  }
  InterruptHandler(const InterruptHandler&) = delete;
  InterruptHandler& operator=(const InterruptHandler&) = delete;

 private:
  struct sigaction before_{};
};

std::vector<std::string> function_names(sql::Connection& connection) {
  std::vector<std::string> names;
  std::string_view sql = "SELECT DISTINCT name FROM pragma_function_list WHERE name GLOB '[a-z]*' ORDER BY name";
  connection.begin({});
  auto statement = connection.prepare(sql);
  if (!statement || !*statement) return names;
  for (;;) {
    const auto row = (*statement)->step();
    if (!row || !*row) return names;
    names.emplace_back((*statement)->text(0));
  }
}

bool has_colours() {
  const char* terminal = std::getenv("TERM");
  return terminal && std::string_view(terminal).contains("xterm-256color");
}

std::string banner(const Shell& shell) {
  if (shell.compatible()) return "Using a \033[1mvirtual database\033[0m. Need help, type '.help'\n";
  return fmt::format(
      "{}: ask this host in SQL. .tables lists tables, .help TABLE explains one, Tab completes, Ctrl-D "
      "leaves.\n",
      shell.parts().program.title());
}

struct Prompts {
  std::string first;
  std::string next;
};

Prompts prompts(const Shell& shell) {
  std::string first = shell.compatible() ? "osquery> " : "osprey> ";
  std::string next(first.size() - 5, ' ');
  next += "...> ";
  if (!has_colours()) return {first, next};
  const auto coloured = [](std::string_view text) { return fmt::format("\033[38;5;147m{}\033[0m", text); };
  return {coloured(first), coloured(next)};
}

// Lines by libedit, or by the terminal's own editing where its module cannot be opened.
class Editor {
 public:
  explicit Editor(LineEditorOptions options) {
    const auto module = open_module<LineEditorModule>();
    if (!module) {
      say(fmt::format("lines cannot be edited here: {}\n", module.error().text()));
      return;
    }
    module_ = *module;
    editor_ = module_->open(std::move(options));
  }
  ~Editor() {
    if (editor_) module_->close(editor_);
  }
  Editor(const Editor&) = delete;
  Editor& operator=(const Editor&) = delete;

  ReadLine read(const std::string& prompt) {
    if (editor_) return module_->read(editor_, prompt);
    std::fputs(prompt.c_str(), stdout);
    std::fflush(stdout);
    std::string text;
    for (;;) {
      errno = 0;
      const int c = std::getchar();
      if (c == '\n') return {ReadLine::Kind::line, text};
      if (c == EOF && errno == EINTR) {
        std::clearerr(stdin);
        return {ReadLine::Kind::interrupted, {}};
      }
      if (c == EOF) return {text.empty() ? ReadLine::Kind::end : ReadLine::Kind::line, text};
      text += static_cast<char>(c);
    }
  }

  void remember(const std::string& line) {
    if (editor_) module_->remember(editor_, line);
  }

 private:
  const LineEditorModule* module_ = nullptr;
  LineEditor* editor_ = nullptr;
};

}  // namespace

int run_interactive(Shell& shell) {
  constexpr std::size_t kOsqueryHistory = 100;
  constexpr std::size_t kHistory = 1000;
  shell.set_interactive();
  const InterruptHandler handler(shell.connection());
  const auto most = shell.compatible() ? kOsqueryHistory : kHistory;
  const auto home = shell_home(shell.parts().program);
  History history(home.empty() ? home : home + "/.history", most);
  const Completer completer(shell.parts().registry, function_names(shell.connection()));
  Editor editor({
      .complete = [&](std::string_view line,
                      std::size_t cursor) { return completer.complete(shell.pending_text(), line, cursor); },
      .history = most,
  });
  for (const auto& line : history.lines()) editor.remember(line);

  const auto [first, next] = prompts(shell);
  std::fputs(banner(shell).c_str(), stdout);
  std::fflush(stdout);
  for (;;) {
    const auto line = editor.read(shell.pending() ? next : first);
    if (line.kind == ReadLine::Kind::end) break;
    if (line.kind == ReadLine::Kind::interrupted) {
      shell.drop_pending();
      std::puts("^C");
      continue;
    }
    if (!trim(line.text).empty()) {
      editor.remember(line.text);
      history.add(line.text);
    }
    if (const auto left = shell.take_line(line.text)) return *left;
  }
  std::puts("");
  return shell.finish();
}

}  // namespace osprey::agent::shell
