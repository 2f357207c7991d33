// Who started a process, and who started that, up to init; also those that are gone.
#include "base/text.h"
#include "events/enrich/process_look.h"
#include "events/enrich/process_tree.h"
#include "events/tables/table.h"

namespace osprey::events::tables {
namespace {

struct Handle {
  ProcessKey process;
  ProcessTree::Relative ancestor;
  std::int64_t depth = 0;
  std::int64_t boot_time = 0;
  bool from_proc = false;

  std::int64_t pid() const { return process.pid; }
  std::string process_key() const { return key_text(process); }
  std::int64_t ancestor_pid() const { return ancestor.process.pid; }
  std::string ancestor_key() const { return key_text(ancestor.process); }
  std::int64_t start_time() const {
    return boot_time + static_cast<std::int64_t>(ancestor.process.start / 1'000'000'000);
  }
  // /proc has only those who adopted.
  std::optional<bool> reparented() const { return from_proc ? std::nullopt : std::optional(ancestor.reparented); }
  std::string_view source() const { return from_proc ? "proc" : "tree"; }
};

template <std::string ProcessTree::Relative::* field>
const std::string& ancestors(const Handle& handle) {
  return handle.ancestor.*field;
}

// "PID-START", or the pid alone.
std::optional<ProcessKey> parse_key(std::string_view text) {
  const auto pid = parse<std::int64_t>(take_until(text, '-'));
  const auto start = text.empty() ? std::optional<std::uint64_t>(0) : parse<std::uint64_t>(text);
  if (!pid || !start) return std::nullopt;
  return ProcessKey{*pid, *start};
}

std::vector<ProcessKey> asked(const Scan& scan) {
  std::vector<ProcessKey> keys;
  if (const auto texts = scan.texts("process_key")) {
    for (const auto& text : *texts)
      if (const auto key = parse_key(text); key && scan.matches("pid", key->pid)) keys.push_back(*key);
  } else if (const auto pids = scan.integers("pid")) {
    for (const auto pid : *pids) keys.push_back({pid, 0});
  }
  return keys;
}

ProcessTree::Relative relative(const Actor& actor) {
  return {.process = actor.process,
          .name = std::string(actor.name),
          .path = std::string(actor.path),
          .cmdline = std::string(actor.cmdline),
          .uid = actor.ids.uid};
}

// The process and its ancestors: as far as the tree knows them, and on from there by /proc.
class Lineage {
 public:
  Lineage(const Scan& scan, std::optional<ProcessLook>& look, const ProcessKey& process) : look_(look) {
    const auto* tree = scan.root().is_host() ? scan.service<ProcessTree>() : nullptr;
    if (tree)
      for (auto& one : tree->lineage(process)) known_.push_back(std::move(one));
    told_ = known_.size();
    ProcessKey next = known_.empty() ? process : above(known_.back());
    while (next.pid > 0 && known_.size() <= ProcessTree::kAncestors) {
      const auto found = look_at(next);
      if (!found) return;
      next = found->parent;
      known_.push_back(relative(*found));
    }
  }

  const std::vector<ProcessTree::Relative>& all() const { return known_; }
  bool is_from_proc(std::size_t i) const { return i >= told_; }

 private:
  std::optional<Actor> look_at(const ProcessKey& process) {
    if (!look_) return std::nullopt;
    auto found = look_->process(process.pid);
    // Another that has its pid now was started later.
    if (!found || (process.start != 0 && found->process.start > process.start + 2 * ProcessTree::kTick))
      return std::nullopt;
    return *found;
  }
  // Of the uppermost that the tree knows: nothing more may have been told of it than that it is there.
  ProcessKey above(ProcessTree::Relative& top) {
    if (top.exited) return {};
    const auto found = look_at(top.process);
    if (!found) return {};
    if (top.path.empty() && top.name.empty()) top = relative(*found);
    return found->parent;
  }

  std::optional<ProcessLook>& look_;
  std::vector<ProcessTree::Relative> known_;
  std::size_t told_ = 0;  // of these by the tree
};

Rows<Handle> scan(const Scan& scan) {
  auto look = scan.take(ProcessLook::open(scan.root()));
  const auto boot_time = look ? look->boot_time().value_or(0) : 0;
  const auto keys = asked(scan);
  for (const auto& key : keys) {
    if (scan.interrupted()) co_return;
    const Lineage lineage(scan, look, key);
    const auto& all = lineage.all();
    for (std::size_t i = 1; i < all.size(); ++i) {
      Handle handle{.process = {all.front().process.pid, key.start != 0 ? key.start : all.front().process.start},
                    .ancestor = all[i],
                    .depth = static_cast<std::int64_t>(i),
                    .boot_time = boot_time,
                    .from_proc = lineage.is_from_proc(i)};
      co_yield handle;
    }
  }
}

}  // namespace

Table process_ancestry() {
  return sql::table<Handle>("process_ancestry", "Who started a process, and who started that, up to init.", scan)
      .column("pid", BIGINT, &Handle::pid, "Process asked about, alive or not: of several the newest with that pid.",
              INDEX | REQUIRED)
      .column("depth", &Handle::depth, "1 for the parent, 2 for its parent…")
      .column("ancestor_pid", &Handle::ancestor_pid, "Process id of the ancestor.")
      .column("name", ancestors<&ProcessTree::Relative::name>, "Its name.")
      .column("path", ancestors<&ProcessTree::Relative::path>, "Its executable.")
      .column("cmdline", ancestors<&ProcessTree::Relative::cmdline>, "Its arguments, with a space between.")
      .column(
          "uid", BIGINT, [](const Handle& handle) { return handle.ancestor.uid; }, "Its user.")
      .column("start_time", &Handle::start_time, "When it was started, in Unix seconds.")
      .column(
          "exited", INTEGER, [](const Handle& handle) { return handle.ancestor.exited; }, "1 if it has ended.")
      .column("reparented", INTEGER, &Handle::reparented,
              "1 if the one below has outlived it, and is another's child since; NULL where it is not known.")
      .column("source", &Handle::source, "tree, of what events told, or proc.")
      .column("process_key", &Handle::process_key,
              "The process asked about as the column of that name of event tables has it, also to ask by.",
              HIDDEN | INDEX | REQUIRED)
      .column("ancestor_key", &Handle::ancestor_key, "The same of the ancestor.", HIDDEN)
      .example("SELECT depth, ancestor_pid, path, exited FROM process_ancestry WHERE pid = 1")
      .example("SELECT e.path, a.depth, a.path FROM process_events e JOIN process_ancestry a USING (process_key)")
      .note(
          "The running agent knows parents that are gone, for an hour within its bounds, while a source of process "
          "events is on; elsewhere, as in the shell, /proc tells those who are alive, and whoever adopted a process is "
          "its parent. No more than 64 are told.");
}

}  // namespace osprey::events::tables
