// What the module "line_editor" (libedit) does for the shell on a terminal; opened by base/module.h.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace osprey::agent::shell {

// What may stand at the cursor.
struct Completion {
  std::size_t replaces = 0;             // bytes before the cursor that a candidate takes the place of
  std::vector<std::string> candidates;  // sorted
};

struct LineEditorOptions {
  // Asked when Tab is pressed: the line being edited and the cursor's place in it, in bytes.
  std::function<Completion(std::string_view line, std::size_t cursor)> complete;
  std::size_t history = 1000;  // lines to go back to
};

struct ReadLine {
  enum class Kind { line, interrupted, end } kind;
  std::string text;  // without its line end
};

class LineEditor;

struct LineEditorModule {
  static constexpr std::string_view kName = "line_editor";

  // On standard input and output. Null if there is no memory.
  LineEditor* (*open)(LineEditorOptions options);
  void (*close)(LineEditor*);
  // Shows the prompt, which may hold colours, and waits for a line. A signal that has a handler without SA_RESTART ends
  // the wait: interrupted.
  ReadLine (*read)(LineEditor*, const std::string& prompt);
  // Adds a line to what the arrow keys bring back.
  void (*remember)(LineEditor*, const std::string& line);
};

}  // namespace osprey::agent::shell
