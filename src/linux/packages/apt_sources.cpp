#include "linux/packages/apt_sources.h"

#include <algorithm>

#include "base/text.h"
#include "linux/packages/control.h"

namespace osprey::linux {
namespace {

// apt's StringToBool.
std::optional<bool> boolean(std::string_view word) {
  const auto is = [&](std::string_view other) { return equal_ignoring_case(word, other); };
  if (is("yes") || is("true") || is("with") || is("on") || is("enable") || word == "1") return true;
  if (is("no") || is("false") || is("without") || is("off") || is("disable") || word == "0") return false;
  return std::nullopt;
}

std::string_view without_scheme(std::string_view uri) {
  const auto scheme = uri.find("://");
  return scheme == uri.npos ? uri.substr(uri.find(':') + 1) : uri.substr(scheme + 3);
}

std::string_view without_slashes(std::string_view uri) {
  while (uri.ends_with('/')) uri.remove_suffix(1);
  return uri;
}

// The next word; blanks in brackets and double quotes belong to it, as in "cdrom:[Debian 12]/".
std::string_view take_word(std::string_view& text) {
  text = trim_left(text);
  char closing = 0;
  std::size_t end = 0;
  for (; end < text.size() && (closing || !is_space(text[end])); ++end) {
    const char c = text[end];
    if (closing)
      closing = c == closing ? 0 : closing;
    else if (c == '[' || c == '"')
      closing = c == '[' ? ']' : '"';
  }
  const auto word = text.substr(0, end);
  text.remove_prefix(end);
  return word;
}

// The options in brackets, which end with the first closing one. False where none closes.
bool take_options(std::string_view& line, AptSource& source) {
  line = trim_left(line);
  if (!line.starts_with('[')) return true;
  const auto end = line.find(']');
  if (end == line.npos) return false;
  for (auto option : fields(line.substr(1, end - 1))) {
    const auto key = take_until(option, '=');
    if (equal_ignoring_case(key, "signed-by")) source.signed_by = option;
    if (equal_ignoring_case(key, "trusted")) source.trusted = boolean(option);
  }
  line.remove_prefix(end + 1);
  return true;
}

std::string joined(const std::vector<std::string_view>& words) {
  std::string text;
  for (const auto word : words) {
    if (!text.empty()) text += ' ';
    text += word;
  }
  return text;
}

}  // namespace

std::string AptSource::public_uri() const {
  const auto scheme = uri.find("://");
  if (scheme == uri.npos) return uri;
  const auto host = std::string_view(uri).substr(scheme + 3);
  const auto at = host.substr(0, host.find('/')).rfind('@');
  if (at == host.npos) return uri;
  return uri.substr(0, scheme + 3).append("(redacted)").append(host.substr(at));
}

std::string AptSource::name() const {
  const auto shown = public_uri();
  std::string text(without_scheme(shown));
  return text.append(" ").append(suite);
}

// apt's URItoFileName: user and password are left out, what is no file name's is quoted, and slashes become "_".
std::string AptSource::list_prefix() const {
  std::string_view place = without_scheme(uri);
  const auto host = place.substr(0, place.find('/'));
  if (const auto at = host.rfind('@'); at != host.npos) place.remove_prefix(at + 1);
  std::string path(place);
  if (suite.ends_with('/'))
    path.append("/").append(suite == "/" ? std::string_view() : without_slashes(suite));
  else
    path.append("/dists/").append(suite);
  constexpr std::string_view kQuoted = "\\|{}[]<>\"^~_=!@#$%^&*";
  std::string name;
  for (const char c : without_slashes(path)) {
    if (c == '/')
      name += '_';
    else if (kQuoted.contains(c) || static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f)
      name.append("%").append(hex({&c, 1}));
    else
      name += c;
  }
  return name;
}

AptSources parse_sources_list(std::string_view text) {
  AptSources found;
  std::size_t number = 0;
  for (auto line : Lines(text)) {
    ++number;
    line = trim(line);
    const bool enabled = !line.starts_with('#');
    if (!enabled) line.remove_prefix(std::min(line.find_first_not_of("# \t"), line.size()));
    auto rest = take_until(line, '#');
    const auto type = take_word(rest);
    if (type.empty() || type == "deb-src") continue;
    AptSource source;
    source.enabled = enabled;
    source.line = number;
    const bool good = type == "deb" && take_options(rest, source);
    source.uri = without_slashes(take_word(rest));
    source.suite = take_word(rest);
    if (good && !source.suite.empty() && source.uri.find(':') != source.uri.npos)
      found.sources.push_back(std::move(source));
    else if (enabled)
      ++found.malformed;
  }
  return found;
}

AptSources parse_deb822_sources(std::string_view text) {
  AptSources found;
  const char* const start = text.data();
  const char* counted = start;
  std::size_t line = 1;
  for (;;) {
    std::vector<std::string_view> types, uris, suites;
    AptSource model;
    bool any = false;
    const auto end = take_stanza(text, [&](std::string_view name, std::string_view value) {
      const auto is = [&](std::string_view wanted) { return equal_ignoring_case(name, wanted); };
      if (name.empty()) {
        ++found.malformed;
        return;
      }
      if (!any) {
        line += static_cast<std::size_t>(std::count(counted, name.data(), '\n'));
        counted = name.data();
        model.line = line;
        any = true;
      }
      if (is("Types")) types = control_words(value);
      if (is("URIs")) uris = control_words(value);
      if (is("Suites")) suites = control_words(value);
      if (is("Enabled")) model.enabled = boolean(value).value_or(true);
      if (is("Trusted")) model.trusted = boolean(value);
      // A key may stand here itself, over many lines.
      if (is("Signed-By"))
        model.signed_by = value.find("-----BEGIN PGP") == value.npos ? joined(control_words(value)) : value;
    });
    if (end == StanzaEnd::none) return found;
    if (!any || (!types.empty() && std::ranges::find(types, "deb") == types.end())) continue;
    if (types.empty() || uris.empty() || suites.empty()) {
      ++found.malformed;
      continue;
    }
    for (const auto uri : uris) {
      for (const auto suite : suites) {
        AptSource source = model;
        source.uri = without_slashes(uri);
        source.suite = suite;
        if (source.uri.find(':') == source.uri.npos)
          ++found.malformed;
        else
          found.sources.push_back(std::move(source));
      }
    }
  }
}

AptRelease parse_release(std::string_view text) {
  // An InRelease file is a clear-signed message: a head of its own, an empty line, the fields, the signature.
  constexpr std::string_view kSigned = "-----BEGIN PGP SIGNED MESSAGE-----";
  if (text.starts_with(kSigned)) take_stanza(text, [](auto, auto) {});
  AptRelease release;
  take_stanza(text, [&](std::string_view name, std::string_view value) {
    const auto is = [&](std::string_view wanted) { return equal_ignoring_case(name, wanted); };
    if (is("Codename")) release.codename = first_line(value);
    if (is("Version")) release.version = first_line(value);
    if (is("Origin")) release.origin = first_line(value);
    if (is("Components")) release.components = first_line(value);
    if (is("Architectures")) release.architectures = first_line(value);
  });
  return release;
}

}  // namespace osprey::linux
