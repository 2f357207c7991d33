#include "agent/shell/shell.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>

#include "agent/config/auto_tables.h"
#include "agent/log.h"
#include "agent/shell/dot_commands.h"
#include "agent/shell/terminal.h"
#include "agent/sql_setup.h"
#include "base/text.h"
#include "sql/column_types.h"

namespace osprey::agent::shell {
namespace {

Mode mode_of(const Flags& flags) {
  if (flags.boolean("list")) return Mode::list;
  if (flags.boolean("line")) return Mode::line;
  if (flags.boolean("csv")) return Mode::csv;
  if (flags.boolean("json_pretty")) return Mode::json_pretty;
  if (flags.boolean("json")) return Mode::json;
  return Mode::pretty;
}

sql::QueryLimits limits_of(const Flags& flags) {
  sql::QueryLimits limits;
  if (const auto seconds = flags.number("query_timeout"); seconds > 0) limits.time = std::chrono::seconds(seconds);
  if (const auto rows = flags.number("query_max_rows"); rows > 0) limits.rows = static_cast<std::uint64_t>(rows);
  return limits;
}

std::string quoted_text(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "''" : std::string(1, c);
  return quoted + '\'';
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// Prints what a statement took, when it is destroyed.
class Timer {
 public:
  Timer(bool on, Output& output) : on_(on), output_(output) {
    if (on_) ::getrusage(RUSAGE_SELF, &before_);
  }
  ~Timer() {
    if (!on_) return;
    rusage after{};
    ::getrusage(RUSAGE_SELF, &after);
    const std::chrono::duration<double> real = std::chrono::steady_clock::now() - start_;
    output_.add(fmt::format("Run Time: real {:.3f} user {:.6f} sys {:.6f}\n", real.count(),
                            seconds(after.ru_utime) - seconds(before_.ru_utime),
                            seconds(after.ru_stime) - seconds(before_.ru_stime)));
  }

 private:
  bool on_;
  Output& output_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  rusage before_{};
};

}  // namespace

void say(std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written < 0 && errno != EINTR) return;
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
}

std::string shell_home(const Program& program) {
  const char* home = std::getenv("HOME");
  if (!home || !*home) return {};
  return std::string(home) + (program.osquery_compatible ? "/.osquery" : "/.osprey");
}

Shell::Shell(ShellParts parts, Output& output) : parts_(std::move(parts)), output_(output) {
  const auto& flags = parts_.flags;
  settings_.mode = mode_of(flags);
  settings_.separator = flags.text("separator");
  // osquery's --csv leaves the separator as it is by default, a fault kept under its name only.
  if (settings_.mode == Mode::csv && !compatible() && !flags.is_set("separator")) settings_.separator.assign(1, ',');
  settings_.header = flags.boolean("header");
  settings_.null_value = flags.text("nullvalue");
  settings_.wide = flags.boolean("wide");
}

Shell::~Shell() { output_.before_write(nullptr); }

sql::Connection& Shell::connection() {
  if (connection_) return *connection_;
  auto auto_tables = make_auto_tables(parts_.configuration.auto_tables, parts_.registry, parts_.configuration.views);
  for (const auto& note : auto_tables.notes)
    if (!compatible()) say(fmt::format("warning: {}: {}\n", note.where, note.text));
  connection_ = std::make_unique<sql::Connection>(sql::ConnectionOptions{
      .registry = &parts_.registry,
      .root = parts_.root,
      .services = &parts_.services,
      .osquery_compatible = compatible(),
      .hidden_tables = hidden_tables(parts_.flags, parts_.registry),
      .extra_tables = std::move(auto_tables.tables),
  });
  if (!compatible() && parts_.flags.boolean("progress") && ::isatty(STDERR_FILENO)) {
    progress_ = std::make_unique<Progress>(*connection_, STDERR_FILENO);
    connection_->on_progress([this] { progress_->tick(); });
    output_.before_write([this] { progress_->erase(); });
    if (!interactive_) Progress::erase_on_interrupt();
  }
  for (const auto& [name, sql] : parts_.configuration.views) {
    const auto error = create_view(*connection_, name, sql);
    // osquery says it below the level that its shell shows.
    if (error && !compatible()) say(fmt::format("warning: view {}: {}\n", name, error->message));
  }
  return *connection_;
}

PrinterOptions Shell::printer_options() const {
  const bool flagged =
      settings_.mode == Mode::pretty || settings_.mode == Mode::json || settings_.mode == Mode::json_pretty;
  PrinterOptions options;
  options.separator = settings_.separator;
  options.header = settings_.header;
  options.null_value = flagged ? std::string(parts_.flags.text("nullvalue")) : settings_.null_value;
  options.widths = settings_.widths;
  options.typed = parts_.flags.boolean("typed");
  options.osquery_compatible = compatible();
  if (output_.is_terminal() && !compatible() && !settings_.wide)
    options.terminal_width = terminal_columns(output_.fd());
  return options;
}

std::optional<sql::QueryError> Shell::execute(std::string_view sql) {
  const Timer timer(settings_.timer, output_);
  auto& running = connection();
  const auto printer = make_printer(settings_.mode, printer_options(), output_);
  running.begin(limits_of(parts_.flags));
  if (progress_) progress_->start();
  auto error = step_through(sql, *printer);
  // Who has pressed Ctrl-C does not want the table of what was read until then.
  const bool dropped = interactive_ && settings_.mode == Mode::pretty && error && error->code == SQLITE_INTERRUPT;
  if (!dropped) printer->end();
  if (progress_) progress_->stop();
  output_.flush();
  report_warnings();
  return error;
}

std::optional<sql::QueryError> Shell::step_through(std::string_view sql, Printer& printer) {
  for (;;) {
    auto statement = connection_->prepare(sql);
    if (!statement) return statement.error();
    if (!*statement) return std::nullopt;
    if (parts_.flags.boolean("planner")) print_plan(**statement);
    if ((*statement)->size() > 0) printer.begin(**statement);
    for (;;) {
      const auto row = (*statement)->step();
      if (!row) return row.error();
      if (!*row) break;
      printer.row(**statement);
      // Nobody reads on, as after `| head`.
      if (output_.failed())
        return sql::QueryError{1, fmt::format("cannot write: {}", std::strerror(output_.failed())), {}};
    }
  }
}

void Shell::report_warnings() {
  const auto& warnings = connection_->warnings();
  const auto warn = [&](std::string_view text) {
    say(compatible() ? log_line(protocol::Severity::warning, text) : fmt::format("warning: {}\n", text));
  };
  for (const auto& warning : warnings.list()) {
    const auto text = warning.error.text();
    warn(warning.table.empty() ? text : fmt::format("{}: {}", warning.table, text));
  }
  if (warnings.beyond_cap() > 0) say(fmt::format("warning: {} more warnings are not shown\n", warnings.beyond_cap()));
}

void Shell::report(const sql::QueryError& error, std::string_view prefix) {
  ++errors_;
  output_.flush();
  if (output_.failed() == EPIPE) return;  // who has gone wants to hear nothing
  if (compatible()) {
    if (const auto& denied = connection().denial())
      say(log_line(protocol::Severity::error,
                   fmt::format("Authorizer denied action {} {}", denied->action, fmt::join(denied->arguments, " "))));
    say(fmt::format("{}{}\n", prefix, error.message));
    return;
  }
  say(fmt::format("{}{}\n{}{}", prefix, error.message, error.hint, error.hint.empty() ? "" : "\n"));
}

void Shell::complain(std::string_view text) {
  ++errors_;
  output_.flush();
  say(fmt::format("{}\n", text));
}

std::string Shell::suggestion(std::string_view word, const std::vector<std::string_view>& candidates) const {
  if (compatible()) return {};
  const auto found = nearest(word, candidates);
  return found ? fmt::format("; did you mean {}?", *found) : std::string();
}

int Shell::run_argument(std::string_view text) {
  if (!text.starts_with('.')) return run_sql(text);
  const auto left = run_dot_command(*this, text);
  output_.flush();
  return left.value_or(exit_status());
}

int Shell::run_sql(std::string_view sql) {
  const auto error = execute(sql);
  if (!error) return exit_status();
  report(*error, "Error: ");
  return error->code;
}

int Shell::run_file(const std::string& path) {
  const auto largest = static_cast<std::size_t>(parts_.flags.number("read_max"));
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) {
    complain(compatible() ? fmt::format("Error reading query file '{0}': Cannot open file for reading: {0}", path)
                          : fmt::format("Error: {}", system_failure(path).error().text()));
    return 1;
  }
  const auto sql = read_all(file.get(), largest, path);
  if (!sql || sql->truncated) {
    complain(fmt::format("Error reading query file '{}': {}", path,
                         sql ? fmt::format("larger than {} bytes (--read_max)", largest) : sql.error().message));
    return 1;
  }
  return run_sql(sql->bytes);
}

