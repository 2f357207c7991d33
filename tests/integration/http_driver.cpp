// http_driver OPTIONS: requests through the module "http_client". OPTIONS is a JSON object of net::HttpClientOptions'
// members; each line of standard input is one of net::HttpClientRequest's, with "stream" (true: by stream()), "take"
// (how many bytes of a stream are wanted) and "stop_after_ms" besides. Answers each with a line of JSON.
#include <boost/json.hpp>
#include <iostream>
#include <thread>

#include "base/module.h"
#include "net/http_client.h"

namespace {

using namespace osprey;
namespace json = boost::json;

std::string text(const json::object& from, std::string_view name) {
  const auto* value = from.if_contains(name);
  return value ? std::string(value->as_string()) : std::string();
}

template <class T>
T number(const json::object& from, std::string_view name, T otherwise) {
  const auto* value = from.if_contains(name);
  return value ? T(value->to_number<std::int64_t>()) : otherwise;
}

bool flag(const json::object& from, std::string_view name, bool otherwise) {
  const auto* value = from.if_contains(name);
  return value ? value->as_bool() : otherwise;
}

net::HttpClientOptions options_of(const json::object& from) {
  net::HttpClientOptions options;
  options.origin = text(from, "origin");
  options.user_agent = text(from, "user_agent");
  options.authorities = text(from, "authorities");
  options.certificate = text(from, "certificate");
  options.key = text(from, "key");
  options.proxy = text(from, "proxy");
  options.keep_alive = flag(from, "keep_alive", true);
  options.connection_age = number(from, "connection_age", options.connection_age);
  options.accept_gzip = flag(from, "accept_gzip", false);
  options.body_cap = number(from, "body_cap", options.body_cap);
  return options;
}

json::value answer(net::HttpClient& client, const json::object& line) {
  net::HttpClientRequest request;
  if (line.contains("method")) request.method = text(line, "method");
  request.target = text(line, "target");
  const auto body = text(line, "body");
  request.body = body;
  if (const auto* headers = line.if_contains("headers"))
    for (const auto& [name, value] : headers->as_object()) request.headers.emplace_back(name, value.as_string());
  request.timeout = number(line, "timeout_ms", request.timeout);

  Interrupt stop;
  std::jthread stopper;
  if (const auto after = number(line, "stop_after_ms", std::chrono::milliseconds(0)); after.count() > 0)
    stopper = std::jthread([&stop, after] {
      std::this_thread::sleep_for(after);
      stop.request();
    });
  std::string taken;
  const auto wanted = number<std::size_t>(line, "take", SIZE_MAX);
  const auto take = [&](std::string_view bytes) {
    taken += bytes;
    return taken.size() < wanted;
  };
  const auto response = flag(line, "stream", false) ? client.stream(request, take, stop) : client.send(request, stop);
  if (!response) return {{"error", response.error().text()}};
  json::object headers;
  for (const auto& [name, value] : response->headers) headers[name] = value;
  return {{"status", response->status}, {"headers", headers}, {"body", response->body}, {"taken", taken}};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 1;
  const auto module = open_module<net::HttpClientModule>();
  if (!module) {
    std::cerr << module.error().text() << '\n';
    return 1;
  }
  const auto client = (*module)->open(options_of(json::parse(argv[1]).as_object()));
  if (!client) {
    std::cout << json::serialize(json::value{{"error", client.error().text()}}) << std::endl;
    return 0;
  }
  for (std::string line; std::getline(std::cin, line);)
    std::cout << json::serialize(answer(**client, json::parse(line).as_object())) << std::endl;
}
