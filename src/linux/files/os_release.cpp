#include "linux/files/os_release.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"

namespace osprey::linux {
namespace {

// A value without its quotes and escapes. Single quotes keep all they hold; double quotes keep a backslash unless it
// escapes one of $ " \ `.
std::string unquote(std::string_view text) {
  std::string value;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool escapes = c == '\\' && quote != '\'' && i + 1 < text.size();
    if (escapes && (quote == 0 || std::string_view("$\"\\`").find(text[i + 1]) != std::string_view::npos)) {
      value += text[++i];
    } else if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
    } else if (c == quote) {
      quote = 0;
    } else {
      value += c;
    }
  }
  return value;
}

bool is_variable(std::string_view name) noexcept {
  return !name.empty() && std::ranges::all_of(name, [](unsigned char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// White space at both ends gone, runs of it a single blank.
std::string collapsed(std::string_view text) {
  std::string joined;
  for (const auto word : fields(text)) {
    if (!joined.empty()) joined += ' ';
    joined += word;
  }
  return joined;
}

// "3.18.4" and "V10": the leading number of each of the first three parts.
void set_numbers(OsVersion& os, std::string_view version) {
  const auto digits = [](char c) { return c >= '0' && c <= '9'; };
  version.remove_prefix(static_cast<std::size_t>(std::ranges::find_if(version, digits) - version.begin()));
  for (auto* number : {&os.major, &os.minor, &os.patch}) {
    const auto part = take_until(version, '.');
    const auto length = static_cast<std::size_t>(std::ranges::find_if_not(part, digits) - part.begin());
    *number = parse<std::int64_t>(part.substr(0, length)).value_or(0);
  }
}

void apply_assignments(OsVersion& os, const OsRelease& release) {
  const auto value = [&](std::string_view name) {
    const auto found = release.find(name);
    return found == release.end() ? std::string() : found->second;
  };
  if (auto name = value("NAME"); !name.empty()) os.name = name;
  if (auto id = value("ID"); !id.empty()) os.platform = id;
  os.version = value("VERSION");
  if (os.version.empty()) os.version = value("VERSION_ID");
  os.build = value("BUILD_ID");
  os.platform_like = value("ID_LIKE");
  os.codename = value("VERSION_CODENAME");
  if (os.codename.empty()) {  // some vendors have a name of their own for it, such as UBUNTU_CODENAME
    const auto own = std::ranges::find_if(release, [](const auto& entry) { return entry.first.ends_with("CODENAME"); });
    if (own != release.end()) os.codename = own->second;
  }
  set_numbers(os, value("VERSION_ID"));
}

// The text of a release file, or empty where there is none.
Result<std::optional<std::string>> release_file(const Root& root, std::string_view path) {
  auto content = root.read(path, 64 << 10);
  if (content) return collapsed(content->bytes);
  if (content.error().absent()) return std::nullopt;
  return std::unexpected(content.error());
}

// Derivatives of Red Hat's that osquery does not know: they carry redhat-release too, and are not called rhel.
bool stands_for_itself(std::string_view id) noexcept {
  static constexpr std::array<std::string_view, 5> kIds = {"anolis", "kylin", "openEuler", "uos", "uniontech"};
  return std::ranges::find(kIds, id) != kIds.end();
}

// As osquery has it: whoever has redhat-release is rhel, and that file's line is the version.
void apply_family(OsVersion& os, std::string_view family, const std::string& line) {
  os.platform = family;
  os.platform_like = family;
  os.version = line;
  os.build.clear();
  const auto release = parse_release_line(line);
  if (release.version.find('.') == std::string::npos) return;
  os.name = release.name;
  set_numbers(os, release.version);
}

// Release files of those who may lack os-release, and what is known from the file's name alone.
struct VendorFile {
  std::string_view path, platform, name;
};
constexpr std::array<VendorFile, 9> kVendorFiles = {{
    {"/etc/openEuler-release", "openEuler", "openEuler"},
    {"/etc/kylin-release", "kylin", "Kylin"},
    {"/etc/uos-release", "uos", "UnionTech OS"},
    {"/etc/anolis-release", "anolis", "Anolis OS"},
    {"/etc/SuSE-release", "suse", "SUSE"},
    {"/etc/alpine-release", "alpine", "Alpine Linux"},
    {"/etc/arch-release", "arch", "Arch Linux"},
    {"/etc/os-version", "uos", "UnionTech OS"},
    {"/etc/debian_version", "debian", "Debian GNU/Linux"},
}};

// "VERSION = 11" of SuSE-release, "MajorVersion=20" of os-version.
std::string setting(std::string_view text, std::string_view name) {
  for (auto line : Lines(text))
    if (const auto key = trim(take_until(line, '=')); key == name) return std::string(trim(line));
  return {};
}

void apply_vendor(OsVersion& os, const VendorFile& vendor, std::string_view text) {
  os.name = vendor.name;
  os.platform = vendor.platform;
  if (vendor.path == "/etc/arch-release") {
    os.build = "rolling";
  } else if (vendor.path == "/etc/SuSE-release") {
    os.version = setting(text, "VERSION");
    os.codename = setting(text, "CODENAME");
    const auto patch_level = setting(text, "PATCHLEVEL");
    set_numbers(os, patch_level.empty() ? os.version : os.version + "." + patch_level);
    // The first line is the product: "SUSE Linux Enterprise Server 11 (x86_64)".
    if (auto product = trim(text.substr(0, std::min(text.find('\n'), text.find('(')))); !product.empty()) {
      if (product.ends_with(os.version)) product.remove_suffix(os.version.size());
      os.name = trim(product);
    }
  } else if (vendor.path == "/etc/os-version") {
    if (auto name = setting(text, "SystemName"); !name.empty()) os.name = name;
    os.version = setting(text, "MajorVersion");
    if (const auto minor = setting(text, "MinorVersion"); !minor.empty()) os.version += "." + minor;
    os.build = setting(text, "OsBuild");
    set_numbers(os, os.version);
  } else {
    os.version = collapsed(text);
    const auto release = parse_release_line(text);
    if (!release.name.empty()) os.name = release.name;
    os.codename = release.codename;
    set_numbers(os, release.version.empty() ? os.version : release.version);
    // Debian's unreleased versions are "bookworm/sid".
    if (vendor.platform == "debian" && os.major == 0) os.codename = os.version.substr(0, os.version.find('/'));
  }
}

}  // namespace

OsRelease parse_os_release(std::string_view text) {
  OsRelease release;
  for (auto line : Lines(text)) {
    line = trim(line);
    if (line.starts_with('#') || line.find('=') == line.npos) continue;
    const auto name = take_until(line, '=');
    if (is_variable(name)) release.insert_or_assign(std::string(name), unquote(line));
  }
  return release;
}

ReleaseLine parse_release_line(std::string_view text) {
  constexpr std::string_view kRelease = " release ";
  ReleaseLine line;
  const auto whole = collapsed(text);
  const auto word = whole.find(kRelease);
  if (word == std::string::npos) return line;
  line.name = whole.substr(0, word);
  auto rest = std::string_view(whole).substr(word + kRelease.size());
  line.version = take_field(rest);
  const auto open = rest.find('(');
  if (const auto close = rest.rfind(')'); open != rest.npos && close != rest.npos && close > open)
    line.codename = rest.substr(open + 1, close - open - 1);
  return line;
}

Result<OsVersion> read_os_version(const Root& root) {
  OsVersion os;
  OsRelease release;
  for (const auto path : {"/etc/os-release", "/usr/lib/os-release"}) {
    const auto content = root.read(path, 64 << 10);
    if (!content && !content.error().absent()) return std::unexpected(content.error());
    if (content) release = parse_os_release(content->bytes);
    if (!release.empty()) break;
  }
  if (!release.empty()) apply_assignments(os, release);
  const bool own_file = release.empty() && std::ranges::any_of(kVendorFiles, [&](const auto& vendor) {
                          return stands_for_itself(vendor.platform) && root.exists(vendor.path);
                        });
  if (!own_file && !stands_for_itself(os.platform)) {
    for (const auto& [path, family] : {std::pair{"/etc/redhat-release", "rhel"}, {"/etc/gentoo-release", "gentoo"}}) {
      if (const auto line = TRY(release_file(root, path)); line && !line->empty()) {
        apply_family(os, family, *line);
        return os;
      }
    }
  }
  if (!release.empty()) return os;
  for (const auto& vendor : kVendorFiles) {
    const auto content = root.read(vendor.path, 64 << 10);
    if (!content && !content.error().absent()) return std::unexpected(content.error());
    if (!content) continue;
    apply_vendor(os, vendor, content->bytes);
    break;
  }
  return os;
}

}  // namespace osprey::linux
