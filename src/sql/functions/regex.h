// Regex: ECMAScript's regular expressions on engines that no pattern and no text can make hang.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "sql/functions/ecmascript.h"

namespace osprey::sql {

// Immutable after compile() but for a second engine that split_piece() may add: one thread at a time.
class Regex {
 public:
  // RE2 where it can, PCRE2 for look-ahead, back-references and what is too large for RE2.
  static Result<Regex> compile(std::string_view pattern, TextEncoding encoding);

  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;
  ~Regex();

  // In both: the text must be valid in the encoding; views are into it. Fails with EINTR where `interrupted` says so,
  // and with another error where PCRE2 would need too many steps.
  using Interrupted = std::function<bool()>;

  // The group's text in the first match, "" where the group took no part; empty without a match or such a group.
  Result<std::optional<std::string_view>> match_group(std::string_view text, std::int64_t group,
                                                      const Interrupted& interrupted) const;
  // The index-th piece of the text between matches. Empty pieces count, but for one at the end.
  Result<std::optional<std::string_view>> split_piece(std::string_view text, std::int64_t index,
                                                      const Interrupted& interrupted);

 private:
  struct Engines;
  explicit Regex(std::unique_ptr<Engines> engines) noexcept;
  std::unique_ptr<Engines> engines_;
};

}  // namespace osprey::sql
