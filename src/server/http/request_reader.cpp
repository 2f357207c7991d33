#include "server/http/request_reader.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/percent.h"
#include "base/text.h"
#include "server/http/inflater.h"

namespace osprey::server::http {
namespace {

namespace beast = boost::beast;
using beast::error_code;

constexpr std::size_t kReservedAtOnce = 64 << 10;  // of a body's announced length; the rest as it comes

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

std::optional<Method> method_of(beast::http::verb verb) {
  switch (verb) {
    case beast::http::verb::get:
      return Method::get;
    case beast::http::verb::head:
      return Method::head;
    case beast::http::verb::post:
      return Method::post;
    case beast::http::verb::put:
      return Method::put;
    case beast::http::verb::patch:
      return Method::patch;
    case beast::http::verb::delete_:
      return Method::delete_;
    default:
      return std::nullopt;
  }
}

Refusal refusal_of(const error_code& code) {
  using beast::http::error;
  if (code == error::header_limit) return {431, "the request's head is larger than 16 KiB"};
  if (code == error::bad_version) return {505, "HTTP/1.1 and HTTP/1.0 are spoken here"};
  return {400, "malformed request: " + code.message()};
}

bool is_dot_segment(std::string_view segment) { return segment == "." || segment == ".."; }

// What is wrong with a target's path, or nothing.
std::optional<std::string> fault_of_path(std::string_view path) {
  const auto decoded = percent_decoded(path);
  if (!decoded) return "a percent sign in the path has no two hexadecimal digits behind it";
  if (std::ranges::any_of(*decoded, [](unsigned char c) { return c < 0x20 || c == 0x7F; })) {
    return "there is a control character in the path";
  }
  // Encoded dots too: %2e%2e is the same segment to whoever decodes first.
  if (std::ranges::any_of(split(*decoded, '/'), is_dot_segment)) return "the path has a segment of dots";
  if (!is_valid_utf8(*decoded)) return "the path is not UTF-8";
  return std::nullopt;
}

}  // namespace

struct RequestReader::Parser final : beast::http::basic_parser<true> {
  State state = State::wants_head;
  Request request;
  Refusal refusal;
  std::string rest;  // fed and not used yet
  BodyRules rules;
  std::optional<Inflater> inflater;
  BodyBudget::Share share;
  std::size_t taken = 0;  // of a body that is discarded
  std::size_t head_bytes = 0;
  unsigned hosts = 0, lengths = 0, codings = 0;
  bool http_1_0 = false;
  bool expects_continue = false;

  Parser() {
    header_limit(kHeadCap);
    body_limit(boost::none);
    eager(false);
  }

  void refuse(unsigned status, std::string what, error_code& error) {
    refusal = {status, std::move(what)};
    error = beast::http::make_error_code(beast::http::error::bad_value);
  }

  void on_request_impl(beast::http::verb verb, beast::string_view method, beast::string_view target, int version,
                       error_code& error) override {
    http_1_0 = version == 10;
    request.target = view(target);
    head_bytes += request.target.size();
    const auto known = method_of(verb);
    if (!known) return refuse(501, "the method " + std::string(view(method)) + " is not known here", error);
    request.method = *known;
    split_target(error);
  }

  void split_target(error_code& error) {
    std::string_view target = request.target;
    // Absolute form, as a proxy may send it.
    for (const std::string_view scheme : {"http://", "https://"}) {
      if (!target.starts_with(scheme)) continue;
      const auto slash = target.find('/', scheme.size());
      target = slash == std::string_view::npos ? "/" : target.substr(slash);
    }
    if (!target.starts_with('/')) return refuse(400, "the request's target is not a path", error);
    if (target.find('#') != std::string_view::npos) return refuse(400, "there is a fragment in the target", error);
    const auto question = target.find('?');
    const auto path = target.substr(0, question);
    if (auto fault = fault_of_path(path)) return refuse(400, *std::move(fault), error);
    request.path = path;
    if (question != std::string_view::npos) request.query = target.substr(question + 1);
  }

  void on_field_impl(beast::http::field field, beast::string_view name, beast::string_view value,
                     error_code& error) override {
    head_bytes += name.size() + value.size() + 4;
    // Beast's limit is of what is buffered at a time, not of the whole.
    if (head_bytes > kHeadCap) return refuse(431, "the request's head is larger than 16 KiB", error);
    if (state != State::wants_head) return;  // a trailer: of no use to anyone here
    if (request.headers.size() == kHeaders) return refuse(431, "the request has more than 100 headers", error);
    if (field == beast::http::field::host) ++hosts;
    if (field == beast::http::field::content_length) ++lengths;
    if (field == beast::http::field::transfer_encoding) {
      ++codings;
      if (!equal_ignoring_case(view(value), "chunked")) {
        return refuse(501, "of the transfer codings only chunked is known here", error);
      }
    }
    request.headers.emplace_back(to_lower(view(name)), view(value));
  }

  void on_header_impl(error_code& error) override {
    if (hosts > 1 || (hosts == 0 && !http_1_0)) return refuse(400, "a request has one Host header", error);
    if (lengths + codings > 1) {
      return refuse(400, "a request has one Content-Length or one Transfer-Encoding", error);
    }
    if (codings > 0 && http_1_0) return refuse(400, "HTTP/1.0 has no Transfer-Encoding", error);
    const auto expectation = http_1_0 ? std::string_view() : request.header("expect");
    expects_continue = equal_ignoring_case(expectation, "100-continue");
    if (!expectation.empty() && !expects_continue)
      return refuse(417, "of expectations only 100-continue is known", error);
  }

