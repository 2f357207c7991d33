// The module "http": what linux/http/http_module.h promises, by libcurl.
#include "linux/http/http_module.h"

#include <curl/curl.h>

#include <memory>

#include "base/module_entry.h"

namespace osprey::linux {
namespace {

constexpr int kPollMilliseconds = 100;  // between two looks at the interrupt

struct CloseHandle {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
using Handle = std::unique_ptr<CURL, CloseHandle>;

// A transfer as all of ours are: nothing of the environment, no signals, bounded in time.
Result<Handle> make_handle(const std::string& subject, std::chrono::milliseconds timeout) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  Handle handle(ready == CURLE_OK ? curl_easy_init() : nullptr);
  if (!handle) return failure(subject, "libcurl cannot be set up");
  CURL* curl = handle.get();
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
  curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);  // does not wait for a look-up of a name that was given up
  return handle;
}

// Runs the transfer until it ends or is interrupted. libcurl's own words for what went wrong, put into `message`, are
// more exact than those of its code.
CURLcode perform(CURL* curl, const Interrupt& interrupt, std::string& message) {
  char said[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, said);
  const std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)> multi(curl_multi_init(), curl_multi_cleanup);
  curl_multi_add_handle(multi.get(), curl);
  int running = 1;
  while (running && !interrupt.requested()) {
    if (curl_multi_perform(multi.get(), &running) != CURLM_OK) break;
    if (running) curl_multi_poll(multi.get(), nullptr, 0, kPollMilliseconds, nullptr);
  }
  int left = 0;
  const CURLMsg* end = curl_multi_info_read(multi.get(), &left);
  const auto code = end ? end->data.result : CURLE_ABORTED_BY_CALLBACK;
  message = !end ? "interrupted" : said[0] ? said : curl_easy_strerror(code);
  curl_multi_remove_handle(multi.get(), curl);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, nullptr);
  return code;
}

struct Body {
  HttpResponse* response;
  std::size_t cap;
};

// Taking less than was given ends the transfer: the body has reached its cap.
std::size_t take_body(char* data, std::size_t, std::size_t size, void* to) {
  auto& [response, cap] = *static_cast<Body*>(to);
  const auto taken = std::min(size, cap - response->body.size());
  response->body.append(data, taken);
  response->truncated = taken < size;
  return taken;
}

Result<HttpResponse> get(const HttpRequest& request, const Interrupt& interrupt) {
  const auto handle = TRY(make_handle(request.url, request.timeout));
  CURL* curl = handle.get();
  HttpResponse response;
  Body body{&response, request.body_cap};
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_USERAGENT, request.user_agent.c_str());
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, request.redirects ? 1L : 0L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 10L);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
  std::string message;
  const auto code = perform(curl, interrupt, message);
  if (code != CURLE_OK && !(code == CURLE_WRITE_ERROR && response.truncated))
    return failure(request.url, std::move(message));
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &response.status);
  curl_off_t microseconds = 0;
  curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME_T, &microseconds);
  response.round_trip = std::chrono::microseconds(microseconds);
  return response;
}

Result<std::string> server_certificate(const std::string& host, std::uint16_t port, std::chrono::milliseconds timeout,
                                       const Interrupt& interrupt) {
  // Put together from its parts, a host with a slash or an @ in it is refused and no other place is asked.
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> address(curl_url(), curl_url_cleanup);
  curl_url_set(address.get(), CURLUPART_SCHEME, "https", 0);
  if (const auto code = curl_url_set(address.get(), CURLUPART_HOST, host.c_str(), 0); code != CURLUE_OK)
    return failure(host, curl_url_strerror(code));
  curl_url_set(address.get(), CURLUPART_PORT, std::to_string(port).c_str(), 0);

  const auto handle = TRY(make_handle(host, timeout));
  CURL* curl = handle.get();
  curl_easy_setopt(curl, CURLOPT_CURLU, address.get());
  curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
  curl_easy_setopt(curl, CURLOPT_CERTINFO, 1L);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
  // The weak servers are those that one wants to see.
  curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_0));
  curl_easy_setopt(curl, CURLOPT_SSL_CIPHER_LIST, "ALL:@SECLEVEL=0");
  std::string message;
  if (perform(curl, interrupt, message) != CURLE_OK) return failure(host, std::move(message));

  const curl_certinfo* shown = nullptr;
  curl_easy_getinfo(curl, CURLINFO_CERTINFO, &shown);
  if (!shown || shown->num_of_certs < 1) return failure(host, "shows no certificate");
  constexpr std::string_view kMark = "Cert:";
  for (const curl_slist* line = shown->certinfo[0]; line; line = line->next)
    if (std::string_view text = line->data; text.starts_with(kMark)) return std::string(text.substr(kMark.size()));
  return failure(host, "shows a certificate that libcurl cannot hand on");
}

}  // namespace
}  // namespace osprey::linux

OSPREY_MODULE(osprey::linux::HttpModule) = {
    .get = osprey::linux::get,
    .server_certificate = osprey::linux::server_certificate,
};
