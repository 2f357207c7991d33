// The module "http": what linux/http/http_module.h promises, by libcurl.
#include "linux/http/http_module.h"

#include <curl/curl.h>

#include <memory>

#include "base/module_entry.h"

namespace osprey::linux {
namespace {

struct CloseHandle {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
using Handle = std::unique_ptr<CURL, CloseHandle>;

int stop_when_interrupted(void* interrupt, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const Interrupt*>(interrupt)->requested();
}

// A transfer as all of ours are: nothing of the environment, no signals, bounded in time, ended by the interrupt.
Result<Handle> make_handle(const std::string& subject, std::chrono::milliseconds timeout, const Interrupt& interrupt) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  Handle handle(ready == CURLE_OK ? curl_easy_init() : nullptr);
  if (!handle) return failure(subject, "libcurl cannot be set up");
  CURL* curl = handle.get();
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, stop_when_interrupted);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &interrupt);
  return handle;
}

// Runs the transfer; libcurl's own words for what went wrong are more exact than its code's.
CURLcode perform(CURL* curl, std::string& message) {
  char buffer[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, buffer);
  const auto code = curl_easy_perform(curl);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, nullptr);
  message = code == CURLE_ABORTED_BY_CALLBACK ? "interrupted" : buffer[0] ? buffer : curl_easy_strerror(code);
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
  const auto handle = TRY(make_handle(request.url, request.timeout, interrupt));
  CURL* curl = handle.get();
  HttpResponse response;
  Body body{&response, request.body_cap};
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_USERAGENT, request.user_agent.c_str());
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 10L);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
  std::string message;
  const auto code = perform(curl, message);
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

  const auto handle = TRY(make_handle(host, timeout, interrupt));
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
  if (perform(curl, message) != CURLE_OK) return failure(host, std::move(message));

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
