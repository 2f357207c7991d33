// Shell: runs SQL and dot-commands and prints what comes of them. How osquery's shell behaves stands in compat
// section 1; under our own name errors and warnings say more and a few of its faults are mended.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/configuration.h"
#include "agent/flags/flags.h"
#include "agent/program.h"
#include "agent/shell/output.h"
#include "agent/shell/printers.h"
#include "agent/shell/progress.h"
#include "agent/shell/statement_reader.h"
#include "sql/connection.h"

namespace osprey::agent::shell {

// The parts of the program that the shell works with; all outlive it.
struct ShellParts {
  Flags& flags;
  Program& program;
  sql::Registry& registry;
  sql::Services& services;
  const Configuration& configuration;
  Root root = Root::host();
};

// What dot-commands change.
struct Settings {
  Mode mode = Mode::pretty;
  std::string separator = "|";
  bool header = true;
  std::string null_value;  // of line, list, csv and column; pretty and JSON keep to the flag
  std::vector<int> widths;
  bool bail = false;
  bool echo = false;
  bool timer = false;
  bool wide = false;
};

class Shell {
 public:
  // Rows go to `output`.
  Shell(ShellParts parts, Output& output);
  ~Shell();

  // One-shot runs; each returns the exit status.
  int run_argument(std::string_view text);  // SQL or a dot-command
  int run_sql(std::string_view sql);
  int run_file(const std::string& path);
  int run_pack(std::string_view name);
  int run_profile(std::string_view sql, std::int64_t times);
  int run_lines(int fd);  // to its end

  // Takes a line as if typed. An exit status: the shell is to be left.
  std::optional<int> take_line(std::string_view line);
  // The input has ended: runs what is pending and returns the exit status.
  int finish();
  bool pending() const { return reader_.pending(); }
  std::string_view pending_text() const { return reader_.text(); }
  void drop_pending() { reader_.clear(); }
  // From now on errors do not name lines.
  void set_interactive() { interactive_ = true; }

  // What dot-commands work with.
  const ShellParts& parts() const { return parts_; }
  Settings& settings() { return settings_; }
  Output& output() { return output_; }
  bool compatible() const { return parts_.program.osquery_compatible; }
  bool interactive() const { return interactive_; }
  sql::Connection& connection();
  // Runs one input and prints its rows; what ended it early, if anything did.
  std::optional<sql::QueryError> execute(std::string_view sql);
  void report(const sql::QueryError& error, std::string_view prefix = {});
  void complain(std::string_view text);  // on standard error; counts as an error
  // ": did you mean X?" for the end of a message; empty under osquery's name or if nothing is near.
  std::string suggestion(std::string_view word, const std::vector<std::string_view>& candidates) const;

 private:
  std::optional<sql::QueryError> step_through(std::string_view sql, Printer& printer);
  void run_statement(const std::string& sql, bool without_line = false);
  void print_types(std::string_view sql);
  void print_plan(const sql::Statement& statement);
  void report_warnings();
  PrinterOptions printer_options() const;
  // Who types sees the errors; osquery tells them at the end all the same.
  int exit_status() const { return errors_ && (!interactive_ || compatible()) ? 1 : 0; }

  ShellParts parts_;
  Output& output_;
  Settings settings_;
  std::unique_ptr<sql::Connection> connection_;
  std::unique_ptr<Progress> progress_;
  StatementReader reader_;
  bool types_wanted_ = false;  // the pending statement is that of .types
  bool interactive_ = false;
  std::size_t errors_ = 0;
};

// Writes to standard error.
void say(std::string_view text);
// The shell's own folder, $HOME/.osprey or, under osquery's name, $HOME/.osquery; empty without a HOME.
std::string shell_home(const Program& program);

}  // namespace osprey::agent::shell
