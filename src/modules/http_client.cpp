// The module "http_client": what net/http_client.h promises, by libcurl.
#include "net/http_client.h"

#include <curl/curl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>

#include "base/module_entry.h"

namespace osprey::net {
namespace {

using std::chrono::milliseconds;

constexpr int kPollMilliseconds = 100;  // between two looks at the interrupt
constexpr long kLongestIdle =
    365L * 24 * 3600;                         // seconds: libcurl's own bound, two minutes, would cost a handshake each
constexpr std::size_t kHeaderCap = 64 << 10;  // bytes of a reply's headers
constexpr std::string_view kProxyPort = "3128";

template <auto function>
struct Free {
  void operator()(auto* owned) const { function(owned); }
};
using Address = std::unique_ptr<CURLU, Free<curl_url_cleanup>>;
using Lines = std::unique_ptr<curl_slist, Free<curl_slist_free_all>>;

std::string part(const Address& address, CURLUPart which) {
  char* text = nullptr;
  if (curl_url_get(address.get(), which, &text, CURLU_DEFAULT_PORT) != CURLUE_OK) return {};
  const std::unique_ptr<char, Free<curl_free>> owner(text);
  return text;
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// "https://host:port", with a port always; empty for what is no address.
std::string origin_of(const std::string& url) {
  const Address address(curl_url());
  if (curl_url_set(address.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return {};
  return part(address, CURLUPART_SCHEME) + "://" + lower(part(address, CURLUPART_HOST)) + ":" +
         part(address, CURLUPART_PORT);
}

bool is_loopback(const std::string& host) {
  if (host == "localhost" || host == "[::1]") return true;
  return host.starts_with("127.") && host.find_first_not_of("0123456789.") == host.npos;
}

Result<void> check_origin(const std::string& origin) {
  const Address address(curl_url());
  if (const auto code = curl_url_set(address.get(), CURLUPART_URL, origin.c_str(), CURLU_DISALLOW_USER);
      code != CURLUE_OK)
    return failure(origin, curl_url_strerror(code));
  const auto scheme = part(address, CURLUPART_SCHEME);
  const auto host = lower(part(address, CURLUPART_HOST));
  if (part(address, CURLUPART_PATH) != "/" || !part(address, CURLUPART_QUERY).empty())
    return failure(origin, "a path does not belong to a server's name");
  if (scheme == "https" || (scheme == "http" && is_loopback(host))) return {};
  if (scheme == "http") return failure(origin, "plain HTTP is for servers on this host only: use https");
  return failure(origin, scheme + " is not spoken: use https");
}

Result<void> check_readable(const std::string& path) {
  if (path.empty() || ::access(path.c_str(), R_OK) == 0) return {};
  return system_failure(path);
}

// What the callbacks of one exchange fill in.
struct Transfer {
  CURL* curl;
  std::size_t cap;
  const std::function<bool(std::string_view)>* take;  // null: the body is collected
  HttpClientResponse response;
  std::size_t header_bytes = 0;
  bool answered = false;  // anything of a reply has come
  bool too_large = false;
  bool ended = false;  // by `take`

  bool is_streamed() const {
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    return take && status < 300;
  }
};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
  return text.substr(0, text.find_last_not_of(kBlank) + 1);
}

std::size_t take_header(char* data, std::size_t, std::size_t size, void* to) {
  auto& transfer = *static_cast<Transfer*>(to);
  transfer.answered = true;
  transfer.header_bytes += size;
  if (transfer.header_bytes > kHeaderCap) {
    transfer.too_large = true;
    return 0;
  }
  const std::string_view line(data, size);
  auto& headers = transfer.response.headers;
  if (line.starts_with("HTTP/")) headers.clear();  // those before were an interim answer's
  if (const auto colon = line.find(':'); colon != line.npos)
    headers.emplace_back(lower(std::string(line.substr(0, colon))), trimmed(line.substr(colon + 1)));
  return size;
}

// Taking less than was given ends the transfer.
std::size_t take_body(char* data, std::size_t, std::size_t size, void* to) {
  auto& transfer = *static_cast<Transfer*>(to);
  if (transfer.is_streamed()) {
    transfer.ended = !(*transfer.take)({data, size});
    return transfer.ended ? 0 : size;
  }
  auto& body = transfer.response.body;
  transfer.too_large = body.size() + size > transfer.cap;
  if (transfer.too_large) return 0;
  body.append(data, size);
  return size;
}

// The connection was lost before the first byte of a reply. On a kept one that happens to whoever asks when the server
// has just given it up.
bool was_lost(CURLcode code, const Transfer& transfer) {
  const bool lost = code == CURLE_GOT_NOTHING || code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR;
  return lost && !transfer.answered;
}

class CurlClient final : public HttpClient {
 public:
  CurlClient(HttpClientOptions options, CURL* curl, CURLM* multi)
      : options_(std::move(options)), origin_(origin_of(options_.origin)), multi_(multi), curl_(curl) {
    curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, 1L);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, 1L);
    set_up();
  }

  Result<HttpClientResponse> send(const HttpClientRequest& request, const Interrupt& stop) override {
    return follow(request, nullptr, stop);
  }
  Result<HttpClientResponse> stream(const HttpClientRequest& request, const std::function<bool(std::string_view)>& take,
                                    const Interrupt& stop) override {
    return follow(request, &take, stop);
  }

 private:
  // What is the same for all requests: nothing of the environment, no signals, no protocol but ours.
  void set_up() {
    CURL* curl = curl_.get();
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);  // does not wait for a look-up of a name that was given up
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXAGE_CONN, kLongestIdle);
    curl_easy_setopt(curl, CURLOPT_MAXLIFETIME_CONN, static_cast<long>(options_.connection_age.count()));
    if (!options_.keep_alive) curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
    if (options_.accept_gzip) curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "gzip");
    set_up_tls();
    set_up_proxy();
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
  }

  void set_up_tls() {
    CURL* curl = curl_.get();
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!options_.authorities.empty()) {
      curl_easy_setopt(curl, CURLOPT_CAINFO, options_.authorities.c_str());
      curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);  // else the system's authorities would hold as well
    }
    if (!options_.certificate.empty()) curl_easy_setopt(curl, CURLOPT_SSLCERT, options_.certificate.c_str());
    if (!options_.key.empty()) curl_easy_setopt(curl, CURLOPT_SSLKEY, options_.key.c_str());
  }

  void set_up_proxy() {
    CURL* curl = curl_.get();
    auto proxy = options_.proxy;
    if (!proxy.empty() && proxy.find(':', proxy.rfind(']') == proxy.npos ? 0 : proxy.rfind(']')) == proxy.npos)
      proxy.append(":").append(kProxyPort);
    curl_easy_setopt(curl, CURLOPT_PROXY, proxy.c_str());  // empty: none, whatever the environment says
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "");
    curl_easy_setopt(curl, CURLOPT_HTTPPROXYTUNNEL, 1L);
    curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(curl, CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));  // the proxy sees none of them
  }

  // Redirects are followed here and not by libcurl: with method and body as they are, and never to where the secrets in
  // them do not belong.
  Result<HttpClientResponse> follow(const HttpClientRequest& request, const std::function<bool(std::string_view)>* take,
                                    const Interrupt& stop) {
    const auto deadline = Interrupt::Clock::now() + request.timeout;
    std::string url = options_.origin + request.target;
    for (unsigned redirects = 0;; ++redirects) {
      auto response = TRY(exchange(url, request, deadline, take, stop));
      const char* next = nullptr;
      curl_easy_getinfo(curl_.get(), CURLINFO_REDIRECT_URL, &next);
      if (!next || options_.redirects == 0) return response;
      if (redirects == options_.redirects)
        return failure(options_.origin, "redirects more than " + std::to_string(redirects) + " times");
      url = next;
      if (const auto there = origin_of(url); there != origin_)
        return failure(options_.origin,
                       "redirects to " + there + ", another server, which must not see our secrets: not followed");
    }
  }

  Result<HttpClientResponse> exchange(const std::string& url, const HttpClientRequest& request,
                                      Interrupt::Clock::time_point deadline,
                                      const std::function<bool(std::string_view)>* take, const Interrupt& stop) {
    const auto headers = header_list(request);
    CURL* curl = curl_.get();
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
    if (request.method == "GET") {
      curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
      curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, nullptr);
    } else {
      curl_easy_setopt(curl, CURLOPT_POST, 1L);
      curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
      curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.data() ? request.body.data() : "");
    }
    for (bool again = false;; again = true) {
      Transfer transfer{.curl = curl, .cap = options_.body_cap, .take = take};
      curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
      curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
      curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, again ? 1L : 0L);
      if (request.timeout.count() > 0) {
        const auto left = std::chrono::ceil<milliseconds>(deadline - Interrupt::Clock::now()).count();
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<std::int64_t>(left, 1)));
      } else {
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 0L);
      }
      std::string message;
      const auto code = perform(request.waiting, stop, message);
      if (!again && !stop.requested() && was_lost(code, transfer)) continue;
      if (code != CURLE_OK && !transfer.ended) return explained(code, transfer, message);
      curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &transfer.response.status);
      return std::move(transfer.response);
    }
  }

  Lines header_list(const HttpClientRequest& request) const {
    Lines list;
    const auto add = [&](const std::string& line) { list.reset(curl_slist_append(list.release(), line.c_str())); };
    bool names_agent = false;
    for (const auto& [name, value] : request.headers) {
      add(name + ": " + value);
      names_agent |= lower(name) == "user-agent";
    }
    if (!names_agent && !options_.user_agent.empty()) add("User-Agent: " + options_.user_agent);
    add("Expect:");  // no asking first whether a body is welcome
    return list;
  }

  // Until it ends or is interrupted. libcurl's own words for what went wrong are more exact than those of its code.
  CURLcode perform(const std::function<void()>& waiting, const Interrupt& stop, std::string& message) {
    char said[CURL_ERROR_SIZE] = "";
    curl_easy_setopt(curl_.get(), CURLOPT_ERRORBUFFER, said);
    curl_multi_add_handle(multi_.get(), curl_.get());
    int running = 1;
    while (running && !stop.requested()) {
      if (curl_multi_perform(multi_.get(), &running) != CURLM_OK) break;
      if (running) curl_multi_poll(multi_.get(), nullptr, 0, kPollMilliseconds, nullptr);
      if (waiting) waiting();
    }
    int left = 0;
    const CURLMsg* end = curl_multi_info_read(multi_.get(), &left);
    const auto code = end ? end->data.result : CURLE_ABORTED_BY_CALLBACK;
    message = !end ? "interrupted" : said[0] ? said : curl_easy_strerror(code);
    curl_multi_remove_handle(multi_.get(), curl_.get());  // one that has not ended loses its connection
    curl_easy_setopt(curl_.get(), CURLOPT_ERRORBUFFER, nullptr);
    return code;
  }

  std::unexpected<Error> explained(CURLcode code, const Transfer& transfer, std::string message) const {
    if (transfer.too_large)
      message = "the reply is larger than " + std::to_string(options_.body_cap) + " bytes";
    else if (code == CURLE_PEER_FAILED_VERIFICATION)
      message += "; its certificate must be for this name, and descend from one in " +
                 (options_.authorities.empty() ? std::string("the system's store") : options_.authorities);
    else if (code == CURLE_SSL_CERTPROBLEM)
      message += "; see " + options_.certificate + " and " + options_.key;
    return failure(options_.origin, std::move(message));
  }

  const HttpClientOptions options_;
  const std::string origin_;
  std::unique_ptr<CURLM, Free<curl_multi_cleanup>> multi_;  // has the connection
  std::unique_ptr<CURL, Free<curl_easy_cleanup>> curl_;     // goes first
};

Result<std::unique_ptr<HttpClient>> open(const HttpClientOptions& options) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  TRY(check_origin(options.origin));
  for (const auto* path : {&options.authorities, &options.certificate, &options.key}) TRY(check_readable(*path));
  CURL* curl = ready == CURLE_OK ? curl_easy_init() : nullptr;
  CURLM* multi = curl ? curl_multi_init() : nullptr;
  if (!multi) {
    curl_easy_cleanup(curl);
    return failure(options.origin, "libcurl cannot be set up");
  }
  return std::make_unique<CurlClient>(options, curl, multi);
}

}  // namespace
}  // namespace osprey::net

OSPREY_MODULE(osprey::net::HttpClientModule) = {.open = osprey::net::open};
