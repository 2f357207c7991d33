#include "agent/config/yara_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>

#include "agent/remote/server_settings.h"

namespace osprey::agent {
namespace {

namespace json = boost::json;
using linux::YaraSettings;

// Reads the members of "yara".
class Reader {
 public:
  explicit Reader(std::vector<YaraNote>& notes) : notes_(notes) {}

  YaraSettings read(const json::object& yara) {
    YaraSettings settings;
    for (const auto& [key, value] : yara) {
      if (key == "signatures")
        lists(key, value, settings.signatures);
      else if (key == "file_paths")
        lists(key, value, settings.file_paths);
      else if (key == "signature_urls")
        texts(std::string(key), value, settings.signature_urls);
      else
        note(key, "is not known");
    }
    return settings;
  }

 private:
  void note(std::string_view where, std::string_view what) {
    notes_.push_back({fmt::format("yara.{}", where), std::string(what)});
  }

  void lists(std::string_view key, const json::value& value, YaraSettings::Lists& into) {
    if (!value.is_object()) return note(key, "is no object of lists");
    for (const auto& [name, list] : value.get_object())
      texts(fmt::format("{}.{}", key, std::string_view(name)), list, into[name]);
  }

  void texts(const std::string& where, const json::value& value, std::vector<std::string>& into) {
    if (!value.is_array()) return note(where, "is no list of texts");
    for (const auto& one : value.get_array()) {
      if (one.is_string())
        into.emplace_back(one.get_string());
      else
        note(where, "has an entry that is no text");
    }
  }

  std::vector<YaraNote>& notes_;
};

// The node key is for the server that gave it, and for nobody else.
Result<std::string> fetch_as_node(Remote* remote, const std::string& server, const std::string& url,
                                  const Interrupt& interrupt) {
  if (!remote || server.empty())
    return failure(url, "--yara_sigurl_authenticate needs an agent with a fleet's server (--tls_hostname)");
  if (!url.starts_with(server + "/"))
    return failure(url, fmt::format("with --yara_sigurl_authenticate rules come from {} only: the node key is for no "
                                    "other server",
                                    server));
  const RemoteRequest request{.endpoint = url.substr(server.size()), .members = "", .document = true};
  auto reply = remote->send(request, interrupt);
  if (!reply) return std::unexpected(std::move(reply.error()));
  return std::move(reply->text);
}

}  // namespace

YaraSettings read_yara(std::string_view text, std::vector<YaraNote>& notes) {
  if (text.empty()) return {};
  json::error_code error;
  const auto value = json::parse(text, error);
  if (error || !value.is_object()) {
    notes.push_back({"yara", "is no object"});
    return {};
  }
  return Reader(notes).read(value.get_object());
}

std::vector<YaraNote> unknown_groups(const YaraSettings& settings) {
  std::vector<YaraNote> notes;
  for (const auto& [category, groups] : settings.file_paths)
    for (const auto& group : groups)
      if (!settings.signatures.contains(group))
        notes.push_back({fmt::format("yara.file_paths.{}", category),
                         fmt::format("names the group {}, which yara.signatures has not", group)});
  return notes;
}

YaraSettings yara_settings(const Configuration& configuration, const Program& program, Remote* remote) {
  std::vector<YaraNote> notes;  // the configuration's check tells them
  auto settings = read_yara(configuration.yara, notes);
  const auto& flags = configuration.flags;
  settings.directory = program.osquery_compatible ? "/etc/osquery/yara" : "/etc/osprey/yara";
  settings.show_strings = flags.boolean("enable_yara_string");
  settings.delay = std::chrono::milliseconds(std::max<std::int64_t>(flags.number("yara_delay"), 0));
  settings.largest_file = static_cast<std::uint64_t>(std::max<std::int64_t>(flags.number("read_max"), 0));
  if (flags.boolean("yara_sigurl_authenticate"))
    settings.fetch = [remote, server = server_of(flags)](const std::string& url, const Interrupt& interrupt) {
      return fetch_as_node(remote, server, url, interrupt);
    };
  return settings;
}

}  // namespace osprey::agent
