// The module "yara": what linux/yara/yara_module.h promises, by libyara.
#include <fmt/format.h>
#include <unistd.h>
#include <yara.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>

#include "base/module_entry.h"
#include "linux/yara/yara_module.h"

namespace osprey::linux {
namespace {

constexpr std::size_t kMaxErrors = 5;               // of one compilation, told
constexpr std::size_t kMaxStringsText = 64 << 10;   // of one scan
constexpr std::size_t kBlock = 16 << 20;            // of memory, scanned at once
constexpr std::size_t kOverlap = YR_RE_SCAN_LIMIT;  // of two blocks: no match is longer
constexpr std::size_t kMaxMissing = 64;

std::string message_of(int code) {
  switch (code) {
    case ERROR_INSUFFICIENT_MEMORY:
      return "not enough memory";
    case ERROR_COULD_NOT_MAP_FILE:
      return "the file cannot be mapped, or became shorter meanwhile";
    case ERROR_INVALID_FILE:
    case ERROR_CORRUPT_FILE:
      return "these compiled rules are damaged";
    case ERROR_UNSUPPORTED_FILE_VERSION:
      return "these rules were compiled by another version of YARA than 4.2";
    case ERROR_SCAN_TIMEOUT:
      return "took too long";
    case ERROR_TOO_MANY_SCAN_THREADS:
      return "too many scans at once";
    case ERROR_EXEC_STACK_OVERFLOW:
      return "a condition needs too much stack";
    case ERROR_INCLUDE_DEPTH_EXCEEDED:
      return "includes are too deep";
    default:
      return fmt::format("libyara fails with {}", code);
  }
}

Result<void> initialize() {
  if (const int code = yr_initialize(); code != ERROR_SUCCESS) return failure("libyara", message_of(code));
  return {};
}

struct DestroyCompiler {
  void operator()(YR_COMPILER* compiler) const { yr_compiler_destroy(compiler); }
};
struct DestroyRules {
  void operator()(YR_RULES* rules) const { yr_rules_destroy(rules); }
};
using Rules = std::unique_ptr<YR_RULES, DestroyRules>;
struct DestroyScanner {
  void operator()(YR_SCANNER* scanner) const { yr_scanner_destroy(scanner); }
};
struct CloseFile {
  void operator()(FILE* file) const { std::fclose(file); }
};

// What libyara's calls while it compiles have to do with.
struct Compiling {
  std::span<const YaraText> texts;
  YaraCompilation made;
  std::size_t errors = 0;
  std::map<std::string, std::string, std::less<>> resolved = {};  // what an include says, and the file it meant last
};

// An include is looked for beside the file that it stands in. libyara tells of that what its own include said.
std::string beside(const Compiling& compiling, std::string_view name, std::string_view in) {
  if (name.starts_with('/')) return std::string(name);
  const auto known = compiling.resolved.find(in);
  const std::string_view file = known == compiling.resolved.end() ? in : std::string_view(known->second);
  return std::string(file.substr(0, file.rfind('/') + 1)) + std::string(name);
}

void take_message(int level, const char* file, int line, const YR_RULE*, const char* message, void* user) {
  auto& compiling = *static_cast<Compiling*>(user);
  if (level != YARA_ERROR_LEVEL_ERROR || ++compiling.errors > kMaxErrors) return;
  auto& text = compiling.made.error;
  if (!text.empty()) text += "; ";
  if (file) text += fmt::format("{}: ", file);
  text += fmt::format("line {}: {}", line, message);
}

const char* find_included(const char* name, const char* in, const char*, void* user) {
  auto& compiling = *static_cast<Compiling*>(user);
  auto path = beside(compiling, name, in ? in : "");
  const auto found = std::ranges::find(compiling.texts, std::string_view(path), &YaraText::name);
  if (found != compiling.texts.end()) {
    compiling.resolved.insert_or_assign(name, std::move(path));
    return ::strndup(found->text.data(), found->text.size());
  }
  if (auto& missing = compiling.made.missing; missing.size() < kMaxMissing) missing.push_back(std::move(path));
  return nullptr;
}

void free_included(const char* text, void*) { std::free(const_cast<char*>(text)); }

size_t append_bytes(const void* bytes, size_t size, size_t count, void* to) {
  static_cast<std::string*>(to)->append(static_cast<const char*>(bytes), size * count);
  return count;
}

YaraCompilation compile(std::span<const YaraText> texts) {
  Compiling compiling{texts, {}};
  auto& made = compiling.made;
  const auto fail = [&](int code) {
    made.outcome = YaraCompilation::Outcome::failed;
    if (made.error.empty()) made.error = message_of(code);
    return std::move(made);
  };
  YR_COMPILER* raw = nullptr;
  if (const int code = yr_compiler_create(&raw); code != ERROR_SUCCESS) return fail(code);
  const std::unique_ptr<YR_COMPILER, DestroyCompiler> compiler(raw);
  yr_compiler_set_callback(raw, take_message, &compiling);
  yr_compiler_set_include_callback(raw, find_included, free_included, &compiling);
  for (const auto& text : texts) {
    if (text.included || text.text.empty()) continue;
    // As a file, so that what it includes is looked for beside it.
    const std::unique_ptr<FILE, CloseFile> file(::fmemopen(const_cast<char*>(text.text.data()), text.text.size(), "r"));
    if (!file) return fail(ERROR_INSUFFICIENT_MEMORY);
    const std::string name(text.name);
    if (yr_compiler_add_file(raw, file.get(), nullptr, name.c_str()) == 0) continue;
    made.outcome = made.missing.empty() ? YaraCompilation::Outcome::failed : YaraCompilation::Outcome::incomplete;
    made.failed = name;
    if (made.error.empty()) made.error = message_of(raw->last_error);
    return std::move(made);
  }
  YR_RULES* found = nullptr;
  if (const int code = yr_compiler_get_rules(raw, &found); code != ERROR_SUCCESS) return fail(code);
  const Rules rules(found);
  YR_STREAM stream{&made.bytes, nullptr, append_bytes};
  if (const int code = yr_rules_save_stream(found, &stream); code != ERROR_SUCCESS) return fail(code);
  made.outcome = YaraCompilation::Outcome::compiled;
  made.rules = found->num_rules;
  return std::move(made);
}

size_t take_bytes(void* to, size_t size, size_t count, void* user) {
  auto& left = *static_cast<std::string_view*>(user);
  if (size == 0) return count;
  const auto whole = std::min(count, left.size() / size);
  std::memcpy(to, left.data(), whole * size);
  left.remove_prefix(whole * size);
  return whole;
}

Result<void*> load(std::string_view compiled) {
  YR_STREAM stream{&compiled, take_bytes, nullptr};
  YR_RULES* rules = nullptr;
  if (const int code = yr_rules_load_stream(&stream, &rules); code != ERROR_SUCCESS)
    return failure({}, message_of(code));
  return rules;
}

std::uint64_t count(void* rules) { return static_cast<YR_RULES*>(rules)->num_rules; }

void unload(void* rules) { yr_rules_destroy(static_cast<YR_RULES*>(rules)); }

struct Scanning {
  bool strings;
  YaraFinds finds;
  std::size_t listed = 0;  // bytes of places
};

void list_strings(YR_SCAN_CONTEXT* context, YR_RULE* rule, Scanning& scanning, std::string& text) {
  YR_STRING* string = nullptr;
  yr_rule_strings_foreach(rule, string) {
    YR_MATCH* match = nullptr;
    yr_string_matches_foreach(context, string, match) {
      if (scanning.listed > kMaxStringsText) {
        ++scanning.finds.unlisted;
        continue;
      }
      const auto before = text.size();
      if (!text.empty()) text += ',';
      text += fmt::format("{}:{:x}", string->identifier, static_cast<std::uint64_t>(match->base + match->offset));
      scanning.listed += text.size() - before;
    }
  }
}

int take_rule(YR_SCAN_CONTEXT* context, int message, void* data, void* user) {
  if (message != CALLBACK_MSG_RULE_MATCHING) return CALLBACK_CONTINUE;
  auto& scanning = *static_cast<Scanning*>(user);
  auto* rule = static_cast<YR_RULE*>(data);
  YaraMatch match;
  match.rule = rule->identifier;
  const char* tag = nullptr;
  yr_rule_tags_foreach(rule, tag) match.tags += (match.tags.empty() ? "" : ",") + std::string(tag);
  if (scanning.strings) list_strings(context, rule, scanning, match.strings);
  scanning.finds.matches.push_back(std::move(match));
  return CALLBACK_CONTINUE;
}

template <class Run>
Result<YaraFinds> scan(void* rules, const YaraScanOptions& options, int flags, const Run& run) {
  YR_SCANNER* raw = nullptr;
  if (const int code = yr_scanner_create(static_cast<YR_RULES*>(rules), &raw); code != ERROR_SUCCESS)
    return failure({}, message_of(code));
  const std::unique_ptr<YR_SCANNER, DestroyScanner> scanner(raw);
  Scanning scanning{options.strings, {}};
  yr_scanner_set_callback(raw, take_rule, &scanning);
  yr_scanner_set_timeout(raw, static_cast<int>(options.timeout.count()));
  yr_scanner_set_flags(raw, flags | SCAN_FLAGS_REPORT_RULES_MATCHING);
  if (const int code = run(raw); code != ERROR_SUCCESS) return failure({}, message_of(code));
  return std::move(scanning.finds);
}

Result<YaraFinds> scan_file(void* rules, int fd, const YaraScanOptions& options) {
  return scan(rules, options, 0, [&](YR_SCANNER* scanner) { return yr_scanner_scan_fd(scanner, fd); });
}

// Memory as blocks of kBlock, each read when libyara asks for it.
struct Blocks {
  int memory;
  std::span<const MemoryExtent> extents;
  std::string buffer = {};
  std::size_t extent = 0;
  std::uint64_t offset = 0;  // in the extent
  YR_MEMORY_BLOCK block = {};

