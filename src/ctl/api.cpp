#include "ctl/api.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>

#include "base/percent.h"
#include "base/text.h"

namespace osprey::ctl {
namespace {

using namespace std::chrono_literals;

constexpr int kMostTries = 6;
constexpr const char* kLargestPage = "500";  // items, as the server allows
constexpr std::int64_t kLongestWait = 60;    // seconds, whatever the server says
constexpr int kNoEntry = 2;                  // ENOENT

std::string idempotency_key() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}{:08x}{:08x}", random(), random(), random(), random());
}

}  // namespace

std::string path_of(std::initializer_list<std::string_view> segments, const Parameters& parameters) {
  std::string made = "/api/v1";
  for (const auto segment : segments) made += "/" + percent_encoded(segment);
  char separator = '?';
  for (const auto& [name, value] : parameters) {
    if (value.empty()) continue;
    made += separator + name + "=" + percent_encoded(value);
    separator = '&';
  }
  return made;
}

Error problem_of(const net::HttpClientResponse& response) {
  Error error{.code = response.status == 404 ? kNoEntry : 0, .subject = {}, .message = {}};
  boost::system::error_code failed;
  const auto body = json::parse(response.body, failed);
  auto detail = failed ? std::string_view() : text_at(body, "detail");
  if (detail.empty() && !failed) detail = text_at(body, "title");
  if (response.status == 401)
    error.message = detail.empty() ? "who asks is not known" : std::string(detail);
  else
    error.message = detail.empty() ? fmt::format("the server answered {}", response.status) : std::string(detail);
  if (!failed)
    for (const auto& fault : items_of(member_at(body, "errors")))
      error.message += fmt::format("\n  {}: {}", text_at(fault, "pointer"), text_at(fault, "detail"));
  if (response.status == 401) error.message += "\nsign in: ospreyctl login";
  return error;
}

const json::value& member_at(const json::value& object, std::string_view name) {
  static const json::value none;
  const auto* members = object.if_object();
  const auto* member = members ? members->if_contains(name) : nullptr;
  return member ? *member : none;
}
std::string_view text_at(const json::value& object, std::string_view name) {
  const auto* text = member_at(object, name).if_string();
  return text ? std::string_view(*text) : std::string_view();
}
std::int64_t number_at(const json::value& object, std::string_view name) {
  const auto& member = member_at(object, name);
  boost::system::error_code failed;
  const auto number = member.to_number<std::int64_t>(failed);
  return failed ? 0 : number;
}
bool truth_at(const json::value& object, std::string_view name) {
  const auto* truth = member_at(object, name).if_bool();
  return truth && *truth;
}
const json::array& items_of(const json::value& answer) {
  static const json::array none;
  if (const auto* array = answer.if_array()) return *array;
  const auto* items = member_at(answer, "items").if_array();
  return items ? *items : none;
}

Result<net::HttpClientResponse> Api::exchange(const std::string& method, const std::string& target,
                                              const json::value* body) {
  net::HttpClientRequest request{.method = method, .target = target, .headers = credentials_, .timeout = 60s};
  request.headers.emplace_back("Accept", "application/json");
  std::string text;
  if (body) {
    text = json::serialize(*body);
    request.headers.emplace_back("Content-Type", "application/json");
  }
  if (method == "POST") request.headers.emplace_back("Idempotency-Key", idempotency_key());
  request.body = text;
  return client_->send(request, *stop_);
}

Result<bool> Api::wait_as_told(const net::HttpClientResponse& response, int tries) {
  if ((response.status != 429 && response.status != 503) || tries >= kMostTries) return false;
  const auto told = parse<std::int64_t>(response.header("retry-after")).value_or(1);
  const auto end = Interrupt::Clock::now() + std::chrono::seconds(std::clamp<std::int64_t>(told, 1, kLongestWait));
  while (Interrupt::Clock::now() < end) {
    if (stop_->requested()) return failure("", "interrupted");
    std::this_thread::sleep_for(50ms);
  }
  return true;
}

Result<json::value> Api::call(const std::string& method, const std::string& target, const json::value* body) {
  for (int tries = 0;; ++tries) {
    const auto response = TRY(exchange(method, target, body));
    if (TRY(wait_as_told(response, tries))) continue;
    if (response.status >= 300) return std::unexpected(problem_of(response));
    if (response.body.empty()) return json::value();
    boost::system::error_code failed;
    auto answer = json::parse(response.body, failed);
    if (failed) return failure("the server's answer", "is no JSON: is this an osprey server?");
    return answer;
  }
}

Result<void> Api::each(std::initializer_list<std::string_view> path, Parameters parameters,
                       const std::function<bool(const json::value&)>& take) {
  const bool has_limit = std::ranges::any_of(parameters, [](const auto& each) { return each.first == "limit"; });
  if (!has_limit) parameters.emplace_back("limit", kLargestPage);
  parameters.emplace_back("after", "");
  for (;;) {
    const auto page = TRY(get(path_of(path, parameters)));
    for (const auto& item : items_of(page))
      if (!take(item)) return {};
    const auto next = text_at(page, "next");
    if (next.empty()) return {};
    parameters.back().second = next;
  }
}

Result<void> Api::stream(const std::string& target, const std::function<bool(std::string_view)>& take,
                         const std::function<void()>& waiting) {
  for (int tries = 0;; ++tries) {
    const net::HttpClientRequest request{
        .method = "GET", .target = target, .headers = credentials_, .timeout = 0ms, .waiting = waiting};
    const auto response = TRY(client_->stream(request, take, *stop_));
    if (TRY(wait_as_told(response, tries))) continue;
    if (response.status >= 300) return std::unexpected(problem_of(response));
    return {};
  }
}

}  // namespace osprey::ctl