int Shell::run_pack(std::string_view name) {
  bool found = false;
  for (const auto& pack : parts_.configuration.packs) {
    if (pack.name != name) continue;
    found = true;
    for (const auto& query : pack.queries)
      if (const int status = run_sql(query.sql); status != 0) return status;
  }
  if (found || compatible()) return exit_status();
  std::vector<std::string_view> names;
  names.reserve(parts_.configuration.packs.size());
  for (const auto& pack : parts_.configuration.packs) names.push_back(pack.name);
  complain(fmt::format("Error: no pack {} in {}{}", name, parts_.flags.text("config_path"), suggestion(name, names)));
  return 1;
}

int Shell::run_profile(std::string_view sql, std::int64_t times) {
  const auto pause = std::chrono::seconds(std::max<std::int64_t>(parts_.flags.number("profile_delay"), 0));
  const auto rest = [&] { ::sleep(static_cast<unsigned>(pause.count())); };
  rest();
  std::vector<double> taken;
  for (std::int64_t i = 0; i < times; ++i) {
    const auto start = std::chrono::steady_clock::now();
    connection().begin(limits_of(parts_.flags));
    if (const auto error = connection().run(sql)) {
      report(*error, "Error: ");
      return error->code;
    }
    taken.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  rest();
  if (compatible() || taken.empty()) return 0;
  std::ranges::sort(taken);
  say(fmt::format("{} runs: fastest {:.3f} ms, median {:.3f} ms, slowest {:.3f} ms\n", taken.size(), taken.front(),
                  taken[taken.size() / 2], taken.back()));
  return 0;
}

int Shell::run_lines(int fd) {
  std::string gathered;
  std::string chunk(Output::kChunk, '\0');
  for (;;) {
    const auto length = ::read(fd, chunk.data(), chunk.size());
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) break;
    gathered.append(chunk, 0, static_cast<std::size_t>(length));
    std::string_view rest = gathered;
    while (rest.contains('\n'))
      if (const auto left = take_line(take_until(rest, '\n'))) return *left;
    gathered.erase(0, gathered.size() - rest.size());
  }
  if (!gathered.empty())
    if (const auto left = take_line(gathered)) return *left;
  return finish();
}

