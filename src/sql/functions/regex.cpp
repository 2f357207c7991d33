#include "sql/functions/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <re2/re2.h>

#include <cerrno>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "sql/functions/call.h"

namespace osprey::sql {
namespace {

// Groups of one match, the whole first; views without data took no part.
using Groups = std::vector<std::string_view>;

// PCRE2's own limits count anew at every start position, so that long texts could still take for ever. A callout
// before each item of the pattern counts what one call of ours costs, in items and in characters walked over.
class Budget {
 public:
  explicit Budget(const Regex::Interrupted& interrupted) : interrupted_(interrupted) {}

  bool interrupted() const { return interrupted_ && interrupted_(); }

  // 0 to go on, or the error that ends the match.
  int spend(std::size_t position) {
    constexpr std::uint64_t most = 50'000'000;  // under a second
    constexpr std::uint64_t between_questions = 1'000'000;
    spent_ += 1 + (position > position_ ? position - position_ : position_ - position);
    position_ = position;
    if (spent_ > most) return PCRE2_ERROR_MATCHLIMIT;
    if (spent_ < next_question_) return 0;
    next_question_ = spent_ + between_questions;
    return interrupted() ? PCRE2_ERROR_CALLOUT : 0;
  }

 private:
  const Regex::Interrupted& interrupted_;
  std::uint64_t spent_ = 0;
  std::uint64_t next_question_ = 0;
  std::size_t position_ = 0;
};

std::unexpected<Error> interruption() { return system_failure(EINTR, ""); }

class BacktrackingEngine {
 public:
  static Result<BacktrackingEngine> compile(const std::string& syntax, TextEncoding encoding) {
    const std::uint32_t options = PCRE2_AUTO_CALLOUT | PCRE2_MATCH_UNSET_BACKREF | PCRE2_DOLLAR_ENDONLY |
                                  (encoding == TextEncoding::utf8 ? PCRE2_UTF : PCRE2_NEVER_UTF);
    int code = 0;
    PCRE2_SIZE offset = 0;
    BacktrackingEngine engine;
    engine.code_.reset(
        pcre2_compile(reinterpret_cast<PCRE2_SPTR>(syntax.data()), syntax.size(), options, &code, &offset, nullptr));
    if (!engine.code_) {
      unsigned char message[256] = {};
      pcre2_get_error_message(code, message, sizeof message);
      return failure("", reinterpret_cast<const char*>(message));
    }
    return engine;
  }

  // The first match at or after `start`; with `here`, one that begins at `start` and is not empty.
  Result<bool> search(std::string_view text, std::size_t start, bool here, Groups& groups, Budget& budget) const {
    constexpr std::uint32_t heap_kib = 64 * 1024;
    const std::unique_ptr<pcre2_match_context, Free> context(check(pcre2_match_context_create(nullptr)));
    const std::unique_ptr<pcre2_match_data, Free> data(
        check(pcre2_match_data_create_from_pattern(code_.get(), nullptr)));
    pcre2_set_match_limit(context.get(), 10'000'000);
    pcre2_set_depth_limit(context.get(), 1'000'000);
    pcre2_set_heap_limit(context.get(), heap_kib);
    pcre2_set_callout(
        context.get(),
        [](pcre2_callout_block* at, void* spent) { return static_cast<Budget*>(spent)->spend(at->current_position); },
        &budget);
    const std::uint32_t options = PCRE2_NO_UTF_CHECK | (here ? PCRE2_ANCHORED | PCRE2_NOTEMPTY_ATSTART : 0);
    const int count = pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), start, options,
                                  data.get(), context.get());
    if (count == PCRE2_ERROR_NOMATCH) return false;
    if (count == PCRE2_ERROR_CALLOUT) return interruption();
    if (count == PCRE2_ERROR_NOMEMORY) throw std::bad_alloc();
    if (count < 0) return failure("", "Regex takes too many steps on this text");

    const PCRE2_SIZE* offsets = pcre2_get_ovector_pointer(data.get());
    groups.assign(pcre2_get_ovector_count(data.get()), {});
    for (std::size_t i = 0; i < groups.size(); ++i) {
      const auto begin = offsets[2 * i];
      if (begin != PCRE2_UNSET) groups[i] = text.substr(begin, offsets[2 * i + 1] - begin);
    }
    return true;
  }

 private:
  struct Free {
    void operator()(pcre2_match_context* context) const noexcept { pcre2_match_context_free(context); }
    void operator()(pcre2_match_data* data) const noexcept { pcre2_match_data_free(data); }
    void operator()(pcre2_code* code) const noexcept { pcre2_code_free(code); }
  };
  template <class T>
  static T* check(T* made) {
    if (!made) throw std::bad_alloc();
    return made;
  }

  std::unique_ptr<pcre2_code, Free> code_;
};

}  // namespace

struct Regex::Engines {
  TranslatedPattern pattern;
  TextEncoding encoding;
  std::unique_ptr<const RE2> linear;
  std::optional<BacktrackingEngine> backtracking;

  Result<void> add_backtracking() {
    if (!backtracking) backtracking = TRY(BacktrackingEngine::compile(pattern.syntax, encoding));
    return {};
  }

  Result<bool> search(std::string_view text, std::size_t start, Groups& groups, Budget& budget) const {
    if (!linear) return backtracking->search(text, start, false, groups, budget);
    std::vector<re2::StringPiece> found(static_cast<std::size_t>(linear->NumberOfCapturingGroups()) + 1);
    if (!linear->Match(text, start, text.size(), RE2::UNANCHORED, found.data(), static_cast<int>(found.size()))) {
      return false;
    }
    groups.assign(found.begin(), found.end());
    return true;
  }

