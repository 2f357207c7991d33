#include "tables/security/rule_url.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "sql/functions/regex.h"

namespace osprey::tables {
namespace {

// Of a URL or an entry of signature_urls; `path` is the rest, a regular expression in the latter.
struct UrlParts {
  std::string scheme;     // in lower case, as the host
  std::string authority;  // host and port
  std::string_view path;
};

std::optional<UrlParts> parts_of(std::string_view url) {
  constexpr std::string_view kMark = "://";
  const auto mark = url.find(kMark);
  if (mark == std::string_view::npos) return std::nullopt;
  UrlParts parts{.scheme = to_lower(url.substr(0, mark)), .authority = {}, .path = {}};
  if (parts.scheme != "http" && parts.scheme != "https") return std::nullopt;
  url.remove_prefix(mark + kMark.size());
  const auto end = std::min(url.find('/'), url.size());
  parts.authority = to_lower(url.substr(0, end));
  parts.path = url.substr(end);
  if (parts.authority.empty() || parts.authority.find('@') != std::string::npos) return std::nullopt;
  return parts;
}

bool is_plain(std::string_view path) {
  const auto lower = to_lower(path);
  const auto is_odd = [](char c) { return c <= ' ' || c == '\x7f' || c == '\\' || c == '#'; };
  for (const auto piece : split(std::string_view(lower).substr(0, lower.find('?')), '/'))
    if (piece == "." || piece == "..") return false;
  return std::ranges::none_of(lower, is_odd) && lower.find("%2e") == std::string::npos &&
         lower.find("%2f") == std::string::npos && lower.find("%5c") == std::string::npos;
}

bool matches_wholly(std::string_view pattern, std::string_view path) {
  const auto regex = sql::Regex::compile("^(?:" + std::string(pattern) + ")$", sql::TextEncoding::bytes);
  if (!regex) return false;
  const auto match = regex->match_group(path, 0, [] { return false; });
  return match && *match && **match == path;
}

}  // namespace

Result<void> check_rule_url(std::string_view url, const std::vector<std::string>& allowed) {
  const auto asked = parts_of(url);
  if (!asked) return failure(std::string(url), "is no http or https URL");
  if (!is_plain(asked->path)) return failure(std::string(url), "has a path that may lead elsewhere");
  const auto allows = [&](const std::string& entry) {
    const auto one = parts_of(entry);
    return one && one->scheme == asked->scheme && one->authority == asked->authority &&
           matches_wholly(one->path, asked->path);
  };
  if (std::ranges::any_of(allowed, allows)) return {};
  return failure(std::string(url),
                 "is not allowed by the configuration: an entry of yara.signature_urls must have its scheme and host, "
                 "and a path that matches its path as a regular expression");
}

}  // namespace osprey::tables
