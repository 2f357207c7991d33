// Settings: which server, who vouches for it, and the token. Kept in ~/.config/osprey/ctl.json, which only its owner
// reads; OSPREY_SERVER, OSPREY_AUTHORITY and OSPREY_TOKEN are stronger.
#pragma once

#include <string>

#include "base/result.h"

namespace osprey::ctl {

struct Settings {
  std::string server;     // "https://host[:port]"
  std::string authority;  // PEM file; empty: the system's authorities
  std::string token;
  std::string user;           // whose token it is, to be shown
  std::int64_t token_id = 0;  // to revoke it by; 0: given by hand
  std::string expires;        // of the token, RFC 3339
};

// $XDG_CONFIG_HOME/osprey, else ~/.config/osprey.
Result<std::string> settings_folder();

// What is kept in `folder`; empty where nothing is. A file that others can read is an error.
Result<Settings> read_settings(const std::string& folder);
Result<void> write_settings(const std::string& folder, const Settings& settings);
Result<void> forget_settings(const std::string& folder);
// A file beside the settings that only the owner reads; the path.
Result<std::string> write_beside_settings(const std::string& folder, const std::string& name, std::string_view text);

// "fleet.example.com" becomes "https://fleet.example.com:8443"; a slash at the end goes.
std::string server_address(std::string_view said);

// `kept` as environment and flags change it. A token that is kept goes to the server it is for and to no other.
Settings effective(Settings kept, const std::string& server_flag, const std::string& authority_flag);

}  // namespace osprey::ctl