  void on_response_impl(int, beast::string_view, int, error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) override {
    if (length && !rules.discard && !inflater) request.body.reserve(std::min<std::size_t>(*length, kReservedAtOnce));
  }
  std::size_t on_body_impl(beast::string_view piece, error_code& error) override {
    take_packed(view(piece), error);
    return piece.size();
  }
  void on_chunk_header_impl(std::uint64_t size, beast::string_view, error_code& error) override {
    if (size > rules.cap) refuse_size(error);
  }
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view piece, error_code& error) override {
    take_packed(view(piece), error);
    return piece.size();
  }
  void on_finish_impl(error_code& error) override {
    if (inflater && !inflater->whole()) refuse(400, "the body's gzip ends before its end", error);
  }

  void take_packed(std::string_view piece, error_code& error) {
    taken += piece.size();
    if (taken > rules.cap) return refuse_size(error);
    if (rules.discard) return;
    if (!inflater) {
      append(piece, error);
      return;
    }
    const auto outcome = inflater->feed(piece, [&](std::string_view unpacked) { return append(unpacked, error); });
    if (outcome == Inflater::Outcome::malformed) refuse(400, "the body is no gzip", error);
  }

  bool append(std::string_view piece, error_code& error) {
    if (request.body.size() + piece.size() > rules.cap) {
      refuse_size(error);
    } else if (!share.grow(piece.size())) {
      refuse(503, "the server reads as many bodies as it has memory for; try again later", error);
    } else {
      request.body.append(piece);
    }
    return !error;
  }

  void refuse_size(error_code& error) {
    refuse(413, "the body is larger than the " + std::to_string(rules.cap) + " bytes that are taken here", error);
  }

  // How many bytes Beast may be given. Its reader of a last chunk takes it amiss to be asked again with less than the
  // shortest there is, "0\r\n\r\n"; with less there is never an end.
  std::size_t least() const { return state == State::wants_body && chunked() ? 5 : 1; }

  // Reads what of `bytes` it can; returns how many.
  std::size_t read(std::string_view bytes) {
    std::size_t used = 0;
    while (state == State::wants_head || state == State::wants_body) {
      if (!got_some()) {  // RFC 9112, 2.2: an empty line before a request is none
        while (bytes.substr(used).starts_with("\r\n")) used += 2;
      }
      if (bytes.size() - used < least()) break;
      error_code error;
      used += put(boost::asio::buffer(bytes.data() + used, bytes.size() - used), error);
      if (error == beast::http::error::need_more) break;
      if (error) {
        if (refusal.what.empty()) refusal = refusal_of(error);
        state = State::refused;
      } else if (state == State::wants_head && is_header_done()) {
        state = State::has_head;
      } else if (is_done()) {
        state = State::complete;
      }
    }
    return used;
  }
};

RequestReader::RequestReader() : parser_(std::make_unique<Parser>()) {}
RequestReader::~RequestReader() = default;

RequestReader::State RequestReader::feed(std::string_view bytes) {
  auto& rest = parser_->rest;
  if (rest.empty()) {
    rest.assign(bytes.substr(parser_->read(bytes)));
  } else {
    rest.append(bytes);
    rest.erase(0, parser_->read(rest));
  }
  // What a body leaves unused is the line before a chunk, or trailers.
  if (parser_->state == State::wants_body && rest.size() > kHeadCap) {
    parser_->refusal = {400, "malformed request: a chunk's head or the trailers are larger than 16 KiB"};
    parser_->state = State::refused;
  }
  return parser_->state;
}

RequestReader::State RequestReader::expect_body(const BodyRules& rules, BodyBudget& budget) {
  auto& parser = *parser_;
  parser.rules = rules;
  parser.share = BodyBudget::Share(budget);
  if (parser.is_done()) return parser.state = State::complete;
  error_code error;
  if (const auto length = parser.content_length(); length && *length > rules.cap) parser.refuse_size(error);
  if (const auto coding = parser.request.header("content-encoding"); !rules.discard && !coding.empty() && !error) {
    const bool gzip = equal_ignoring_case(coding, "gzip") || equal_ignoring_case(coding, "x-gzip");
    if (gzip && rules.gzip) {
      parser.inflater.emplace();
    } else if (!equal_ignoring_case(coding, "identity")) {
      parser.refuse(415, "a body with this Content-Encoding is not taken here", error);
    }
  }
  if (error) return parser.state = State::refused;
  parser.state = State::wants_body;
  parser.eager(true);
  return feed({});
}

Request& RequestReader::request() noexcept { return parser_->request; }
const Refusal& RequestReader::refusal() const noexcept { return parser_->refusal; }
bool RequestReader::keep_alive() const { return parser_->keep_alive(); }
bool RequestReader::http_1_0() const { return parser_->http_1_0; }
bool RequestReader::expects_continue() const { return parser_->expects_continue; }

std::size_t RequestReader::unread_body() const {
  if (parser_->is_done()) return 0;
  return parser_->content_length_remaining().value_or(SIZE_MAX);
}

std::string RequestReader::take_rest() { return std::move(parser_->rest); }
BodyBudget::Share RequestReader::take_share() { return std::move(parser_->share); }

}  // namespace osprey::server::http
