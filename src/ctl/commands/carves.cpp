#include <fmt/format.h>
#include <openssl/evp.h>

#include "base/text.h"
#include "ctl/commands/commands.h"
#include "ctl/files.h"

namespace osprey::ctl {
namespace {

struct Wanted {
  std::vector<std::string> hosts, tags, paths;
  std::string host, expire = "1h", to;
  std::int64_t id = 0;
  bool all = false, yes = false;
};

Result<int> request(Session& session, const Wanted& wanted) {
  auto* api = TRY(session.api());
  if (!wanted.all && wanted.hosts.empty() && wanted.tags.empty())
    return failure("", "say whose files: --host NAME, --tag TAG or --all");
  const auto numbers = TRY(host_numbers(*api, wanted.hosts));
  const auto seconds = TRY(duration_seconds(wanted.expire));
  const auto asked =
      TRY(api->post(path_of({"carves"}),
                    json::object{{"target", json::object{{"hosts", json::array(numbers.begin(), numbers.end())},
                                                         {"tags", json::array(wanted.tags.begin(), wanted.tags.end())},
                                                         {"all", wanted.all}}},
                                 {"paths", json::array(wanted.paths.begin(), wanted.paths.end())},
                                 {"expires_in_s", seconds}}));
  return session.say(
      fmt::format("asked, as live query {0}; who answers: ospreyctl live show {0}; what comes: "
                  "ospreyctl carves list",
                  number_at(asked, "id")));
}

// Into a file that is there once the whole has come and is what the host sent.
Result<int> download(Session& session, const Wanted& wanted) {
  auto* api = TRY(session.api());
  const auto id = std::to_string(wanted.id);
  const auto carve = TRY(api->get(path_of({"carves", id})));
  const auto path = wanted.to.empty() ? fmt::format("carve-{}.tar", id) : wanted.to;
  auto file = TRY(GrowingFile::make(path));
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> digest(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr);
  std::int64_t bytes = 0;
  bool written = true;
  const auto streamed = api->stream(path_of({"carves", id, "content"}), [&](std::string_view piece) {
    EVP_DigestUpdate(digest.get(), piece.data(), piece.size());
    bytes += static_cast<std::int64_t>(piece.size());
    session.terminal.progress(fmt::format("{} of {} bytes", bytes, number_at(carve, "bytes")));
    written = file.write(piece);
    return written;
  });
  session.terminal.progress("");
  TRY(streamed);
  unsigned char sum[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_DigestFinal_ex(digest.get(), sum, &size);
  const auto got = hex({reinterpret_cast<const char*>(sum), size});
  if (written && got != text_at(carve, "sha256"))
    return failure(path, fmt::format("its checksum is {} and not {}", got, text_at(carve, "sha256")));
  TRY(file.finish());
  return session.say(fmt::format("{}: {} bytes, SHA-256 {}", path, bytes, got));
}

}  // namespace

void add_carves(CLI::App& app, Session& session) {
  auto* carves = group(app, "carves", "Files of hosts");
  auto wanted = std::make_shared<Wanted>();
  auto* listed = command(*carves, session, "list", "Carves, the newest first", [&session, wanted]() -> Result<int> {
    Parameters parameters;
    if (!wanted->host.empty()) {
      auto* api = TRY(session.api());
      const auto host = TRY(find_host(*api, wanted->host));
      parameters.emplace_back("host", std::to_string(number_at(host, "id")));
    }
    return session.list({"carves"}, parameters,
                        {{"ID", "id"},
                         {"HOST", "host"},
                         {"STATE", "state"},
                         {"BYTES", "bytes"},
                         {"BLOCKS", "blocks_received"},
                         {"OF", "blocks"},
                         {"FOR", "request_id"},
                         {"STARTED", "started_at"}});
  });
  listed->add_option("--host", wanted->host, "Only those of this host");

  auto* asked = command(*carves, session, "request", "Asks hosts for files",
                        [&session, wanted] { return request(session, *wanted); });
  asked->add_option("paths", wanted->paths, "Files; % stands for any name, %% for any below")->required();
  asked->add_option("--host", wanted->hosts, "Of a host; may be said several times");
  asked->add_option("--tag", wanted->tags, "Of every host that has the tag");
  asked->add_flag("--all", wanted->all, "Of every host");
  asked->add_option("--expire", wanted->expire, "How long hosts may begin")->capture_default_str();
  asked->footer("Example:\n  ospreyctl carves request /etc/ssh/% /var/log/auth.log --host web-1");

  auto* downloaded = command(*carves, session, "download", "The carve itself, a tar archive (packed by zstd, maybe)",
                             [&session, wanted] { return download(session, *wanted); });
  downloaded->add_option("-o,--output", wanted->to, "File; carve-ID.tar");
  auto* removed =
      command(*carves, session, "remove", "Removes a carve and what it holds", [&session, wanted]() -> Result<int> {
        auto* api = TRY(session.api());
        TRY(session.confirmed(wanted->yes, fmt::format("Remove carve {}?", wanted->id)));
        TRY(api->remove(path_of({"carves", std::to_string(wanted->id)})));
        return session.say("removed");
      });
  removed->add_flag("--yes", wanted->yes, "Does not ask");
  for (auto* each : {downloaded, removed}) each->add_option("id", wanted->id, "Its number")->required();
}

}  // namespace osprey::ctl
