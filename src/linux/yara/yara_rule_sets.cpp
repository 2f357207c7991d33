#include "linux/yara/yara_rule_sets.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <numeric>

#include "base/text.h"

namespace osprey::linux {
namespace {

constexpr std::size_t kMostText = 4096;  // of an error
constexpr std::size_t kDigits = 16;      // of a digest, in a name

std::string sha256_of(std::span<const std::string> texts) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
  for (const auto& text : texts) EVP_DigestUpdate(context.get(), text.data(), text.size());
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_DigestFinal_ex(context.get(), digest.data(), &size);
  return hex({reinterpret_cast<const char*>(digest.data()), size});
}

std::string path_of(std::string_view file, std::string_view directory) {
  if (file.starts_with('/')) return std::string(file);
  return fmt::format("{}/{}", directory, file);
}

}  // namespace

std::string_view name_of(YaraRuleSource source) noexcept {
  switch (source) {
    case YaraRuleSource::group:
      return "group";
    case YaraRuleSource::file:
      return "file";
    case YaraRuleSource::text:
      return "inline";
    case YaraRuleSource::url:
      return "url";
  }
  return "";
}

std::uint64_t YaraRuleSet::rules() const noexcept {
  return std::accumulate(pieces.begin(), pieces.end(), std::uint64_t{0},
                         [](auto sum, const auto& piece) { return sum + piece->rules; });
}

std::size_t YaraRuleSet::bytes() const noexcept {
  return std::accumulate(pieces.begin(), pieces.end(), std::size_t{0},
                         [](auto sum, const auto& piece) { return sum + piece->bytes; });
}

// One set while it is made.
class YaraRuleSets::Making {
 public:
  Making(YaraRuleSets& sets, YaraRuleSet& set, const Interrupt& interrupt)
      : sets_(sets), set_(set), interrupt_(interrupt) {}

  Result<void> add_files(std::span<const std::string> paths) {
    for (const auto& path : paths) {
      set_.paths.push_back(path);
      const auto content = read(path);
      if (!content) {
        complain(content.error().text());
      } else if (!is_compiled_yara(*content)) {
        texts_.push_back({path, *content, false});
      } else if (auto piece = sets_.compiler_.take(*content, interrupt_)) {
        set_.pieces.push_back(std::move(*piece));
      } else if (interrupt_.requested()) {
        return std::unexpected(std::move(piece.error()));
      } else {
        complain(fmt::format("{}: {}", path, piece.error().text()));
      }
    }
    return {};
  }
  void add_text(std::string_view name, std::string_view text) {
    includes_ = false;
    contents_.emplace_back(text);
    texts_.push_back({std::string(name), std::string(text), false});
  }

  Result<void> compile() {
    while (std::ranges::any_of(texts_, [](const auto& text) { return !text.included; })) {
      auto outcome = TRY(sets_.compiler_.compile(views(), interrupt_));
      if (outcome.rules) {
        set_.pieces.insert(set_.pieces.begin(), std::move(outcome.rules));
        break;
      }
      if (!outcome.missing.empty() && !include(outcome.missing)) continue;
      if (!outcome.missing.empty()) outcome.error = fmt::format("{}: {}", outcome.failed, refused_);
      complain(outcome.error.empty() ? "does not compile" : outcome.error);
      if (!leave_out(outcome.failed)) break;
    }
    set_.sha256 = sha256_of(contents_);
    return {};
  }

  Versions versions() && { return std::move(versions_); }

 private:
  struct Text {
    std::string name;
    std::string text;
    bool included;
  };

  std::vector<YaraText> views() const {
    std::vector<YaraText> views;
    for (const auto& text : texts_) views.push_back({text.name, text.text, text.included});
    return views;
  }

  Result<std::string> read(const std::string& path) {
    versions_.emplace_back(path, sets_.version_at(path));
    auto content = TRY(sets_.rules_.read(path, YaraCompiler::kMostBytes, interrupt_));
    if (content.truncated) return failure(path, "is larger than 64 MiB");
    contents_.push_back(content.bytes);
    return std::move(content.bytes);
  }

  // Adds what is included. True where that is refused, and refused_ says why.
  bool include(std::span<const std::string> names) {
    for (const auto& name : names) {
      if (!includes_) {
        refused_ = fmt::format("include \"{}\": rules that are not a file cannot include others", name);
        return true;
      }
      if (++included_ > kMostIncluded) {
        refused_ = fmt::format("include \"{}\": more than {} files are included", name, kMostIncluded);
        return true;
      }
      auto content = read(name);
      if (!content) {
        refused_ = fmt::format("include \"{}\": {}", name, content.error().message);
        return true;
      }
      set_.paths.push_back(name);
      texts_.push_back({name, std::move(*content), true});
    }
    return false;
  }

  bool leave_out(std::string_view name) {
    return std::erase_if(texts_, [&](const Text& text) { return !text.included && text.name == name; }) > 0;
  }

  void complain(std::string_view text) {
    auto& error = set_.error;
    if (error.size() > kMostText) return;
    if (!error.empty()) error += "; ";
    error += text;
  }

  YaraRuleSets& sets_;
  YaraRuleSet& set_;
  const Interrupt& interrupt_;
  bool includes_ = true;
  std::size_t included_ = 0;
  std::string refused_;
  std::vector<Text> texts_;
  std::vector<std::string> contents_;
  Versions versions_;
};

