#include "ctl/session.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <ctime>

#include "base/module.h"
#include "base/text.h"
#include "base/version.h"
#include "ctl/folder/yaml.h"

namespace osprey::ctl {
namespace {

Interrupt interrupt_;

extern "C" void on_interrupt(int) {
  if (interrupt_.cancelled()) ::_exit(kInterrupted);
  interrupt_.request();
}

Result<std::unique_ptr<net::HttpClient>> client_of(const Settings& settings) {
  if (settings.server.empty())
    return failure("", "which server? ospreyctl login https://HOST:8443, or OSPREY_SERVER and OSPREY_TOKEN");
  const auto* module = TRY(open_module<net::HttpClientModule>());
  return module->open({.origin = settings.server,
                       .user_agent = fmt::format("ospreyctl/{}", version()),
                       .authorities = settings.authority,
                       .certificate = {},
                       .key = {},
                       .proxy = {},
                       .accept_gzip = true,
                       .body_cap = 256U << 20});
}

}  // namespace

const Interrupt& Session::interrupt() { return interrupt_; }

void Session::catch_interrupts() {
  struct sigaction action{};
  action.sa_handler = on_interrupt;
  for (const int number : {SIGINT, SIGTERM}) ::sigaction(number, &action, nullptr);
}

Result<Settings> Session::settings() const {
  const auto folder = settings_folder();
  return effective(folder ? TRY(read_settings(*folder)) : Settings{}, server_flag, authority_flag);
}

Result<Api> Session::anonymous(const Settings& settings) const {
  return Api(TRY(client_of(settings)), {}, interrupt());
}

Result<Api*> Session::api() {
  if (api_) return &*api_;
  const auto settings = TRY(this->settings());
  auto client = TRY(client_of(settings));
  if (settings.token.empty())
    return failure(settings.server, "nobody is signed in: ospreyctl login " + settings.server);
  api_.emplace(std::move(client), net::HttpHeaders{{"Authorization", "Bearer " + settings.token}}, interrupt());
  return &*api_;
}

Result<int> Session::list(std::initializer_list<std::string_view> path, const Parameters& parameters,
                          const std::vector<Column>& columns, std::int64_t most) {
  auto* api = TRY(this->api());
  Rows rows(terminal, format);
  rows.keep_until_finish();
  TRY(api->each(path, parameters, [&](const json::value& item) {
    add_item(rows, columns, item);
    return most == 0 || static_cast<std::int64_t>(rows.count()) < most;
  }));
  rows.finish();
  return kDone;
}

Result<int> Session::list_whole(const std::string& target, const std::vector<Column>& columns) {
  auto* api = TRY(this->api());
  const auto answer = TRY(api->get(target));
  return show_list(items_of(answer), columns);
}

Result<int> Session::show_list(const json::array& items, const std::vector<Column>& columns) {
  Rows rows(terminal, format);
  rows.keep_until_finish();
  for (const auto& item : items) add_item(rows, columns, item);
  rows.finish();
  return kDone;
}

Result<int> Session::pass_on(std::initializer_list<std::string_view> path, Parameters parameters) {
  auto* api = TRY(this->api());
  parameters.emplace_back("format", format == Format::csv ? "csv" : format == Format::json ? "json" : "jsonl");
  TRY(api->stream(path_of(path, parameters), [&](std::string_view bytes) {
    terminal.write(bytes);
    return true;
  }));
  return kDone;
}

Result<int> Session::show(const json::value& thing) {
  if (format == Format::table)
    terminal.write(yaml_text(thing));
  else
    terminal.write((format == Format::json ? pretty_json(thing) : json::serialize(thing)) + "\n");
  return kDone;
}

Result<int> Session::say(std::string_view done) {
  terminal.note(done);
  return kDone;
}

Result<void> Session::confirmed(bool yes, const std::string& question) const {
  if (yes) return {};
  const auto agreed = confirm(question);
  if (!agreed) return failure(question, "nobody can be asked without a terminal: --yes");
  if (!*agreed) return failure("", "left as it is");
  return {};
}

CLI::App* command(CLI::App& parent, Session& session, const std::string& name, const std::string& help,
                  std::function<Result<int>()> run) {
  auto* made = parent.add_subcommand(name, help);
  made->fallthrough();
  made->final_callback([&session, made, run = std::move(run)] {
    if (made->get_subcommands().empty()) session.run = run;  // else it is theirs, who were called before
  });
  return made;
}

CLI::App* group(CLI::App& parent, const std::string& name, const std::string& help) {
  auto* made = parent.add_subcommand(name, help);
  made->fallthrough();
  made->require_subcommand(1);
  return made;
}

std::unexpected<Error> there_is_no(std::string_view what, std::string_view name,
                                   const std::vector<std::string>& candidates) {
  const std::vector<std::string_view> views(candidates.begin(), candidates.end());
  const auto near = nearest(name, views);
  return failure(fmt::format("{} \"{}\"", what, name),
                 near ? fmt::format("there is none; \"{}\" is near", *near) : "there is none");
}

Result<json::value> find_named(const json::array& items, std::string_view what, const std::string& name) {
  std::vector<std::string> names;
  const json::value* found = nullptr;
  for (const auto& item : items) {
    if (text_at(item, "name") == name) {
      if (found) return failure(fmt::format("{} \"{}\"", what, name), "there are several: give the number");
      found = &item;
    }
    names.emplace_back(text_at(item, "name"));
  }
  if (found) return *found;
  if (const auto number = parse<std::int64_t>(name))
    for (const auto& item : items)
      if (number_at(item, "id") == *number) return item;
  return there_is_no(what, name, names);
}

Result<json::value> find_tag(Api& api, const std::string& name) {
  const auto tags = TRY(api.get(path_of({"tags"})));
  return find_named(items_of(tags), "tag", name);
}

Result<json::value> find_host(Api& api, const std::string& name) {
  std::vector<json::value> found;
  std::vector<std::string> near;
  const auto look = [&](const json::value& host) {
    if (text_at(host, "name") == name || text_at(host, "identifier") == name || text_at(host, "uuid") == name)
      found.push_back(host);
    near.emplace_back(text_at(host, "name"));
    return true;
  };
  TRY(api.each({"hosts"}, {{"text", name}}, look));
  if (found.size() == 1) return found.front();
  if (found.size() > 1) {
    std::string numbers;
    for (const auto& host : found) numbers += fmt::format(" {}", number_at(host, "id"));
    return failure(fmt::format("host \"{}\"", name), "there are several; give one's number:" + numbers);
  }
  if (const auto number = parse<std::int64_t>(name)) {
    const auto host = api.get(path_of({"hosts", name}));
    if (host) return member_at(*host, "host");
    if (!host.error().absent()) return std::unexpected(host.error());
  }
  if (near.empty()) {
    constexpr std::size_t kLooked = 1000;
    TRY(api.each({"hosts"}, {}, [&](const json::value& host) {
      near.emplace_back(text_at(host, "name"));
      return near.size() < kLooked;
    }));
  }
  return there_is_no("host", name, near);
}

Result<std::vector<std::int64_t>> host_numbers(Api& api, const std::vector<std::string>& names) {
  std::vector<std::int64_t> numbers;
  for (const auto& name : names) numbers.push_back(number_at(TRY(find_host(api, name)), "id"));
  return numbers;
}

Result<std::int64_t> duration_seconds(const std::string& text) {
  std::string_view digits = text;
  std::int64_t unit = 1;
  if (!digits.empty()) {
    switch (digits.back()) {
      case 's':
        break;
      case 'm':
        unit = 60;
        break;
      case 'h':
        unit = 3600;
        break;
      case 'd':
        unit = 86400;
        break;
      default:
        unit = 0;
    }
    if (unit != 0) digits.remove_suffix(1);
  }
  const auto number = parse<std::int64_t>(digits);
  constexpr std::int64_t kMost = 100LL * 365 * 86400;
  if (!number || *number < 1 || *number > kMost / std::max<std::int64_t>(unit, 1))
    return failure(text, "is no length of time: 30s, 10m, 2h, 7d");
  return *number * std::max<std::int64_t>(unit, 1);
}

std::string duration_text(std::int64_t seconds) {
  constexpr std::pair<std::int64_t, char> kUnits[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
  std::string text;
  for (int said = 0; const auto& [size, unit] : kUnits) {
    if (said == 0 && seconds < size && size > 1) continue;
    text += fmt::format("{}{}", seconds / size, unit);
    seconds %= size;
    if (++said == 2) break;
  }
  return text;
}

std::optional<std::int64_t> seconds_of(std::string_view time) {
  std::tm parts{};
  if (!::strptime(std::string(time).c_str(), "%Y-%m-%dT%H:%M:%S", &parts)) return std::nullopt;
  return ::timegm(&parts);
}

std::string time_from_now(std::int64_t seconds) {
  const auto time = std::chrono::system_clock::now() + std::chrono::seconds(seconds);
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

}  // namespace osprey::ctl