  std::size_t character_length(std::string_view text, std::size_t at) const {
    std::size_t end = at + 1;
    if (encoding == TextEncoding::utf8) {
      while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
    }
    return end - at;
  }
};

Regex::Regex(std::unique_ptr<Engines> engines) noexcept : engines_(std::move(engines)) {}
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;
Regex::~Regex() = default;

Result<Regex> Regex::compile(std::string_view pattern, TextEncoding encoding) {
  auto engines = std::make_unique<Engines>(TRY(translate_ecmascript(pattern, encoding)), encoding);
  if (!engines->pattern.needs_backtracking) {
    RE2::Options options;
    options.set_encoding(encoding == TextEncoding::utf8 ? RE2::Options::EncodingUTF8 : RE2::Options::EncodingLatin1);
    options.set_log_errors(false);
    engines->linear = std::make_unique<const RE2>(engines->pattern.syntax, options);
    if (engines->linear->ok()) return Regex(std::move(engines));
    engines->linear.reset();
  }
  TRY(engines->add_backtracking());
  return Regex(std::move(engines));
}

Result<std::optional<std::string_view>> Regex::match_group(std::string_view text, std::int64_t group,
                                                           const Interrupted& interrupted) const {
  Budget budget(interrupted);
  Groups groups;
  const bool found = TRY(engines_->search(text, 0, groups, budget));
  if (!found || group < 0 || std::cmp_greater_equal(group, groups.size())) return std::nullopt;
  return groups[static_cast<std::size_t>(group)];
}

// As std::sregex_token_iterator goes from match to match: after an empty one it first looks for one at the same place
// that is not empty. RE2 cannot be asked that.
Result<std::optional<std::string_view>> Regex::split_piece(std::string_view text, std::int64_t index,
                                                           const Interrupted& interrupted) {
  Budget budget(interrupted);
  Groups groups;
  std::size_t piece = 0;
  bool matched = false;
  for (bool found = TRY(engines_->search(text, 0, groups, budget)); found;) {
    matched = true;
    const auto match = groups.front();
    const auto begin = static_cast<std::size_t>(match.data() - text.data());
    const auto end = begin + match.size();
    if (index-- == 0) return text.substr(piece, begin - piece);
    piece = end;
    if (end == text.size() && match.empty()) break;
    if (budget.interrupted()) return interruption();
    if (!match.empty()) {
      found = TRY(engines_->search(text, end, groups, budget));
      continue;
    }
    TRY(engines_->add_backtracking());
    found = TRY(engines_->backtracking->search(text, end, true, groups, budget));
    if (!found) {
      found = TRY(engines_->search(text, end + engines_->character_length(text, end), groups, budget));
    }
  }
  const auto rest = text.substr(piece);
  if (matched && rest.empty()) return std::nullopt;
  return index == 0 ? std::optional(rest) : std::nullopt;
}

namespace {

// A pattern of a statement, compiled as the texts it meets need it: the bytes of a text that is not UTF-8 are matched
// one by one, and osquery matches every text so.
class CachedRegex {
 public:
  explicit CachedRegex(std::string_view pattern) : pattern_(pattern), valid_(is_valid_utf8(pattern)) {}

  Result<Regex*> for_text(std::string_view text, bool osquery_compatible) {
    const bool utf8 = !osquery_compatible && valid_ && is_valid_utf8(text);
    auto& regex = utf8 ? utf8_ : bytes_;
    if (!regex) {
      auto compiled = Regex::compile(pattern_, utf8 ? TextEncoding::utf8 : TextEncoding::bytes);
      if (!compiled) return failure("", "Invalid regex");
      regex = std::move(*compiled);
    }
    return &*regex;
  }

 private:
  std::string pattern_;
  bool valid_;
  std::optional<Regex> utf8_;
  std::optional<Regex> bytes_;
};

constexpr int kPatternArgument = 1;

template <class Use>
Result<std::optional<std::string_view>> with_regex(Call& call, std::string_view pattern, Use use) {
  constexpr std::size_t longest = 256;
  if (pattern.size() > longest) return failure("", "Invalid regex: too big, max size is 256 bytes");
  auto* cached = call.kept<CachedRegex>(kPatternArgument);
  std::unique_ptr<CachedRegex> fresh;
  if (!cached) {
    fresh = std::make_unique<CachedRegex>(pattern);
    cached = fresh.get();
  }
  const auto text = call.text(0);
  auto result = use(*TRY(cached->for_text(text, call.options().osquery_compatible)), text);
  if (fresh) call.keep(kPatternArgument, fresh.release());
  return result;
}

void answer(Call& call, const Result<std::optional<std::string_view>>& result) {
  if (!result) return call.fail(result.error());
  if (*result) call.answer(**result);
}

void regex_match(Call& call) {
  if (call.any_null()) return;
  answer(call, with_regex(call, call.text(kPatternArgument), [&call](const Regex& regex, std::string_view text) {
           return regex.match_group(text, call.integer(2), call.options().interrupted);
         }));
}

void regex_split(Call& call) {
  if (call.any_null()) return;
  const auto pattern = call.text(kPatternArgument);
  if (pattern.empty()) return call.fail("Invalid input to split function");
  answer(call, with_regex(call, pattern, [&call](Regex& regex, std::string_view text) {
           return regex.split_piece(text, call.integer(2), call.options().interrupted);
         }));
}

}  // namespace

std::span<const Function> regex_functions() {
  static constexpr Function functions[] = {
      function<regex_match>("regex_match", 3, kPure),
      function<regex_split>("regex_split", 3, kPure),
  };
  return functions;
}

}  // namespace osprey::sql
