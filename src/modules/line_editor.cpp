// The module "line_editor": what agent/shell/line_editor_module.h promises, by libedit.
#include "agent/shell/line_editor_module.h"

#include <histedit.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstring>
#include <cwchar>
#include <memory>

#include "base/module_entry.h"

namespace osprey::agent::shell {
namespace {

constexpr char kInvisible = '\1';  // stands around what of a prompt takes no room

std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0u) != 0x80u; }));
}

// What all candidates begin with.
std::string_view common_start(const std::vector<std::string>& candidates) {
  std::string_view common = candidates.front();
  for (const std::string_view one : candidates) {
    const auto differs = std::ranges::mismatch(common, one).in1;
    common = common.substr(0, static_cast<std::size_t>(differs - common.begin()));
  }
  return common;
}

// Candidates in columns as wide as the terminal allows.
void list(const std::vector<std::string>& candidates) {
  constexpr std::size_t kMost = 200;
  struct winsize size{};
  const std::size_t screen = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
  std::size_t widest = 0;
  for (const auto& one : candidates) widest = std::max(widest, one.size() + 2);
  const std::size_t columns = std::max<std::size_t>(1, screen / widest);
  const std::size_t shown = std::min(candidates.size(), kMost);
  const std::size_t rows = (shown + columns - 1) / columns;
  std::string text = "\n";
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t i = row; i < shown; i += rows) {
      text += candidates[i];
      if (i + rows < shown) text.append(widest - candidates[i].size(), ' ');
    }
    text += '\n';
  }
  if (shown < candidates.size()) text += "… and " + std::to_string(candidates.size() - shown) + " more\n";
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

}  // namespace

class LineEditor {
 public:
  explicit LineEditor(LineEditorOptions options) : options_(std::move(options)) {
    // Without a locale of UTF-8 libedit would take its characters apart.
    const char* locale = std::setlocale(LC_CTYPE, "");
    if (!locale || std::mbrlen("é", 2, nullptr) != 2) std::setlocale(LC_CTYPE, "C.UTF-8");
    history_.reset(history_init());
    HistEvent event;
    history(history_.get(), &event, H_SETSIZE, static_cast<int>(options_.history));
    history(history_.get(), &event, H_SETUNIQUE, 1);
    editor_.reset(el_init("osprey", stdin, stdout, stderr));
    EditLine* editor = editor_.get();
    if (!editor) return;
    el_set(editor, EL_CLIENTDATA, this);
    el_set(editor, EL_SIGNAL, 0);
    el_set(editor, EL_EDITOR, "emacs");
    el_set(editor, EL_PROMPT_ESC, prompt, kInvisible);
    el_set(editor, EL_HIST, history, history_.get());
    el_set(editor, EL_GETCFN, read_character);
    el_set(editor, EL_ADDFN, "osprey-complete", "Complete the word at the cursor", complete);
    el_set(editor, EL_BIND, "^I", "osprey-complete", nullptr);
    el_set(editor, EL_BIND, "^R", "em-inc-search-prev", nullptr);
    el_source(editor, nullptr);  // ~/.editrc
  }

  bool works() const { return editor_ && history_; }

  ReadLine read(const std::string& text) {
    // A terminal's escape sequences take no room.
    prompt_.clear();
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '\033') {
        prompt_ += text[i];
        continue;
      }
      const auto end = std::min(text.find('m', i), text.size() - 1);
      prompt_ += kInvisible + text.substr(i, end - i + 1) + kInvisible;
      i = end;
    }
    el_resize(editor_.get());
    interrupted_ = false;
    int length = 0;
    const char* line = el_gets(editor_.get(), &length);
    if (interrupted_) return {ReadLine::Kind::interrupted, {}};
    if (!line || length <= 0) return {ReadLine::Kind::end, {}};
    std::string_view read(line, static_cast<std::size_t>(length));
    if (read.ends_with('\n')) read.remove_suffix(1);
    return {ReadLine::Kind::line, std::string(read)};
  }

  void remember(const std::string& line) {
    HistEvent event;
    history(history_.get(), &event, H_ENTER, line.c_str());
  }

 private:
  static LineEditor& of(EditLine* editor) {
    void* self = nullptr;
    el_get(editor, EL_CLIENTDATA, &self);
    return *static_cast<LineEditor*>(self);
  }

  static char* prompt(EditLine* editor) { return of(editor).prompt_.data(); }

  // One character; libedit's own reader would go on after a signal.
  static int read_character(EditLine* editor, wchar_t* character) {
    std::mbstate_t state{};
    for (;;) {
      char byte = 0;
      const auto length = ::read(STDIN_FILENO, &byte, 1);
      if (length < 0 && errno == EINTR) of(editor).interrupted_ = true;
      if (length <= 0) return static_cast<int>(length);
      const auto taken = std::mbrtowc(character, &byte, 1, &state);
      if (taken == static_cast<std::size_t>(-1)) {
        state = {};  // a byte that belongs to no character is passed over
        continue;
      }
      if (taken != static_cast<std::size_t>(-2)) return 1;
    }
  }

  static unsigned char complete(EditLine* editor, int) {
    const auto* line = el_line(editor);
    const std::string_view text(line->buffer, static_cast<std::size_t>(line->lastchar - line->buffer));
    const auto cursor = static_cast<std::size_t>(line->cursor - line->buffer);
    const auto found = of(editor).options_.complete(text, cursor);
    if (found.candidates.empty()) return CC_ERROR;
    const auto typed = text.substr(cursor - found.replaces, found.replaces);
    std::string completed(common_start(found.candidates));
    const bool sole = found.candidates.size() == 1;
    if (sole && !completed.ends_with('(')) completed += ' ';
    if (completed.size() <= typed.size()) {
      list(found.candidates);
      return CC_REDISPLAY;
    }
    el_deletestr(editor, static_cast<int>(code_points(typed)));
    el_insertstr(editor, completed.c_str());
    return CC_REFRESH;
  }

  struct EndEditor {
    void operator()(EditLine* editor) const { el_end(editor); }
  };
  struct EndHistory {
    void operator()(History* history) const { history_end(history); }
  };

  LineEditorOptions options_;
  std::unique_ptr<History, EndHistory> history_;
  std::unique_ptr<EditLine, EndEditor> editor_;  // after the history: ended before it
  std::string prompt_;
  bool interrupted_ = false;
};

namespace {

LineEditor* open(LineEditorOptions options) {
  auto editor = std::make_unique<LineEditor>(std::move(options));
  return editor->works() ? editor.release() : nullptr;
}
void close(LineEditor* editor) { delete editor; }
ReadLine read(LineEditor* editor, const std::string& prompt) { return editor->read(prompt); }
void remember(LineEditor* editor, const std::string& line) { editor->remember(line); }

}  // namespace
}  // namespace osprey::agent::shell

OSPREY_MODULE(osprey::agent::shell::LineEditorModule) = {
    .open = osprey::agent::shell::open,
    .close = osprey::agent::shell::close,
    .read = osprey::agent::shell::read,
    .remember = osprey::agent::shell::remember,
};
