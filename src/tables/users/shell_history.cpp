#include "linux/files/shell_history.h"

#include "linux/files/folder.h"
#include "linux/files/line_reader.h"
#include "tables/table.h"
#include "tables/users/local_users.h"

namespace osprey::tables {
namespace {

using linux::HistoryFormat;
using linux::HistoryVariables;

// A program with a history: its file in the home, what switches it off, and the start-up files that may say so.
struct Program {
  std::string_view file;
  HistoryFormat format;
  const HistoryVariables* variables;
  // In the order of their reading; relative ones are in the home, of a folder (with a slash) those ending in .sh count.
  std::span<const std::string_view> scripts;
  // The login shell whose users are expected to have the file, so that the settings count where it does not even exist.
  std::string_view login_shell = {};
};

constexpr std::string_view kBashScripts[] = {"/etc/environment", "/etc/profile", "/etc/profile.d/",
                                             "/etc/bash.bashrc", "/etc/bashrc",  ".bash_profile",
                                             ".bash_login",      ".profile",     ".bashrc"};
constexpr std::string_view kZshScripts[] = {"/etc/environment", "/etc/zsh/zshenv", "/etc/zsh/zshrc", "/etc/zshenv",
                                            "/etc/zshrc",       ".zshenv",         ".zprofile",      ".zshrc"};
constexpr std::string_view kPlainScripts[] = {
    "/etc/environment", "/etc/profile", "/etc/profile.d/", ".profile", ".kshrc", ".mkshrc", ".shrc"};
constexpr std::string_view kAnyScripts[] = {"/etc/environment", "/etc/profile", "/etc/profile.d/", ".profile",
                                            ".bash_profile",    ".bashrc",      ".zshenv",         ".zshrc"};
constexpr HistoryVariables kBash{
    .file = "HISTFILE", .unset_means_off = true, .size = "HISTSIZE", .file_size = "HISTFILESIZE", .set_o = true};
constexpr HistoryVariables kZsh{.file = "HISTFILE", .unset_means_off = true, .size = "SAVEHIST"};
constexpr HistoryVariables kKsh{.file = "HISTFILE", .size = "HISTSIZE"};
constexpr HistoryVariables kPython{.file = "PYTHON_HISTORY"};
constexpr HistoryVariables kMysql{.file = "MYSQL_HISTFILE"};
constexpr HistoryVariables kPsql{.file = "PSQL_HISTORY"};
constexpr HistoryVariables kSqlite{.file = "SQLITE_HISTORY"};
constexpr HistoryVariables kLess{.file = "LESSHISTFILE", .size = "LESSHISTSIZE"};
constexpr HistoryVariables kNone{};
constexpr std::string_view kAnyShell = "*";

// osquery's five come first, in its order.
constexpr Program kPrograms[] = {
    {".bash_history", HistoryFormat::shell, &kBash, kBashScripts, "bash"},
    {".zsh_history", HistoryFormat::zsh, &kZsh, kZshScripts, "zsh"},
    {".zhistory", HistoryFormat::zsh, &kZsh, kZshScripts},
    {".history", HistoryFormat::shell, &kNone, {}},
    {".sh_history", HistoryFormat::shell, &kKsh, kPlainScripts, "ksh"},
    {".ash_history", HistoryFormat::shell, &kKsh, kPlainScripts, "ash"},
    {".ksh_history", HistoryFormat::shell, &kKsh, kPlainScripts},
    {".local/share/fish/fish_history", HistoryFormat::fish, &kNone, {}},
    {".config/fish/fish_history", HistoryFormat::fish, &kNone, {}},
    {".python_history", HistoryFormat::plain, &kPython, kAnyScripts, kAnyShell},
    {".mysql_history", HistoryFormat::plain, &kMysql, kAnyScripts, kAnyShell},
    {".mariadb_history", HistoryFormat::plain, &kMysql, kAnyScripts},
    {".psql_history", HistoryFormat::plain, &kPsql, kAnyScripts, kAnyShell},
    {".sqlite_history", HistoryFormat::plain, &kSqlite, kAnyScripts, kAnyShell},
    {".lesshst", HistoryFormat::less, &kLess, kAnyScripts, kAnyShell},
    {".local/state/lesshst", HistoryFormat::less, &kLess, kAnyScripts},
};

struct File {
  std::string path;
  const Program* program;
};

struct Command {
  std::uint32_t uid = 0;
  const File* file = nullptr;
  std::optional<linux::HistoryEntry> entry;  // unset in a row that only says that the history is off
  const std::optional<std::string>* disabled_by = nullptr;

