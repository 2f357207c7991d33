#include "ctl/settings.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <filesystem>

#include "base/unique_fd.h"
#include "ctl/files.h"

namespace osprey::ctl {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::string file_in(const std::string& folder) { return folder + "/ctl.json"; }

std::string text_of(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value && value->is_string() ? std::string(value->get_string()) : "";
}

}  // namespace

Result<std::string> settings_folder() {
  if (const auto base = environment("XDG_CONFIG_HOME"); base.starts_with('/')) return base + "/osprey";
  if (const auto home = environment("HOME"); !home.empty()) return home + "/.config/osprey";
  return failure("HOME",
                 "is not set: nowhere to keep settings; OSPREY_SERVER, OSPREY_AUTHORITY and OSPREY_TOKEN go "
                 "without");
}

Result<Settings> read_settings(const std::string& folder) {
  const auto path = file_in(folder);
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return Settings{};
    return system_failure(path);
  }
  if ((found.st_mode & 077) != 0) return failure(path, "others can read the token in it: chmod 600 it, or log in anew");
  const auto text = TRY(read_file(path));
  boost::system::error_code failed;
  const auto parsed = boost::json::parse(text, failed);
  if (failed || !parsed.is_object()) return failure(path, "is no JSON object: remove it and log in anew");
  const auto& object = parsed.get_object();
  Settings settings{.server = text_of(object, "server"),
                    .authority = text_of(object, "authority"),
                    .token = text_of(object, "token"),
                    .user = text_of(object, "user"),
                    .expires = text_of(object, "expires")};
  if (const auto* id = object.if_contains("token_id"); id && id->is_int64()) settings.token_id = id->get_int64();
  return settings;
}

Result<std::string> write_beside_settings(const std::string& folder, const std::string& name, std::string_view text) {
  std::error_code failed;
  if (!std::filesystem::is_directory(folder, failed)) {
    std::filesystem::create_directories(folder, failed);
    if (failed) return system_failure(failed.value(), folder);
    if (::chmod(folder.c_str(), 0700) != 0) return system_failure(folder);
  }
  const auto path = folder + "/" + name;
  TRY(write_file(path, text, 0600));
  return path;
}

Result<void> write_settings(const std::string& folder, const Settings& settings) {
  const boost::json::object object{{"server", settings.server},     {"authority", settings.authority},
                                   {"token", settings.token},       {"user", settings.user},
                                   {"token_id", settings.token_id}, {"expires", settings.expires}};
  TRY(write_beside_settings(folder, "ctl.json", boost::json::serialize(object) + "\n"));
  return {};
}

Result<void> forget_settings(const std::string& folder) {
  const auto path = file_in(folder);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return system_failure(path);
  return {};
}

std::string server_address(std::string_view said) {
  std::string address(said);
  while (address.ends_with('/')) address.pop_back();
  if (address.empty() || address.find("://") != address.npos) return address;
  const auto colon = address.find(':', address.rfind(']') == address.npos ? 0 : address.rfind(']'));
  return "https://" + address + (colon == address.npos ? ":8443" : "");
}

Settings effective(Settings kept, const std::string& server_flag, const std::string& authority_flag) {
  auto server = server_address(server_flag.empty() ? environment("OSPREY_SERVER") : server_flag);
  if (!server.empty() && server != kept.server) kept = Settings{.server = std::move(server)};
  if (auto authority = authority_flag.empty() ? environment("OSPREY_AUTHORITY") : authority_flag; !authority.empty())
    kept.authority = std::move(authority);
  if (auto token = environment("OSPREY_TOKEN"); !token.empty()) {
    kept.token = std::move(token);
    kept.token_id = 0;
    kept.user.clear();
    kept.expires.clear();
  }
  return kept;
}

}  // namespace osprey::ctl
