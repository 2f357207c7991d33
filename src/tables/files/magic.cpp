#include "linux/files/magic.h"

#include <algorithm>

#include "tables/files/asked_paths.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

using linux::MagicAnswers;
using linux::MagicAspect;

// Where distributions keep the compiled database, in osquery's order.
constexpr std::string_view kDefaultDatabases = "/usr/share/file/magic.mgc:/usr/share/misc/magic.mgc";

constexpr std::uint64_t kMagicReads = 1 << 20;  // libmagic looks at no more of a file

// What every row of a scan shares.
struct Question {
  const Scan& scan;
  std::string database_paths;
  unsigned aspects;
  std::optional<Result<linux::MagicDatabases>> databases = std::nullopt;
};

struct Handle {
  linux::PathWalk& walk;
  Question& question;
  std::optional<Result<MagicAnswers>> answers = std::nullopt;

  Result<MagicAnswers> look() {
    const auto& facts = walk.own_facts();
    if (!facts) return std::unexpected(facts.error());
    const auto& root = question.scan.root();
    std::string link;
    if (walk.type() == S_IFLNK) link = TRY(root.read_link(walk.path()));
    const bool dangling = walk.type() == S_IFLNK && S_ISLNK(walk.facts()->stx_mode);
    if (auto special = linux::describe_special(*facts, link, dangling)) return std::move(*special);
    if (!question.databases)
      question.databases = linux::MagicDatabases::open(
          question.database_paths == kDefaultDatabases ? Root::host() : root, question.database_paths);
    if (!*question.databases) return std::unexpected(question.databases->error());
    if (auto* budget = question.scan.service<linux::IoBudget>()) {
      const auto stopped = [this] { return question.scan.interrupted(); };
      if (!budget->open(stopped) || !budget->read(std::min<std::uint64_t>(facts->stx_size, kMagicReads), stopped))
        return system_failure(ECANCELED, std::string(walk.path()));
    }
    const auto file = TRY(root.open(walk.path()));
    auto described =
        linux::magic_reader().describe(file.get(), **question.databases, question.aspects, question.scan.interrupt());
    if (!described) {
      if (described.error().subject.empty()) described.error().subject = walk.path();
      return described;
    }
    auto& data = (*described)[static_cast<std::size_t>(MagicAspect::data)];
    if (const auto bits = linux::special_bits(*facts); data && !bits.empty()) data = bits + " " + *data;
    return described;
  }
  template <MagicAspect aspect>
  Result<std::string> answer() {
    if (!answers) answers = look();
    if (!*answers) return std::unexpected(answers->error());
    return (**answers)[static_cast<std::size_t>(aspect)].value_or("");
  }
};

Rows<Handle> scan(const Scan& scan) {
  unsigned aspects = 0;
  const auto want = [&](std::string_view column, MagicAspect aspect) {
    if (scan.wants(column)) aspects |= 1U << static_cast<unsigned>(aspect);
  };
  want("data", MagicAspect::data);
  want("mime_type", MagicAspect::mime_type);
  want("mime_encoding", MagicAspect::mime_encoding);
  const auto lists =
      scan.keys<std::string>("magic_db_files", [] { return std::vector<std::string>{std::string(kDefaultDatabases)}; });
  for (const auto& list : lists) {
    Question question{scan, list, aspects};
    for (auto walk = asked_paths(scan); walk.next();) {
      Handle handle{walk, question};
      co_yield handle;
    }
  }
}

}  // namespace

Table magic() {
  return table("magic", "What kind of content files have, as file(1) recognises it.", scan)
      .column(
          "path", TEXT, [](const Handle& h) { return h.walk.path(); }, kPathHelp, REQUIRED | INDEX)
      .column(
          "magic_db_files", TEXT, [](const Handle& h) -> std::string_view { return h.question.database_paths; },
          "Compiled databases of file types to go by, separated by colons.", ADDITIONAL)
      .column("data", TEXT, &Handle::answer<MagicAspect::data>, "The content in words.")
      .column("mime_type", TEXT, &Handle::answer<MagicAspect::mime_type>, "MIME type of the content.")
      .column("mime_encoding", TEXT, &Handle::answer<MagicAspect::mime_encoding>,
              "Character encoding; binary where it is not text.")
      .example("SELECT path, data FROM magic WHERE path = '/etc/passwd'")
      .note(
          "libmagic runs in a helper process without rights, two seconds a file at most. Symbolic links are described "
          "themselves.");
}

}  // namespace osprey::tables
