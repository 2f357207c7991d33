#include "agent/config/config.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <glob.h>
#include <openssl/evp.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>

#include "base/root.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace osprey::agent {
namespace {

namespace json = boost::json;

constexpr std::size_t kLargestSource = 4 << 20;

// Takes out lines of comment (their line ends stay, so that places in errors are right) and joins lines that end in a
// backslash.
std::string without_comments(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    const auto content = trim(line);
    const bool comment = content.starts_with('#') || content.starts_with("//");
    if (!comment && line.ends_with('\\') && end != line.npos) {
      plain += line.substr(0, line.size() - 1);
      continue;
    }
    if (!comment) plain += line;
    plain += '\n';
  }
  return plain;
}

std::string place(std::string_view text, std::size_t offset) {
  const auto before = text.substr(0, offset);
  const auto line = 1 + std::ranges::count(before, '\n');
  const auto column = before.size() - (before.rfind('\n') + 1) + 1;  // npos + 1 is 0: the first line
  return fmt::format("line {}, column {}", line, column);
}

Result<json::object> parse_object(const std::string& name, std::string_view text, ConfigForm form) {
  const auto plain = without_comments(text);
  if (plain.size() > kLargestSource)
    return failure(name, fmt::format("the configuration is larger than {} bytes", kLargestSource));
  json::parse_options options;
  options.max_depth = 32;
  options.allow_invalid_utf8 = true;
  options.allow_comments = form == ConfigForm::lenient;
  options.allow_trailing_commas = form == ConfigForm::lenient;
  json::stream_parser parser({}, options);
  json::error_code error;
  std::size_t read = parser.write_some(plain.data(), plain.size(), error);
  if (!error && !trim(std::string_view(plain).substr(read)).empty()) error = json::error::extra_data;
  if (!error) parser.finish(error);
  if (error)
    return failure(name, fmt::format("{}: {}", place(plain, read),
                                     error == json::error::too_deep ? std::string(kTooDeep) : error.message()));
  auto value = parser.release();
  if (!value.is_object()) return failure(name, "the configuration is not an object");
  return std::move(value.as_object());
}

std::string_view view(const json::string& text) { return {text.data(), text.size()}; }

const json::object* object_member(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(json::string_view(key.data(), key.size()));
  return value ? value->if_object() : nullptr;
}

std::string text_member(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(json::string_view(key.data(), key.size()));
  const auto* text = value ? value->if_string() : nullptr;
  return text ? std::string(view(*text)) : std::string();
}

// A scalar as a flag's value; objects and arrays as JSON.
std::string option_text(const json::value& value) {
  if (const auto* text = value.if_string()) return std::string(view(*text));
  if (const auto* number = value.if_double()) return std::to_string(static_cast<std::uint64_t>(*number));
  return json::serialize(value);
}

// osquery's substring tests (compat section 3.3).
bool for_this_platform(std::string_view platform) {
  if (platform.empty() || platform == "null") return true;
  return std::ranges::any_of(std::array<std::string_view, 6>{"any", "all", "linux", "ubuntu", "centos", "posix"},
                             [&](auto word) { return platform.contains(word); });
}

void add_pack(std::string name, const json::object& body, const ConfigSource& source, Config& config) {
  Pack pack{std::move(name), source.name, {}};
  if (for_this_platform(text_member(body, "platform"))) {
    if (const auto* queries = object_member(body, "queries")) {
      for (const auto& [query, value] : *queries) {
        const auto* one = value.if_object();
        if (!one || !for_this_platform(text_member(*one, "platform"))) continue;
        auto sql = text_member(*one, "query");
        if (!sql.empty()) pack.queries.push_back({std::string(query), std::move(sql)});
      }
    }
  }
  std::ranges::sort(pack.queries, {}, &PackQuery::name);
  config.packs.push_back(std::move(pack));
}

