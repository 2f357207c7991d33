#include "agent/store_command/store_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <optional>

#include "agent/shell/shell.h"
#include "agent/shell/terminal.h"
#include "agent/shell/text_width.h"
#include "base/text.h"
#include "store/rocksdb_store.h"

namespace osprey::agent {
namespace {

using shell::Output;
using shell::say;
using store::Family;

constexpr int kFailed = 1;
constexpr int kMisused = 2;

// By Family.
constexpr std::array<std::string_view, store::kFamilies> kContents = {
    "settings of this host: identity, the last good configuration, markers, counters",
    "results that the next runs of scheduled queries are compared with",
    "lines that sinks have not taken yet",
    "time, memory and output of scheduled queries",
    "events",
    "files on their way to a server",
    "live queries",
};

// Values that nobody needs to see; who has one could speak to the server as this host.
bool is_secret(Family family, std::string_view key) {
  return family == Family::configuration && (key == "identity.node_key" || key == "nodeKey");
}
constexpr std::string_view kRedacted = "(not shown)";

std::vector<Family> all_families() {
  std::vector<Family> all;
  all.reserve(store::kFamilies);
  for (std::size_t i = 0; i < store::kFamilies; ++i) all.push_back(static_cast<Family>(i));
  return all;
}

// Rows in columns on a terminal, the header with them; separated by tabs and without a header elsewhere.
class Listing {
 public:
  explicit Listing(std::vector<std::string> header) { rows_.push_back(std::move(header)); }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  void print(Output& output) const {
    if (output.is_terminal())
      print_aligned(output);
    else
      for (std::size_t i = 1; i < rows_.size(); ++i) output.add(fmt::format("{}\n", fmt::join(rows_[i], "\t")));
  }

 private:
  static bool is_number(std::string_view cell) {
    return !cell.empty() && cell.find_first_not_of("0123456789,") == cell.npos;
  }
  void print_aligned(Output& output) const {
    std::vector<std::size_t> widths(rows_[0].size());
    for (const auto& row : rows_)
      for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    for (const auto& row : rows_) {
      std::string line;
      for (std::size_t i = 0; i < row.size(); ++i)
        line += is_number(rows_.back()[i]) ? fmt::format("{:>{}}  ", row[i], widths[i])
                                           : fmt::format("{:<{}}  ", row[i], widths[i]);
      output.add(fmt::format("{}\n", trim_right(line)));
    }
  }

  std::vector<std::vector<std::string>> rows_;
};

class Command {
 public:
  Command(std::string_view program, std::span<const std::string> words, const Flags& flags, Output& output)
      : program_(program), words_(words), directory_(flags.text("database_path")), output_(output) {}

  int run();

 private:
  int families();
  int sizes();
  int keys();
  int get();
  int dump();
  int compact();

  int misused(std::string_view what) const {
    say(fmt::format("Error: {}\n`{} store --help` tells how it is used.\n", what, program_));
    return kMisused;
  }
  int failed(const Error& error) const;
  // The family that word `at` names; empty after a complaint.
  std::optional<Family> family(std::size_t at) const;
  // The database; null after a complaint.
  std::unique_ptr<store::Store> open() const;
  std::string number(std::uint64_t value) const {
    return output_.is_terminal() ? shell::grouped(value) : std::to_string(value);
  }
  using Visit = std::function<void(std::string_view key, std::string_view value)>;
  int each(const store::Store& store, Family family, std::string_view prefix, const Visit& visit) const;

