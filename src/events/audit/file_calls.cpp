#include "events/audit/file_calls.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "linux/files/path_pattern.h"

namespace osprey::events::audit {
namespace {

// a/../b and a/./b told apart from what they name, by the text alone.
std::string normal(std::string_view path) {
  std::vector<std::string_view> parts;
  for (const auto part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..")
      parts.push_back(part);
    else if (!parts.empty())
      parts.pop_back();
  }
  std::string made;
  for (const auto part : parts) {
    made += '/';
    made += part;
  }
  return made.empty() ? "/" : made;
}

std::string joined(std::string_view base, std::string_view name) {
  if (name.starts_with('/')) return normal(name);
  std::string path(base);
  path += '/';
  path += name;
  return normal(path);
}

}  // namespace

bool is_watched(std::string_view path, const std::vector<std::string>& patterns) {
  for (const auto& like : patterns) {
    const auto pattern = linux::parse_path_pattern(like, linux::PatternDialect::osquery);
    std::string_view base = pattern.base;
    if (pattern.components.empty() && !pattern.recursive) {
      if (path == base || (base.ends_with('/') && path.starts_with(base) && path.find('/', base.size()) == path.npos))
        return true;
      continue;
    }
    while (base.ends_with('/')) base.remove_suffix(1);
    if (!path.starts_with(base) || path.size() <= base.size() || path[base.size()] != '/') continue;
    auto rest = path.substr(base.size() + 1);
    bool matches = true;
    for (const auto& component : pattern.components) {
      if (rest.empty() || !component.matches(take_until(rest, '/'), linux::PatternDialect::osquery)) {
        matches = false;
        break;
      }
    }
    if (matches && (rest.empty() || pattern.recursive)) return true;
  }
  return false;
}

// The names that a call was given, absolute.
struct FileCalls::Paths {
  std::string cwd;
  std::string subject;   // what was opened, removed, renamed, linked to
  std::string made;      // the name that came to be
  bool created = false;  // subject was not there before
};

FileCalls::Process* FileCalls::known(std::int64_t pid) {
  const auto found = processes_.find(pid);
  if (found == processes_.end()) return nullptr;
  order_.splice(order_.end(), order_, found->second.place);
  return &found->second;
}

FileCalls::Process& FileCalls::process_of(std::int64_t pid) {
  if (auto* process = known(pid)) return *process;
  if (processes_.size() >= kMostProcesses) {
    processes_.erase(order_.front());
    order_.pop_front();
  }
  auto& process = processes_[pid];
  process.place = order_.insert(order_.end(), pid);
  return process;
}

void FileCalls::put(std::int64_t pid, std::int64_t descriptor, Descriptor opened) {
  auto& descriptors = process_of(pid).descriptors;
  if (descriptors.size() >= kMostDescriptors && !descriptors.contains(descriptor))
    descriptors.erase(descriptors.begin());
  descriptors[descriptor] = std::move(opened);
}

FileCalls::Descriptor* FileCalls::find(std::int64_t pid, std::int64_t descriptor) {
  if (auto* process = known(pid)) {
    const auto found = process->descriptors.find(descriptor);
    if (found != process->descriptors.end()) return &found->second;
  }
  if (!options_.partial) return nullptr;
  std::array<char, 4096> path{};
  const auto link = "/proc/" + std::to_string(pid) + "/fd/" + std::to_string(descriptor);
  const auto size = ::readlink(link.c_str(), path.data(), path.size());
  if (size <= 0 || path[0] != '/') return nullptr;
  put(pid, descriptor, {std::string(path.data(), static_cast<std::size_t>(size)), Last::open, true});
  return find(pid, descriptor);
}

void FileCalls::inherit(std::int64_t parent, std::int64_t child) {
  const auto* from = known(parent);
  if (!from || child <= 0) return;
  auto copy = from->descriptors;
  process_of(child).descriptors = std::move(copy);
}

FileCalls::Paths FileCalls::paths_of(const CallRecord& record, const RecordGroup& group, TextArena& arena,
                                     int subject_at, int made_at) {
  Paths paths;
  const auto cwd = find_field(group.first(AUDIT_CWD), "cwd");
  paths.cwd = cwd ? text_value(*cwd, arena) : std::string_view();
  // Names are given relative to a directory's descriptor, which is the argument `at`, or to cwd.
  const auto base_of = [&](int at) -> std::string_view {
    if (at < 0) return paths.cwd;
    const auto descriptor = static_cast<std::int32_t>(record.arguments[static_cast<std::size_t>(at)]);
    const auto* opened = descriptor == AT_FDCWD ? nullptr : find(record.pid, descriptor);
    return opened ? std::string_view(opened->path) : paths.cwd;
  };
  for (const auto& part : group.parts()) {
    if (part.type != AUDIT_PATH) continue;
    const auto path = parse_path(group.fields(part));
    if (path.type == "PARENT") continue;
    const auto name = text_value(path.name, arena);
    if (name.empty()) continue;
    if (path.type == "CREATE") {
      paths.created = true;
      paths.made = joined(base_of(made_at), name);
    } else if (paths.subject.empty()) {
      // A second one is what a rename replaced.
      paths.subject = joined(base_of(subject_at), name);
    }
  }
  return paths;
}

std::optional<ProcessFileEvent> FileCalls::on_descriptor(const CallRecord& record, std::int64_t number, Last what,
                                                         TextArena& arena) {
  auto* descriptor = find(record.pid, number);
  if (!descriptor || !options_.watched(descriptor->path)) return std::nullopt;
  // Of many in a row the first is told.
  if (descriptor->last == what) return std::nullopt;
  descriptor->last = what;
  if (descriptor->partial && !options_.partial) return std::nullopt;
  if (what == Last::read && !options_.accesses) return std::nullopt;
  ProcessFileEvent event;
  event.operation = what == Last::read ? "read" : "write";
  event.partial = descriptor->partial;
  event.path = arena.keep(descriptor->path);
  return event;
}

std::optional<ProcessFileEvent> FileCalls::see(const KnownCall& known_call, const CallRecord& record,
                                               const RecordGroup& group, TextArena& arena) {
  if (!record.success) return std::nullopt;
  const auto call = known_call.call;
  const bool at = known_call.name.ends_with("at") || known_call.name.ends_with("at2");
  const auto first = static_cast<std::int32_t>(record.arguments[0]);
  const auto told = [&](std::string_view operation, const Paths& paths, std::string_view path,
                        std::string_view destination = {}) -> std::optional<ProcessFileEvent> {
    if (!options_.watched(path) && (destination.empty() || !options_.watched(destination))) return std::nullopt;
    ProcessFileEvent event;
    event.operation = operation;
    event.cwd = arena.keep(paths.cwd);
    event.path = arena.keep(path);
    event.destination = arena.keep(destination);
    return event;
  };
  switch (call) {
    case Call::open:
    case Call::open_at:
    case Call::open_how:
    case Call::create: {
      const auto paths = paths_of(record, group, arena, at ? 0 : -1, at ? 0 : -1);
      const auto& path = paths.created ? paths.made : paths.subject;
      if (path.empty()) return std::nullopt;
      put(record.pid, record.result, {path, Last::open, false});
      // openat2's flags stand in memory: the OPENAT2 record has them.
      std::uint64_t flags = record.arguments[at ? 2 : 1];
      if (call == Call::open_how)
        flags = parse<std::uint64_t>(find_field(group.first(AUDIT_OPENAT2), "oflag").value_or("0"), 8).value_or(0);
      if (call == Call::create) flags = O_TRUNC;
      const bool truncates = flags & O_TRUNC;
      if (!truncates && !options_.accesses) return std::nullopt;
      return told(truncates ? "open+truncate" : "open", paths, path);
    }
    case Call::make_node: {
      const auto paths = paths_of(record, group, arena, -1, at ? 0 : -1);
      return options_.accesses ? told("open", paths, paths.made) : std::nullopt;
    }
    case Call::close: {
      auto* process = known(record.pid);
      if (!process) return std::nullopt;
      const auto found = process->descriptors.find(first);
      if (found == process->descriptors.end()) return std::nullopt;
      const auto descriptor = std::move(found->second);
      process->descriptors.erase(found);
      if (!options_.accesses || (descriptor.partial && !options_.partial)) return std::nullopt;
      auto event = told("close", {}, descriptor.path);
      if (event) event->partial = descriptor.partial;
      return event;
    }
    case Call::duplicate:
      if (const auto* descriptor = find(record.pid, first)) {
        auto copy = *descriptor;
        put(record.pid, record.result, std::move(copy));
      }
      return std::nullopt;
    case Call::fork:
    case Call::clone:
      inherit(record.pid, record.result);
      return std::nullopt;
    case Call::read:
      return on_descriptor(record, first, Last::read, arena);
    case Call::write:
    case Call::truncate_open:
      return on_descriptor(record, first, Last::write, arena);
    case Call::map: {
      // The descriptor is the fifth argument: the MMAP record has it.
      const auto descriptor = parse<std::int64_t>(find_field(group.first(AUDIT_MMAP), "fd").value_or(""));
      if (!descriptor) return std::nullopt;
      const bool writes = record.arguments[2] & PROT_WRITE && record.arguments[3] & MAP_SHARED;
      return on_descriptor(record, *descriptor, writes ? Last::write : Last::read, arena);
    }
    case Call::truncate: {
      const auto paths = paths_of(record, group, arena, -1, -1);
      return told("write", paths, paths.subject);
    }
    case Call::link:
    case Call::rename: {
      const auto paths = paths_of(record, group, arena, at ? 0 : -1, at ? 2 : -1);
      return told(call == Call::link ? "link" : "rename", paths, paths.subject, paths.made);
    }
    case Call::symlink: {
      const auto paths = paths_of(record, group, arena, at ? 1 : -1, at ? 1 : -1);
      return told("symlink", paths, paths.subject, paths.made);
    }
    case Call::unlink: {
      const auto paths = paths_of(record, group, arena, at ? 0 : -1, -1);
      return told("unlink", paths, paths.subject);
    }
    default:
      return std::nullopt;
  }
}

}  // namespace osprey::events::audit