std::optional<int> Shell::take_line(std::string_view line) {
  constexpr std::string_view kTypes = ".types ";
  if (settings_.echo) output_.add(fmt::format("{}\n", line));
  std::optional<int> left;
  if (!reader_.pending() && line.starts_with('.') && !line.starts_with(kTypes)) {
    reader_.skip_line();
    left = run_dot_command(*this, line);
  } else {
    if (!reader_.pending()) {
      types_wanted_ = line.starts_with(kTypes);
      if (types_wanted_) line.remove_prefix(kTypes.size());
    }
    if (const auto sql = reader_.add(line)) run_statement(*sql);
  }
  output_.flush();
  if (!left && errors_ && settings_.bail && !interactive_) left = 1;
  return left;
}

int Shell::finish() {
  if (const auto rest = reader_.take_rest(); !rest.empty()) run_statement(rest, compatible());
  output_.flush();
  return exit_status();
}

void Shell::run_statement(const std::string& sql, bool without_line) {
  if (std::exchange(types_wanted_, false)) return print_types(sql);
  if (const auto error = execute(sql))
    report(*error, interactive_ || without_line ? std::string("Error: ")
                                                : fmt::format("Error: near line {}: ", reader_.first_line()));
}

void Shell::print_types(std::string_view sql) {
  connection().begin({});
  std::string rows;
  for (;;) {
    const auto statement = connection_->prepare(sql);
    if (!statement) {
      // On standard output and no error, as osquery has it.
      const auto& error = statement.error();
      output_.add(fmt::format("Error {}: {}\n", error.code, error.message));
      if (!compatible() && !error.hint.empty()) output_.add(error.hint + "\n");
      return;
    }
    if (!*statement) break;
    const auto types = sql::column_types(*connection_, **statement);
    for (std::size_t i = 0; i < types.size(); ++i)
      rows += fmt::format("{}({}, {})", rows.empty() ? "" : ", ", quoted_text((*statement)->column_name(i)),
                          quoted_text(types[i]));
  }
  if (rows.empty()) return;
  const auto mode = std::exchange(settings_.mode, compatible() ? Mode::pretty : settings_.mode);
  execute(fmt::format("SELECT column1 AS name, column2 AS type FROM (VALUES {})", rows));
  settings_.mode = mode;
}

void Shell::print_plan(const sql::Statement& statement) {
  std::string text = "EXPLAIN QUERY PLAN " + std::string(statement.sql());
  std::string_view rest = text;
  auto plan = connection_->prepare(rest);
  if (!plan || !*plan) return;
  for (;;) {
    const auto row = (*plan)->step();
    if (!row || !*row) break;
    say(fmt::format("{} planner: {}\n", compatible() ? "osquery" : "osprey", (*plan)->text(3)));
  }
}

}  // namespace osprey::agent::shell