  std::optional<std::int64_t> time() const {
    if (!entry) return std::nullopt;
    return entry->time;
  }
  std::optional<std::string_view> command() const {
    if (!entry) return std::nullopt;
    return entry->command;
  }
};

std::vector<File> files_of(const Scan& scan, const linux::PasswdEntry& user) {
  std::vector<File> files;
  for (const auto& program : kPrograms)
    if (auto path = in_home(user, program.file)) files.push_back({std::move(*path), &program});
  // bash keeps one file a terminal session here on some systems.
  const auto sessions = in_home(user, ".bash_sessions/");
  if (!sessions) return files;
  const auto names = scan.take(linux::file_names(scan.root(), *sessions));
  if (!names) return files;
  for (const auto& name : *names)
    if (name.ends_with(".history") && !name.starts_with('.')) files.push_back({*sessions + name, &kPrograms[0]});
  return files;
}

// Whether `user` would have this history if nothing switched it off.
bool expects_history(const linux::PasswdEntry& user, const Program& program) {
  const auto shell = std::string_view(user.shell).substr(user.shell.rfind('/') + 1);
  if (program.login_shell == kAnyShell) return !shell.empty() && shell != "nologin" && shell != "false";
  return shell == program.login_shell && !shell.empty();
}

// The usual way of keeping no history.
bool leads_to_null(const Scan& scan, const std::string& path) {
  return scan.root().read_link(path).value_or("") == "/dev/null";
}

std::vector<std::string> scripts_of(const Scan& scan, const linux::PasswdEntry& user, const Program& program) {
  std::vector<std::string> paths;
  for (const auto script : program.scripts) {
    if (!script.starts_with('/')) {
      if (auto path = in_home(user, script)) paths.push_back(std::move(*path));
    } else if (!script.ends_with('/')) {
      paths.emplace_back(script);
    } else if (const auto names = scan.take(linux::file_names(scan.root(), script))) {
      for (const auto& name : *names)
        if (name.ends_with(".sh")) paths.push_back(std::string(script) + name);
    }
  }
  return paths;
}

// What keeps a program from writing its history: the file itself, or a statement in a start-up file.
std::optional<std::string> find_disabled_by(const Scan& scan, const linux::PasswdEntry& user, const File& file) {
  if (leads_to_null(scan, file.path)) return "link to /dev/null";
  if (const auto info = scan.root().stat(file.path); info && S_ISDIR(info->stx_mode)) return "a directory in its place";
  if (!expects_history(user, *file.program) && !scan.root().exists(file.path)) return std::nullopt;
  linux::HistorySwitches switches(*file.program->variables);
  for (const auto& path : scripts_of(scan, user, *file.program))
    if (const auto content = scan.take(scan.root().read(path))) switches.read(path, content->bytes);
  return switches.off();
}

std::optional<linux::LineReader> open_history(const Scan& scan, const File& file) {
  auto reader = linux::LineReader::open(scan.root(), file.path);
  if (reader) return std::move(*reader);
  if (!leads_to_null(scan, file.path)) scan.warn(reader.error());
  return std::nullopt;
}

// The next command of a file; empty at its end, where what was left out is reported.
std::optional<linux::HistoryEntry> next_command(const Scan& scan, linux::LineReader& reader,
                                                linux::HistoryParser& parser, const std::string& path) {
  for (;;) {
    const auto line = scan.take(reader.next(scan.interrupt()));
    if (!line) return std::nullopt;
    if (!*line) {
      if (auto entry = parser.end()) return entry;
      if (reader.cut() != 0)
        scan.warn(failure(path, std::to_string(reader.cut()) + " lines were too long and are cut").error());
      if (reader.beyond_cap()) scan.warn(failure(path, "larger than what is read of it").error());
      return std::nullopt;
    }
    if (auto entry = parser.line(**line)) return entry;
  }
}

Rows<Command> scan(const Scan& scan) {
  const bool asks_why_off = scan.wants("disabled_by");
  for (const auto& user : asked_users(scan)) {
    for (const auto& file : files_of(scan, user)) {
      if (scan.interrupted()) co_return;
      std::optional<std::string> disabled_by;
      if (asks_why_off) disabled_by = find_disabled_by(scan, user, file);
      Command command{user.uid, &file, std::nullopt, &disabled_by};
      bool any = false;
      if (auto reader = open_history(scan, file)) {
        linux::HistoryParser parser(file.program->format);
        while ((command.entry = next_command(scan, *reader, parser, file.path))) {
          any = true;
          co_yield command;
        }
      }
      if (!any && disabled_by) co_yield command;
    }
  }
}

}  // namespace

Table shell_history() {
  return table("shell_history", "Commands that users typed, from the history files of shells and some other programs.",
               scan)
      .column("uid", BIGINT, &Command::uid, "User whose history it is.", ADDITIONAL | OPTIMIZED)
      .column("time", INTEGER, &Command::time, "When, in seconds since 1970; 0 where the file does not say.")
      .column("command", TEXT, &Command::command, "What was typed.")
      .column(
          "history_file", TEXT, [](const Command& c) -> std::string_view { return c.file->path; },
          "File that it is in, which tells the program: .bash_history, fish_history, .psql_history…")
      .column(
          "disabled_by", TEXT, [](const Command& c) -> const auto& { return *c.disabled_by; },
          "What keeps this history from being written: a link to /dev/null, or a start-up file's line.", HIDDEN)
      .user_based()
      .example(
          "SELECT u.username, h.command FROM users u JOIN shell_history h USING (uid) "
          "WHERE h.command LIKE '%curl%|%sh%'")
      .example(
          "SELECT DISTINCT history_file, disabled_by FROM users JOIN shell_history USING (uid) "
          "WHERE disabled_by IS NOT NULL")
      .note(
          "Where disabled_by is asked for, a history that is off and empty is a row without a command. Start-up "
          "files are searched for settings, not run: what they do by other means is not seen.");
}

}  // namespace osprey::tables