YaraRuleSets::YaraRuleSets(YaraCompiler& compiler, Root rules, std::size_t most_bytes)
    : compiler_(compiler), rules_(std::move(rules)), most_bytes_(most_bytes) {}

FileVersion YaraRuleSets::version_at(const std::string& path) const {
  const auto facts = rules_.stat(path);
  if (!facts) return {};
  constexpr std::int64_t kNanoseconds = 1'000'000'000;
  const auto moment = [&](const statx_timestamp& time) { return time.tv_sec * kNanoseconds + time.tv_nsec; };
  return {.device = makedev(facts->stx_dev_major, facts->stx_dev_minor),
          .inode = facts->stx_ino,
          .size = static_cast<std::int64_t>(facts->stx_size),
          .changed_ns = moment(facts->stx_ctime),
          .modified_ns = moment(facts->stx_mtime)};
}

template <class Same>
YaraRuleSetPtr YaraRuleSets::find(YaraRuleSource source, std::string_view name, const Same& same) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find_if(
      entries_, [&](Entry& entry) { return entry.set->source == source && entry.set->name == name && same(entry); });
  if (found == entries_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found);
  return found->set;
}

YaraRuleSetPtr YaraRuleSets::fetched(std::string_view url, std::chrono::seconds age) {
  return find(YaraRuleSource::url, url,
              [&](const Entry& entry) { return std::chrono::steady_clock::now() - entry.given < age; });
}

void YaraRuleSets::keep(YaraRuleSetPtr set, Versions versions) {
  const std::lock_guard lock(mutex_);
  std::erase_if(entries_,
                [&](const Entry& entry) { return entry.set->source == set->source && entry.set->name == set->name; });
  entries_.push_front({std::move(set), std::move(versions)});
  std::size_t bytes = 0;
  std::size_t kept = 0;
  // The one that is asked for stays, whatever its size.
  for (auto at = entries_.begin(); at != entries_.end(); ++kept) {
    bytes += at->set->bytes();
    const bool too_much = kept > 0 && (bytes > most_bytes_ || kept >= kMostSets);
    if (too_much) ++forgotten_;
    at = too_much ? entries_.erase(at) : std::next(at);
  }
}

Result<YaraRuleSetPtr> YaraRuleSets::of_files(YaraRuleSource source, std::string_view name,
                                              std::span<const std::string> files, std::string_view directory,
                                              const Interrupt& interrupt) {
  std::vector<std::string> paths;
  for (const auto& file : files) paths.push_back(path_of(file, directory));
  const std::lock_guard lock(making_);
  const auto unchanged = [&](const Entry& entry) {
    const auto& made_of = entry.set->paths;
    return made_of.size() >= paths.size() && std::ranges::equal(std::span(made_of).first(paths.size()), paths) &&
           std::ranges::all_of(entry.versions, [&](const auto& file) { return version_at(file.first) == file.second; });
  };
  if (auto known = find(source, name, unchanged)) return known;
  auto set = std::make_shared<YaraRuleSet>();
  set->name = name;
  set->source = source;
  Making making(*this, *set, interrupt);
  TRY(making.add_files(paths));
  TRY(making.compile());
  set->loaded_time = std::time(nullptr);
  keep(set, std::move(making).versions());
  return set;
}

Result<YaraRuleSetPtr> YaraRuleSets::of_text(std::string_view text, const Interrupt& interrupt) {
  const std::string content(text);
  const auto name = fmt::format("sigrule {}", sha256_of(std::span(&content, 1)).substr(0, kDigits));
  return of_content(YaraRuleSource::text, name, content, interrupt);
}

Result<YaraRuleSetPtr> YaraRuleSets::of_fetched(std::string_view url, const std::string& text,
                                                const Interrupt& interrupt) {
  return of_content(YaraRuleSource::url, url, text, interrupt);
}

Result<YaraRuleSetPtr> YaraRuleSets::of_content(YaraRuleSource source, std::string_view name, const std::string& text,
                                                const Interrupt& interrupt) {
  const std::lock_guard lock(making_);
  const auto digest = sha256_of(std::span(&text, 1));
  const auto same = [&](Entry& entry) {
    if (entry.set->sha256 != digest) return false;
    entry.given = std::chrono::steady_clock::now();
    return true;
  };
  if (auto known = find(source, name, same)) return known;
  auto set = std::make_shared<YaraRuleSet>();
  set->name = name;
  set->source = source;
  Making making(*this, *set, interrupt);
  making.add_text(name, text);
  TRY(making.compile());
  set->loaded_time = std::time(nullptr);
  keep(set, {});
  return set;
}

std::vector<YaraRuleSetPtr> YaraRuleSets::known() const {
  const std::lock_guard lock(mutex_);
  std::vector<YaraRuleSetPtr> sets;
  for (const auto& entry : entries_) sets.push_back(entry.set);
  return sets;
}

YaraRuleSets::Usage YaraRuleSets::usage() const {
  const std::lock_guard lock(mutex_);
  Usage usage{.most_bytes = most_bytes_, .forgotten = forgotten_};
  for (const auto& entry : entries_) usage.bytes += entry.set->bytes();
  return usage;
}

void YaraRuleSets::clear() {
  const std::lock_guard lock(mutex_);
  entries_.clear();
}

}  // namespace osprey::linux
