#include "server/server.h"

#include <fmt/format.h>
#include <malloc.h>
#include <soci/soci.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/json.hpp>
#include <condition_variable>
#include <fstream>
#include <iterator>
#include <latch>
#include <mutex>
#include <thread>
#include <vector>

#include "base/version.h"
#include "net/fingerprint.h"
#include "server/activity/activity.h"
#include "server/agents/agents.h"
#include "server/api/api.h"
#include "server/api/counts.h"
#include "server/api/idempotency.h"
#include "server/carves/carves.h"
#include "server/certificates.h"
#include "server/db/database.h"
#include "server/enrollment/enrollment.h"
#include "server/hosts/service.h"
#include "server/http/listener.h"
#include "server/identity/administrators.h"
#include "server/identity/authenticator.h"
#include "server/identity/passwords.h"
#include "server/live/live.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/metrics_of_slices.h"
#include "server/queries/queries.h"
#include "server/results/results.h"
#include "server/tags/service.h"
#include "server/ticket_seed.h"

namespace osprey::server {
namespace {

using namespace std::chrono_literals;

constexpr auto kUpkeep = 60s;
constexpr auto kFirstUpkeep = 5s;
constexpr auto kPatience = 5s;  // with requests that are being answered, at the end
constexpr std::int64_t kHourMs = 3'600'000;

// In the order in which they refer to each other.
std::vector<db::Schema> schemas() {
  return {activity::schema(), api::schema(),        identity::schema(),  tags::schema(),
          hosts::schema(),    enrollment::schema(), queries::schema(),   results::schema(),
          live::schema(),     carves::schema(),     ticket_seed_schema()};
}

Result<std::unique_ptr<db::Database>> open_database(const Options& options) {
  if (::mkdir(options.data.c_str(), 0700) != 0 && errno != EEXIST) return system_failure(options.data);
  const auto url = options.database.empty() ? "sqlite:" + options.data + "/osprey.db" : options.database;
  return db::open({.url = url, .connections = options.database_connections});
}

Result<std::string> text_of(const std::string& path) {
  std::ifstream file(path);
  if (!file) return system_failure(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::string host_name() {
  char name[256] = "";
  ::gethostname(name, sizeof name - 1);
  return name;
}

// Without port; an IPv6 address without its brackets.
std::string name_part(std::string_view address) {
  if (address.starts_with('[')) return std::string(address.substr(1, address.find(']') - 1));
  return std::string(address.substr(0, address.find(':')));
}

// What the certificate that we make is for.
std::vector<std::string> certificate_names(const Options& options) {
  std::vector<std::string> names;
  if (!options.public_address.empty()) names.push_back(name_part(options.public_address));
  for (auto name :
       {std::string("localhost"), host_name(), std::string("127.0.0.1"), std::string("::1"), options.address})
    if (!name.empty() && name != "0.0.0.0" && name != "::" && std::ranges::find(names, name) == names.end())
      names.push_back(std::move(name));
  return names;
}

// What the listener refuses by itself, when it may not even know yet who asks. An agent takes an answer without "error"
// for yes: what it sent would be gone.
http::Response refused(unsigned status, const std::string& what) {
  auto response = api::problem_response(status, what);
  auto body = boost::json::parse(response.body).as_object();
  body["error"] = what;
  response.body = boost::json::serialize(body);
  return response;
}

// Held reads as the slices reach them, which begin before there are any.
class Waker final : public agents::HeldReads {
 public:
  void wake(std::span<const hosts::HostId> hosts) override {
    if (auto* reads = reads_.load()) reads->wake(hosts);
  }
  void set(agents::HeldReads* reads) { reads_ = reads; }

 private:
  std::atomic<agents::HeldReads*> reads_{nullptr};
};

class Running final : public Server {
 public:
  Running(const Options& options, Clock clock) : options_(options) {
    services_.clock = std::move(clock);
    services_.held_reads = &waker_;
  }

  // The order of the end: upkeep; requests, those that wait for a commit too; then the slices, each before those that
  // it uses, with its threads and what it still has to write; the database last. Whoever is told by the database or by
  // another slice ends that himself (db::Listening); what a slice tells held reads finds none any more.
  ~Running() override {
    {
      const std::scoped_lock lock(mutex_);
      stopping_ = true;
    }
    stopping_changed_.notify_all();
    if (upkeep_.joinable()) upkeep_.join();
    if (listener_) listener_->stop(kPatience);
  }

  Result<void> start() {
    database_ = TRY(open_database(options_));
    const auto all = schemas();
    TRY(database_->migrate(all));
    services_.database = database_.get();
    TRY(find_certificates());
    TRY(start_slices());
    TRY(start_listening());
    upkeep_ = std::thread([this] { keep_up(); });
    return {};
  }

  std::uint16_t port() const override { return listener_->port(); }
  std::string url() const override {
    const auto scheme = options_.insecure_http ? "http" : "https";
    if (!options_.public_address.empty()) return fmt::format("{}://{}", scheme, options_.public_address);
    return fmt::format("{}://{}:{}", scheme, listening_name(), port());
  }
  std::string authority() const override { return authority_; }
  std::string fingerprint() const override { return net::fingerprint_of(text_of(authority_).value_or("")); }
  std::string first_password() const override { return first_password_; }

  Result<void> reload_certificate() override {
    if (!authority_.empty()) TRY(own_certificates(options_.data + "/tls", certificate_names(options_)));
    return listener_->reload_certificate();
  }

 private:
  Result<void> find_certificates() {
    listener_options_.certificate = options_.certificate;
    listener_options_.key = options_.key;
    if (options_.insecure_http || !options_.certificate.empty()) return {};
    const auto files = TRY(own_certificates(options_.data + "/tls", certificate_names(options_)));
    listener_options_.certificate = files.certificate;
    listener_options_.key = files.key;
    authority_ = files.authority;
    return {};
  }

  Result<void> start_slices() {
    const auto now = services_.clock();
    services_.passwords = &passwords_;
    identity_ = std::make_unique<identity::Authenticator>(*database_, services_.clock);
    services_.identity = identity_.get();
    first_password_ = TRY(identity::make_first_administrator(*database_, passwords_, now)).value_or("");
    TRY(enrollment::make_default_secret(*database_, now));
    hosts_ = TRY(hosts::start(services_));
    services_.hosts = hosts_.get();
    tags_ = TRY(tags::start(services_));
    services_.tags = tags_.get();
    queries_ = TRY(queries::start({*database_, *hosts_, *tags_}));
    services_.queries = queries_.get();
    results_ = results::make_results(
        *database_, {.queue_bytes = std::max(results::Options().queue_bytes, 2 * options_.agent_body),
                     .retention = {.days = options_.keep_results.count() / 24, .bytes = options_.keep_results_bytes}});
    services_.results = results_.get();
    hosts_->add_remover(
        [this](db::Transaction& transaction, hosts::HostId host) { return results_->remove_host(transaction, host); });
    carves_ = carves::make(*database_, options_.carves);
    services_.carves = carves_.get();
    hosts_->add_remover(
        [this](db::Transaction& transaction, hosts::HostId host) { return carves_->remove_host(transaction, host); });
    enrollment::Options enrolling;
    enrolling.identifier = options_.identifier;
    enrolling.certificate_names_host = options_.certificate_names_host;
    enrolling.server = address_for_hosts();
    if (!authority_.empty()) enrolling.certificate = TRY(text_of(authority_));
    enrollment_ = TRY(enrollment::open(services_, enrolling));
    services_.enrollment = enrollment_.get();
    live_ = TRY(live::start({.database = *database_,
                             .hosts = *hosts_,
                             .clock = services_.clock,
                             .tag_by_name = [this](std::string_view name) { return tags_->by_name(name); },
                             .wake = [this](std::span<const hosts::HostId> hosts) { waker_.wake(hosts); }}));
    services_.live = live_.get();
    hosts_->add_remover(
        [this](db::Transaction& transaction, hosts::HostId host) { return live_->remove_host(transaction, host); });
    agents_ = agents::make(services_, {live_.get(), hosts_.get(), tags_.get()},
                           [this](std::function<void()> job) { listener_there().post(std::move(job)); },
                           {.hold = options_.held_read,
                            .log_body = options_.agent_body,
                            .write_body = options_.agent_body,
                            .secret_member = options_.secret_member});
    waker_.set(agents_.get());
    return {};
  }

  // Where it listens, as others may say it.
  std::string listening_name() const {
    const bool any = options_.address == "0.0.0.0" || options_.address == "::";
    const auto name = any ? host_name() : options_.address;
    return name.find(':') == name.npos ? name : "[" + name + "]";
  }

  // Before the port is known where any would do.
  std::string address_for_hosts() const {
    if (options_.public_address.empty()) return fmt::format("{}:{}", listening_name(), options_.port);
    const bool has_port =
        options_.public_address.find(':', options_.public_address.rfind(']') + 1) != std::string::npos;
    return has_port ? options_.public_address : fmt::format("{}:{}", options_.public_address, options_.port);
  }

  Result<void> start_listening() {
    router_.error = [](const http::RequestHead&, unsigned status, const std::string& what) {
      return refused(status, what);
    };
    TRY(agents::mount(router_, *agents_));
    TRY(api::mount(router_, api::endpoints(), services_,
                   {.counts = &api_counts_, .log = [](const api::Answered& answered) { log_answer(answered); }}));
    TRY(router_.add({.pattern = "/metrics", .handle = [this](const http::Request&, http::Responder responder) {
                       responder.send({.content_type = "text/plain; version=0.0.4", .body = metrics()});
                     }}));
    TRY(router_.add({.pattern = "/healthz",
                     .handle = [this](const http::Request&, http::Responder responder) { responder.send(health()); }}));
    auto& listener = listener_options_;
    listener.address = options_.address;
    listener.port = options_.port;
    listener.client_authorities = options_.client_authorities;
    listener.client_certificates = options_.client_certificates;
    listener.threads = options_.threads;
    listener.workers = options_.workers;
    listener.body_memory = std::max(listener.body_memory, 2 * options_.agent_body);
    listener.trusted_balancers = options_.trusted_balancers;
    listener.log = [](const std::string& what) { log(Level::error, "listener", {{"what", what}}); };
    listener.ticket_seed = TRY(ticket_seed(*database_, services_.clock()));
    listener_ = TRY(http::listen(listener, router_));
    listening_.count_down();
    return {};
  }

  // For requests, the first of which comes before listen() has returned.
  http::Listener& listener_there() const {
    listening_.wait();
    return *listener_;
  }

  static void log_answer(const api::Answered& answered) {
    const auto level = answered.status >= 500 ? Level::error : answered.status >= 400 ? Level::info : Level::debug;
    if (!logs(level)) return;
    log(level, answered.status >= 400 ? "request failed" : "request",
        {{"operation", std::string(answered.operation)},
         {"status", std::to_string(answered.status)},
         {"administrator", answered.administrator},
         {"address", answered.address},
         {"microseconds", std::to_string(answered.microseconds)},
         {"error", answered.error}});
  }

  // Well as long as the database answers: a balancer sends its connections elsewhere otherwise.
  http::Response health() {
    const auto answers = database_->read([](soci::session& sql) { sql << "SELECT 1"; });
    if (!answers) return {.status = 503, .content_type = "text/plain", .body = answers.error().text() + "\n"};
    return {.content_type = "text/plain", .body = "ok\n"};
  }

  std::string metrics() const {
    Metrics made;
    made.gauge("build_info", "The server's version.", 1, {{"version", version()}});
    add_counts(made, listener_there().counts());
    add_counts(made, agents_->counts());
    made.gauge("held_reads", "Distributed reads that are held open.", static_cast<std::int64_t>(agents_->held()));
    made.gauge("hosts", "Hosts that are known.", static_cast<std::int64_t>(hosts_->all().size()));
    add_counts(made, hosts_->counts());
    add_counts(made, results_->counts());
    add_counts(made, live_->counts());
    add_counts(made, database_->counts());
    return std::move(made).take() + api_counts_.prometheus();
  }

  // What is done once a minute, and soon after the start: who is started often would never come to it.
  void keep_up() {
    std::unique_lock lock(mutex_);
    for (auto pause = kFirstUpkeep; !stopping_changed_.wait_for(lock, pause, [this] { return stopping_; });
         pause = kUpkeep) {
      lock.unlock();
      const auto now = services_.clock();
      complain("results", results_->maintain(now));
      complain("carves", carves_->maintain(now));
      complain("TLS tickets", renew_tickets(now));
      if (now.ms - certificate_looked_at_ > kHourMs) {
        certificate_looked_at_ = now.ms;
        if (!authority_.empty()) complain("certificate", reload_certificate());
      }
      ::malloc_trim(0);
      lock.lock();
    }
  }

  Result<void> renew_tickets(Timestamp now) {
    auto seed = TRY(ticket_seed(*database_, now));
    if (seed == listener_options_.ticket_seed) return {};
    listener_options_.ticket_seed = seed;
    return listener_->share_tickets(std::move(seed));
  }

  static void complain(std::string_view what, const Result<void>& done) {
    if (!done) log(Level::error, "upkeep failed", {{"of", std::string(what)}, {"why", done.error().text()}});
  }

  const Options options_;
  Waker waker_;
  Services services_;
  identity::Passwords passwords_;
  std::string authority_;
  std::string first_password_;
  http::ListenerOptions listener_options_;
  api::Counts api_counts_;

  // Each uses those above it; all may wake reads that are held.
  std::unique_ptr<agents::Agents> agents_;
  std::unique_ptr<db::Database> database_;
  std::unique_ptr<identity::Authenticator> identity_;
  std::unique_ptr<hosts::Service> hosts_;
  std::unique_ptr<tags::Service> tags_;
  std::unique_ptr<queries::Queries> queries_;
  std::unique_ptr<results::Results> results_;
  std::unique_ptr<carves::Carves> carves_;
  std::unique_ptr<enrollment::Enrollment> enrollment_;
  std::unique_ptr<live::Live> live_;
  http::Router router_;
  std::unique_ptr<http::Listener> listener_;
  std::latch listening_{1};

  std::int64_t certificate_looked_at_ = 0;
  std::mutex mutex_;
  std::condition_variable stopping_changed_;
  bool stopping_ = false;
  std::thread upkeep_;
};

}  // namespace

Result<std::unique_ptr<Server>> serve(const Options& options, Clock clock) {
  auto server = std::make_unique<Running>(options, std::move(clock));
  TRY(server->start());
  return server;
}

Result<void> migrate(const Options& options) {
  const auto database = TRY(open_database(options));
  const auto all = schemas();
  return database->migrate(all);
}

Result<std::string> reset_password(const Options& options, Clock clock) {
  const auto database = TRY(open_database(options));
  const auto all = schemas();
  TRY(database->migrate(all));
  identity::Passwords passwords;
  return identity::reset_password(*database, passwords, options.administrator, clock());
}

}  // namespace osprey::server
