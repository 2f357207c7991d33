#include "linux/yara/yara_helpers.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <list>

#include "base/module.h"
#include "base/text.h"
#include "linux/sandbox/frames.h"
#include "linux/yara/yara_answers.h"

namespace osprey::linux {
namespace {

using namespace std::chrono_literals;

// Bytes of requests to the compiling helper.
constexpr std::string_view kCompile = "compile";
constexpr std::string_view kLook = "look";
// What a scan is about.
constexpr char kFile = 'f';
constexpr char kMemory = 'm';

constexpr auto kCompileTime = 60s;
constexpr auto kBeyondScanTime = 5s;  // after which a helper that does not heed libyara's own clock is ended
constexpr auto kLongestScan = 60s;
constexpr std::size_t kLoadedSets = 8;  // kept by a scanning helper
constexpr std::size_t kLoadedBytes = 128 << 20;
constexpr std::size_t kAddressSpace = std::size_t{1} << 30;
constexpr std::size_t kMaxFindsAnswer = 16 << 20;

std::string sha256(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr);
  return hex({reinterpret_cast<const char*>(digest.data()), size});
}

// Bytes as a file that nobody can change.
Result<UniqueFd> sealed_memory(std::string_view bytes) {
  UniqueFd file(::memfd_create("osprey-yara", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) return system_failure("memfd");
  while (!bytes.empty()) {
    const auto written = ::write(file.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return system_failure("memfd");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
    return system_failure("memfd");
  return file;
}

// The helper's side: a descriptor's bytes.
class Mapping {
 public:
  static Result<Mapping> of(int fd) {
    struct stat info;
    if (::fstat(fd, &info) != 0) return system_failure("memfd");
    const auto size = static_cast<std::size_t>(info.st_size);
    if (size == 0) return Mapping(nullptr, 0);
    void* memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (memory == MAP_FAILED) return system_failure("memfd");
    return Mapping(memory, size);
  }
  Mapping(Mapping&& other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Mapping& operator=(Mapping&&) = delete;
  ~Mapping() {
    if (memory_) ::munmap(memory_, size_);
  }
  std::string_view bytes() const { return {static_cast<const char*>(memory_), size_}; }

 private:
  Mapping(void* memory, std::size_t size) : memory_(memory), size_(size) {}
  void* memory_;
  std::size_t size_;
};

Result<const YaraModule*> opened_module() {
  const auto* module = TRY(open_module<YaraModule>());
  TRY(module->initialize());
  return module;
}

void reply_in_parts(std::string_view answer, const Sandbox::Reply& reply) {
  for (; !answer.empty(); answer.remove_prefix(std::min(answer.size(), Frame::kMaxPayload)))
    if (!reply(answer.substr(0, Frame::kMaxPayload))) return;
}

class CompilingHelper {
 public:
  Result<void> prepare() {
    module_ = TRY(opened_module());
    return {};
  }

  Result<void> serve(std::string_view request, const std::vector<UniqueFd>& descriptors, const Sandbox::Reply& reply) {
    if (descriptors.size() != 1) return failure({}, "a request of another kind");
    const auto mapping = TRY(Mapping::of(descriptors[0].get()));
    YaraCompilation made;
    if (request == kLook) {
      void* rules = TRY(module_->load(mapping.bytes()));
      made.outcome = YaraCompilation::Outcome::compiled;
      made.rules = module_->count(rules);
    } else {
      const auto fields = decode_fields(mapping.bytes());
      if (!fields || fields->size() % 3 != 0) return failure({}, "a request of another kind");
      std::vector<YaraText> texts;
      for (std::size_t i = 0; i < fields->size(); i += 3)
        texts.push_back({.name = (*fields)[i], .text = (*fields)[i + 1], .included = !(*fields)[i + 2].empty()});
      made = module_->compile(texts);
    }
    reply_in_parts(encode_yara_compilation(made), reply);
    return {};
  }

 private:
  const YaraModule* module_ = nullptr;
};

// Keeps the rules that it was asked for last loaded.
class ScanningHelper {
 public:
  Result<void> prepare() {
    module_ = TRY(opened_module());
    return {};
  }

  // Fields: what, identity of the rules, seconds, whether strings are wanted. Descriptors: what is scanned, the rules,
  // and of memory the extents.
  Result<void> serve(std::string_view request, const std::vector<UniqueFd>& descriptors, const Sandbox::Reply& reply) {
    const auto fields = decode_fields(request);
    if (!fields || fields->size() != 4 || descriptors.size() < 2) return failure({}, "a request of another kind");
    const auto& all = *fields;
    void* rules = TRY(loaded(all[1], descriptors[1].get()));
    const YaraScanOptions options{.timeout = std::chrono::seconds(parse<unsigned>(all[2]).value_or(1)),
                                  .strings = !all[3].empty()};
    YaraFinds finds;
    if (all[0] == std::string_view(&kMemory, 1) && descriptors.size() == 3) {
      const auto mapping = TRY(Mapping::of(descriptors[2].get()));
      std::vector<MemoryExtent> extents(mapping.bytes().size() / sizeof(MemoryExtent));
      if (!extents.empty()) std::memcpy(extents.data(), mapping.bytes().data(), extents.size() * sizeof(MemoryExtent));
      finds = TRY(module_->scan_memory(rules, descriptors[0].get(), extents, options));
    } else {
      finds = TRY(module_->scan_file(rules, descriptors[0].get(), options));
    }
    reply_in_parts(encode_yara_finds(finds), reply);
    return {};
  }

 private:
  struct Loaded {
    std::string identity;
    std::size_t bytes;
    void* rules;
  };

  Result<void*> loaded(std::string_view identity, int file) {
    for (auto at = loaded_.begin(); at != loaded_.end(); ++at) {
      if (at->identity != identity) continue;
      loaded_.splice(loaded_.begin(), loaded_, at);
      return loaded_.front().rules;
    }
    const auto mapping = TRY(Mapping::of(file));
    const auto size = mapping.bytes().size();
    while (!loaded_.empty() && (loaded_.size() >= kLoadedSets || bytes_ + size > kLoadedBytes)) {
      module_->unload(loaded_.back().rules);
      bytes_ -= loaded_.back().bytes;
      loaded_.pop_back();
    }
    void* rules = TRY(module_->load(mapping.bytes()));
    loaded_.push_front({std::string(identity), size, rules});
    bytes_ += size;
    return rules;
  }

  const YaraModule* module_ = nullptr;
  std::list<Loaded> loaded_;  // the last one used first
  std::size_t bytes_ = 0;
};

template <class Helper>
Sandbox::Options options_of(std::string name) {
  const auto helper = std::make_shared<Helper>();
  Sandbox::Options options;
  options.name = std::move(name);
  options.prepare = [helper] { return helper->prepare(); };
  options.serve = [helper](std::string_view request, const std::vector<UniqueFd>& descriptors,
                           const Sandbox::Reply& reply) { return helper->serve(request, descriptors, reply); };
  options.memory = kAddressSpace;
  return options;
}

Sandbox::Options compiling_options() {
  auto options = options_of<CompilingHelper>("osprey-yarac");
  options.timeout = kCompileTime;
  options.answer_cap = YaraCompiler::kMostBytes + Frame::kMaxPayload;
  options.once = true;
  return options;
}

Sandbox::Options scanning_options(std::string name) {
  auto options = options_of<ScanningHelper>(std::move(name));
  options.timeout = kLongestScan + kBeyondScanTime;
  options.answer_cap = kMaxFindsAnswer;
  return options;
}

Result<std::shared_ptr<const CompiledYara>> kept(std::string_view bytes, std::uint64_t rules) {
  auto compiled = std::make_shared<CompiledYara>();
  compiled->file = TRY(sealed_memory(bytes));
  compiled->identity = sha256(bytes);
  compiled->bytes = bytes.size();
  compiled->rules = rules;
  return compiled;
}

}  // namespace

YaraCompiler::YaraCompiler() : sandbox_(compiling_options()) {}

Result<YaraCompiler::Outcome> YaraCompiler::compile(std::span<const YaraText> texts, const Interrupt& interrupt) {
  TRY(open_module<YaraModule>());  // here first: see MagicReader
  std::string bytes;
  for (const auto& text : texts) {
    append_field(bytes, text.name);
    append_field(bytes, text.text);
    append_field(bytes, text.included ? "included" : "");
    if (bytes.size() > kMostBytes) return failure(std::string(text.name), "the rules are more than 64 MiB");
  }
  const auto file = TRY(sealed_memory(bytes));
  const int descriptor = file.get();
  const auto answer = TRY(sandbox_.ask(kCompile, std::span(&descriptor, 1), interrupt));
  auto made = decode_yara_compilation(answer);
  if (!made) return failure("osprey-yarac", "answered out of turn");
  Outcome outcome{.rules = nullptr,
                  .failed = std::move(made->failed),
                  .error = std::move(made->error),
                  .missing = std::move(made->missing)};
  if (made->outcome == YaraCompilation::Outcome::compiled) outcome.rules = TRY(kept(made->bytes, made->rules));
  return outcome;
}

Result<std::shared_ptr<const CompiledYara>> YaraCompiler::take(std::string_view compiled, const Interrupt& interrupt) {
  TRY(open_module<YaraModule>());
  if (compiled.size() > kMostBytes) return failure({}, "compiled rules of more than 64 MiB");
  const auto file = TRY(sealed_memory(compiled));
  const int descriptor = file.get();
  const auto answer = TRY(sandbox_.ask(kLook, std::span(&descriptor, 1), interrupt));
  const auto made = decode_yara_compilation(answer);
  if (!made) return failure("osprey-yarac", "answered out of turn");
  return kept(compiled, made->rules);
}

bool is_compiled_yara(std::string_view bytes) noexcept { return bytes.starts_with("YARA"); }

YaraScanner::YaraScanner(std::string name) : sandbox_(scanning_options(std::move(name))) {}

Result<YaraFinds> YaraScanner::ask(char what, const CompiledYara& rules, int subject, int extents,
                                   const YaraScanOptions& options, const Interrupt& interrupt) {
  TRY(open_module<YaraModule>());
  std::string request;
  append_field(request, std::string_view(&what, 1));
  append_field(request, rules.identity);
  append_field(request, std::to_string(std::clamp<std::chrono::seconds>(options.timeout, 1s, kLongestScan).count()));
  append_field(request, options.strings ? "strings" : "");
  const std::array descriptors{subject, rules.file.get(), extents};
  const auto answer = TRY(sandbox_.ask(request, std::span(descriptors).first(extents < 0 ? 2 : 3), interrupt));
  auto finds = decode_yara_finds(answer);
  if (!finds) return failure("osprey-yara", "answered out of turn");
  return std::move(*finds);
}

Result<YaraFinds> YaraScanner::scan_file(const CompiledYara& rules, int file, const YaraScanOptions& options,
                                         const Interrupt& interrupt) {
  return ask(kFile, rules, file, -1, options, interrupt);
}

Result<YaraFinds> YaraScanner::scan_memory(const CompiledYara& rules, int memory, std::span<const MemoryExtent> extents,
                                           const YaraScanOptions& options, const Interrupt& interrupt) {
  const auto list = TRY(sealed_memory({reinterpret_cast<const char*>(extents.data()), extents.size_bytes()}));
  return ask(kMemory, rules, memory, list.get(), options, interrupt);
}

}  // namespace osprey::linux