  std::string_view program_;
  std::span<const std::string> words_;
  std::string directory_;
  Output& output_;
};

struct Verb {
  std::string_view name;
  std::size_t least;  // words with the verb's own
  std::size_t most;
  std::string_view usage;
  std::string_view meaning;
};
constexpr auto kVerbs = std::to_array<Verb>({
    {"families", 1, 1, "families", "the families of keys, and what is in them"},
    {"sizes", 1, 1, "sizes", "keys and bytes of each family (keys are an estimate)"},
    {"keys", 2, 3, "keys FAMILY [PREFIX]", "its keys, those that begin with PREFIX"},
    {"get", 3, 3, "get FAMILY KEY", "one value; its very bytes when piped"},
    {"dump", 1, 2, "dump [FAMILY]", "keys and values of a family, or of all"},
    {"compact", 1, 1, "compact", "give back the space of what was erased (the agent must be stopped)"},
});

int Command::run() {
  if (words_.empty()) return sizes();
  std::vector<std::string_view> names;
  names.reserve(kVerbs.size());
  for (const auto& verb : kVerbs) names.push_back(verb.name);
  const auto verb = std::ranges::find(kVerbs, words_[0], &Verb::name);
  if (verb == kVerbs.end()) {
    const auto near = nearest(words_[0], names);
    return misused(fmt::format("store cannot {}{}", words_[0], near ? fmt::format(": did you mean {}?", *near) : ""));
  }
  if (words_.size() < verb->least || words_.size() > verb->most)
    return misused(fmt::format("it is `{} store {}`", program_, verb->usage));
  constexpr std::array kActions = {&Command::families, &Command::sizes, &Command::keys,
                                   &Command::get,      &Command::dump,  &Command::compact};
  return (this->*kActions[static_cast<std::size_t>(verb - kVerbs.begin())])();
}

int Command::failed(const Error& error) const {
  if (error.absent())
    say(fmt::format("Error: there is no database at {}; --database_path=DIRECTORY names another\n", directory_));
  else
    say(fmt::format("Error: {}\n", error.text()));
  return kFailed;
}

std::optional<Family> Command::family(std::size_t at) const {
  if (const auto found = store::family_named(words_[at])) return found;
  std::vector<std::string_view> names;
  for (const auto one : all_families()) names.push_back(store::name_of(one));
  const auto near = nearest(words_[at], names);
  misused(fmt::format(
      "there is no family {}{}", words_[at],
      near ? fmt::format(": did you mean {}?", *near) : fmt::format("; there are {}", fmt::join(names, ", "))));
  return std::nullopt;
}

std::unique_ptr<store::Store> Command::open() const {
  auto opened = store::open_rocksdb_beside(directory_);
  if (opened) return std::move(*opened);
  failed(opened.error());
  return nullptr;
}

int Command::each(const store::Store& store, Family family, std::string_view prefix, const Visit& visit) const {
  const auto cursor = store.cursor(family, prefix, store::prefix_end(prefix));
  for (; cursor->valid() && !output_.failed(); cursor->next()) {
    visit(cursor->key(), is_secret(family, cursor->key()) ? kRedacted : cursor->value());
    output_.settle();
  }
  if (const auto read = cursor->status(); !read) return failed(read.error());
  return 0;
}

int Command::families() {
  Listing listing({"family", "contents"});
  for (const auto one : all_families())
    listing.add({std::string(store::name_of(one)), std::string(kContents[static_cast<std::size_t>(one)])});
  listing.print(output_);
  return 0;
}

int Command::sizes() {
  const auto store = open();
  if (!store) return kFailed;
  Listing listing({"family", "keys", "live bytes", "bytes in files"});
  for (const auto& one : store->usage())
    listing.add(
        {std::string(store::name_of(one.family)), number(one.keys), number(one.live_bytes), number(one.file_bytes)});
  listing.print(output_);
  if (output_.is_terminal()) output_.add(fmt::format("\n{}: {} bytes\n", directory_, number(store->disk_bytes())));
  return 0;
}

int Command::keys() {
  const auto of = family(1);
  if (!of) return kMisused;
  const auto store = open();
  if (!store) return kFailed;
  const auto prefix = words_.size() > 2 ? unescape_bytes(words_[2]) : std::string();
  return each(*store, *of, prefix,
              [&](std::string_view key, std::string_view) { output_.add(escape_bytes(key) + '\n'); });
}

int Command::get() {
  const auto of = family(1);
  if (!of) return kMisused;
  const auto store = open();
  if (!store) return kFailed;
  const auto key = unescape_bytes(words_[2]);
  const auto value = store->get(*of, key);
  if (!value) return failed(value.error());
  if (!*value) {
    say(fmt::format("Error: {} has no key {}\n", words_[1], words_[2]));
    return kFailed;
  }
  if (is_secret(*of, key))
    output_.add(fmt::format("{}\n", kRedacted));
  else
    output_.add(output_.is_terminal() ? escape_bytes(**value) + '\n' : **value);
  return 0;
}

int Command::dump() {
  auto which = all_families();
  if (words_.size() > 1) {
    const auto of = family(1);
    if (!of) return kMisused;
    which = {*of};
  }
  const auto store = open();
  if (!store) return kFailed;
  const bool terminal = output_.is_terminal();
  for (const auto one : which) {
    const auto status = each(*store, one, {}, [&](std::string_view key, std::string_view value) {
      output_.add(terminal ? fmt::format("{}[{}]: {}\n", store::name_of(one), escape_bytes(key), escape_bytes(value))
                           : fmt::format("{}\t{}\t{}\n", store::name_of(one), escape_bytes(key), escape_bytes(value)));
    });
    if (status != 0) return status;
  }
  return 0;
}

int Command::compact() {
  if (!open()) return kFailed;  // so that none is made where there is none
  auto opened = store::open_rocksdb({.directory = directory_});
  if (!opened && opened.error().code == EBUSY) {
    say(fmt::format("Error: {}; stop it first (an agent gives space back by itself)\n", opened.error().text()));
    return kFailed;
  }
  if (!opened) return failed(opened.error());
  if (!opened->reason.empty()) {
    say(fmt::format("Error: the database was damaged ({}){}\n", opened->reason,
                    opened->set_aside.empty() ? "" : fmt::format(" and is set aside as {}", opened->set_aside)));
    return kFailed;
  }
  const auto before = opened->store->disk_bytes();
  if (const auto done = opened->store->compact(); !done) return failed(done.error());
  (void)opened->store->sync();
  output_.add(
      fmt::format("{}: {} bytes, before {}\n", directory_, number(opened->store->disk_bytes()), number(before)));
  return 0;
}

}  // namespace

std::string store_help(std::string_view program, const Flags& flags) {
  auto text = fmt::format(
      "{} store looks into the agent's database, also while the agent runs.\n\n"
      "Usage: {} store [WHAT] [--database_path=DIRECTORY]\n\n",
      program, program);
  for (const auto& verb : kVerbs) text += fmt::format("  {:<22} {}\n", verb.usage, verb.meaning);
  text += fmt::format(
      "\nWithout WHAT: sizes. The database is {} unless --database_path (or a flag file) names another.\n"
      "On a terminal output is aligned; elsewhere it is separated by tabs, without a header. Bytes that are no text "
      "are\n"
      "written \\xNN, a backslash \\\\; keys may be given so, too. The node key is not shown.\n"
      "Exit status: 1 if something is not there or fails, 2 if the command is not understood.\n\n"
      "Examples:\n"
      "  {} store sizes\n"
      "  {} store keys configurations identity.\n"
      "  {} store dump queries | less\n",
      flags.text("database_path"), program, program, program);
  return text;
}

int run_store_command(std::string_view program, std::span<const std::string> words, const Flags& flags,
                      Output& output) {
  return Command(program, words, flags, output).run();
}

int dump_database(const Flags& flags, Output& output) {
  const std::string directory(flags.text("database_path"));
  const auto store = store::open_rocksdb_beside(directory);
  if (!store) {
    say(fmt::format("Error: {}\n", store.error().text()));
    return kFailed;
  }
  for (const auto family : all_families()) {
    const auto cursor = (*store)->cursor(family, {}, {});
    for (; cursor->valid() && !output.failed(); cursor->next()) {
      output.add(fmt::format("{}[{}]: {}\n", store::name_of(family), cursor->key(),
                             is_secret(family, cursor->key()) ? kRedacted : cursor->value()));
      output.settle();
    }
    if (const auto read = cursor->status(); !read) {
      say(fmt::format("Error: {}\n", read.error().text()));
      return kFailed;
    }
  }
  return 0;
}

std::string escape_bytes(std::string_view bytes) {
  std::string text;
  bool first = true;
  for (const auto piece : split(bytes, '\\')) {
    if (!first) text += "\\\\";
    first = false;
    shell::append_visible(text, piece);
  }
  return text;
}

std::string unescape_bytes(std::string_view text) {
  std::string bytes;
  while (!text.empty()) {
    const char c = text.front();
    const auto next = text.size() > 1 ? text[1] : '\0';
    const auto byte = next == 'x' && text.size() >= 4 ? parse<std::uint8_t>(text.substr(2, 2), 16) : std::nullopt;
    const auto plain = std::string_view("\\ntr").find(next);
    std::size_t taken = 1;
    if (c == '\\' && byte) {
      bytes += static_cast<char>(*byte);
      taken = 4;
    } else if (c == '\\' && text.size() > 1 && plain != std::string_view::npos) {
      bytes += std::string_view("\\\n\t\r")[plain];
      taken = 2;
    } else {
      bytes += c;
    }
    text.remove_prefix(taken);
  }
  return bytes;
}

}  // namespace osprey::agent