  YR_MEMORY_BLOCK* at_position() {
    if (extent >= extents.size()) return nullptr;
    block.base = extents[extent].start + offset;
    block.size = std::min<std::uint64_t>(kBlock, extents[extent].size - offset);
    block.context = this;
    block.fetch_data = fetch;
    return &block;
  }
  static YR_MEMORY_BLOCK* first(YR_MEMORY_BLOCK_ITERATOR* iterator) {
    auto& self = *static_cast<Blocks*>(iterator->context);
    iterator->last_error = ERROR_SUCCESS;
    self.extent = 0;
    self.offset = 0;
    return self.at_position();
  }
  static YR_MEMORY_BLOCK* next(YR_MEMORY_BLOCK_ITERATOR* iterator) {
    auto& self = *static_cast<Blocks*>(iterator->context);
    iterator->last_error = ERROR_SUCCESS;
    if (self.offset + self.block.size >= self.extents[self.extent].size) {
      ++self.extent;
      self.offset = 0;
    } else {
      self.offset += self.block.size - kOverlap;
    }
    return self.at_position();
  }
  // Null: it is not there any more.
  static const uint8_t* fetch(YR_MEMORY_BLOCK* block) {
    auto& self = *static_cast<Blocks*>(block->context);
    self.buffer.resize(block->size);
    std::size_t have = 0;
    while (have < block->size) {
      const auto got =
          ::pread(self.memory, self.buffer.data() + have, block->size - have, static_cast<off_t>(block->base + have));
      if (got <= 0) break;
      have += static_cast<std::size_t>(got);
    }
    if (have == 0) return nullptr;
    std::memset(self.buffer.data() + have, 0, block->size - have);
    return reinterpret_cast<const uint8_t*>(self.buffer.data());
  }
};

Result<YaraFinds> scan_memory(void* rules, int memory, std::span<const MemoryExtent> extents,
                              const YaraScanOptions& options) {
  Blocks blocks{memory, extents};
  YR_MEMORY_BLOCK_ITERATOR iterator{};
  iterator.context = &blocks;
  iterator.first = Blocks::first;
  iterator.next = Blocks::next;
  return scan(rules, options, SCAN_FLAGS_PROCESS_MEMORY,
              [&](YR_SCANNER* scanner) { return yr_scanner_scan_mem_blocks(scanner, &iterator); });
}

}  // namespace
}  // namespace osprey::linux

OSPREY_MODULE(osprey::linux::YaraModule) = {
    .initialize = osprey::linux::initialize,
    .compile = osprey::linux::compile,
    .load = osprey::linux::load,
    .count = osprey::linux::count,
    .unload = osprey::linux::unload,
    .scan_file = osprey::linux::scan_file,
    .scan_memory = osprey::linux::scan_memory,
};
