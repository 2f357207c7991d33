#include <algorithm>

#include "server/api/endpoint.h"
#include "server/db/json.h"
#include "server/hosts/detail_queries.h"
#include "server/hosts/records.h"
#include "server/hosts/views.h"
#include "server/queries/queries.h"

namespace osprey::server {
namespace {

struct Seen {
  std::optional<Timestamp> first, last;
  static constexpr auto fields() {
    return std::tuple(api::field("first", &Seen::first, "The first time."),
                      api::field("last", &Seen::last, "The last."));
  }
};

struct Enrolled {
  Timestamp at;
  std::string identifier, name, platform, os_version, version;
  static constexpr auto fields() {
    return std::tuple(api::field("at", &Enrolled::at, "When."),
                      api::field("identifier", &Enrolled::identifier, "What it enrolled as."),
                      api::field("name", &Enrolled::name, "The host's name then."),
                      api::field("platform", &Enrolled::platform, "Its platform then."),
                      api::field("os_version", &Enrolled::os_version, "The version of that."),
                      api::field("version", &Enrolled::version, "The agent's version then."));
  }
};

struct Detail {
  std::string query, help;
  boost::json::value rows;
  std::optional<Timestamp> changed, failed;
  std::string error;
  static constexpr auto fields() {
    return std::tuple(api::field("query", &Detail::query, "Name of the detail query."),
                      api::field("help", &Detail::help, "What it tells."),
                      api::field("rows", &Detail::rows, "The last good answer's rows."),
                      api::field("changed", &Detail::changed, "When that answer first came; null: there was none."),
                      api::field("failed", &Detail::failed, "When a later answer was an error; null: it was not."),
                      api::field("error", &Detail::error, "That error."));
  }
};

struct Shown {
  hosts::HostRow host;
  std::string instance, platform_like, arch, kernel, vendor, model, serial, cpu;
  std::int64_t cpus = 0, memory = 0, promise_s = 0;
  Timestamp enrolled_again;
  std::optional<Timestamp> refreshed;
  std::optional<std::string> configuration;
  std::optional<bool> configuration_newest;
  std::map<std::string, Seen> seen;
  std::vector<Enrolled> enrolments;
  std::vector<Detail> details;
  static constexpr std::string_view kTypeName = "Host";
  static constexpr auto fields() {
    return std::tuple(
        api::field("host", &Shown::host, "As in the list."),
        api::field("instance", &Shown::instance, "UUID of the agent's database."),
        api::field("platform_like", &Shown::platform_like, "What the distribution is made of."),
        api::field("arch", &Shown::arch, "The machine: x86_64."), api::field("kernel", &Shown::kernel, "The kernel."),
        api::field("vendor", &Shown::vendor, "Who made the hardware."),
        api::field("model", &Shown::model, "The hardware's model."),
        api::field("serial", &Shown::serial, "The hardware's serial number."),
        api::field("cpu", &Shown::cpu, "The processor."), api::field("cpus", &Shown::cpus, "Hardware threads."),
        api::field("memory", &Shown::memory, "Bytes of memory."),
        api::field("promise_s", &Shown::promise_s, "Seconds within which its own intervals make it speak."),
        api::field("enrolled_again", &Shown::enrolled_again, "When it last enrolled."),
        api::field("refreshed", &Shown::refreshed, "When its details were last refreshed; null: never."),
        api::field("configuration", &Shown::configuration,
                   "Etag of the configuration that it was given last; null: none yet."),
        api::field(
            "configuration_newest", &Shown::configuration_newest,
            "Whether that is what it would be given now; false after a change, until it asks again. null: it was "
            "given none yet."),
        api::field("seen", &Shown::seen, "When each sign of life was seen."),
        api::field("enrolments", &Shown::enrolments, "When it enrolled, newest first; the last fifty."),
        api::field("details", &Shown::details, "What it answered about itself."));
  }
};

std::vector<Detail> details_of(const std::vector<hosts::Detail>& kept) {
  std::vector<Detail> details;
  for (const auto& query : hosts::detail_queries()) {
    const auto found = std::ranges::find(kept, query.name, &hosts::Detail::query);
    if (found == kept.end()) continue;
    Detail detail{.query = std::string(query.name),
                  .help = std::string(query.help),
                  .rows = {},
                  .changed = {},
                  .failed = {},
                  .error = found->error};
    detail.rows = db::json_value(found->rows);
    detail.changed = known(found->changed.ms);
    detail.failed = known(found->failed.ms);
    details.push_back(std::move(detail));
  }
  return details;
}

Result<Shown> handle(const hosts::OneHost& request, const api::Context& context) {
  auto& service = hosts::service(context.services);
  const auto host = TRY(service.existing(request.host));

  Shown shown{.instance = host->instance,
              .platform_like = host->platform_like,
              .arch = host->arch,
              .kernel = host->kernel,
              .vendor = host->vendor,
              .model = host->model,
              .serial = host->serial,
              .cpu = host->cpu,
              .cpus = host->cpus,
              .memory = host->memory,
              .promise_s = host->promise,
              .enrolled_again = host->enrolled_again};
  const auto signs = service.roster().signs(host->id);
  shown.host = hosts::row_of({host, hosts::last_of(signs)}, hosts::TagNames(context.services), service.options().status,
                             context.now);
  shown.refreshed = known(service.refreshed(host->id).ms);

  auto configuration = service.roster().configuration(host->id);
  TRY(context.services.database->read([&](soci::session& sql) {
    if (configuration.empty()) configuration = hosts::load_configuration(sql, host->id);
    const auto times = hosts::load_signs(sql, host->id);
    for (std::size_t i = 0; i < hosts::kSigns; ++i)
      shown.seen[std::string(hosts::kSignNames[i])] = {known(times[i].first.ms),
                                                       known(std::max(times[i].last.ms, signs[i]))};
    for (auto& each : hosts::load_enrolments(sql, host->id))
      shown.enrolments.push_back({each.at, each.identifier, each.name, each.platform, each.os_version, each.version});
    shown.details = details_of(hosts::load_details(sql, host->id));
  }));
  if (!configuration.empty()) {
    const auto composed = TRY(context.services.queries->compose(*host));
    shown.configuration_newest = composed->etag == configuration;
    shown.configuration = std::move(configuration);
  }
  return shown;
}

}  // namespace

api::Endpoint show_host() {
  return api::endpoint(http::Method::get, "/api/v1/hosts/{host}", api::Permission::view, "All that is known of a host.",
                       handle);
}

}  // namespace osprey::server