void add_pack_file(std::string_view name, const std::string& path, const ConfigSource& source, ConfigForm form,
                   PackReader read_pack, Config& config) {
  const auto text = read_pack(path);
  if (!text) {
    config.warnings.push_back(fmt::format("Error reading the query pack named: {}", name));
    return;
  }
  const auto body = parse_object(path, *text, form);
  if (body)
    add_pack(std::string(name), *body, source, config);
  else
    config.warnings.push_back(body.error().text());
}

// The files that a glob(3) pattern matches, sorted.
std::vector<std::string> matches(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> paths;
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  return paths;
}

// One member of "packs": a body, the path of a file with one, or under "*" several bodies or a pattern of paths.
void add_packs(std::string_view name, const json::value& value, const ConfigSource& source, ConfigForm form,
               PackReader read_pack, Config& config) {
  if (const auto* body = value.if_object()) {
    if (name != "*") return add_pack(std::string(name), *body, source, config);
    for (const auto& [one, inner] : *body)
      if (const auto* object = inner.if_object()) add_pack(std::string(one), *object, source, config);
    return;
  }
  const auto* path = value.if_string();
  if (!path) return;
  if (name != "*") return add_pack_file(name, std::string(view(*path)), source, form, read_pack, config);
  for (const auto& file : matches(std::string(view(*path))))
    add_pack_file(std::filesystem::path(file).stem().string(), file, source, form, read_pack, config);
}

std::string sha1_hex(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned length = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha1(), nullptr);
  return hex({reinterpret_cast<const char*>(digest.data()), length});
}

}  // namespace

Result<std::string> read_config_file(const std::string& path) {
  // The path is the user's own, relative perhaps; O_NONBLOCK keeps a FIFO from holding us.
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return system_failure(path);
  struct stat about{};
  if (::fstat(file.get(), &about) != 0) return system_failure(path);
  if (!S_ISREG(about.st_mode)) return failure(path, "is not a regular file");
  auto content = TRY(read_all(file.get(), kLargestSource + 1, path));
  if (content.truncated) return failure(path, fmt::format("is larger than {} bytes", kLargestSource));
  return std::move(content.bytes);
}

Result<std::vector<ConfigSource>> config_sources(const std::string& path) {
  std::vector<ConfigSource> sources;
  // Not within the braces: what is made there before a TRY returns is never destroyed (GCC 12).
  auto text = TRY(read_config_file(path));
  sources.push_back({path, std::move(text)});
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(path + ".d", error)) {
    if (entry.path().extension() != ".conf") continue;
    const std::string name = entry.path();
    auto part = TRY(read_config_file(name));
    sources.push_back({name, std::move(part)});
  }
  std::ranges::sort(sources, {}, &ConfigSource::name);
  return sources;
}

std::string config_hash(const std::vector<ConfigSource>& sources) {
  std::string all;
  for (const auto& source : sources) all += sha1_hex(source.text);
  return sha1_hex(all);
}

Result<void> apply_source(const ConfigSource& source, ConfigForm form, PackReader read_pack, Config& config) {
  const auto root = TRY(parse_object(source.name, source.text, form));
  if (const auto* options = object_member(root, "options")) {
    for (const auto& [name, value] : *options) {
      auto text = option_text(value);
      if (value.is_null())
        config.warnings.push_back(
            fmt::format("Cannot parse unknown value type for option: {}", std::string_view(name)));
      else if (!text.empty())
        config.options.insert_or_assign(std::string(name), std::move(text));
    }
  }
  if (const auto* views = object_member(root, "views")) {
    config.views.clear();
    for (const auto& [name, value] : *views)
      if (const auto* text = value.if_string()) config.views.insert_or_assign(std::string(name), view(*text));
  }
  if (const auto* packs = object_member(root, "packs"))
    for (const auto& [name, value] : *packs)
      add_packs({name.data(), name.size()}, value, source, form, read_pack, config);
  return {};
}

}  // namespace osprey::agent
