#include "server/http/connection.h"

#include <sys/socket.h>
#include <array>
#include <charconv>

#include <exception>
#include <utility>

#include "server/http/answer.h"

namespace osprey::server::http {
namespace {

using namespace std::chrono_literals;

constexpr int kStepsATurn = 64;                     // then other connections have theirs
constexpr int kWritesATurn = 32;                    // of 16 KiB
constexpr std::size_t kWrittenWithHead = 16 << 10;  // bodies up to this go into one record with their head
constexpr std::size_t kReadAhead = 64 << 10;        // of later requests, while one is parked
constexpr std::size_t kReadToRefuse = 64 << 10;     // a refused body up to this is read, so that the connection stays
constexpr std::size_t kTakenAtLeast = 16 << 10;     // of an answer in write_time
constexpr auto kLinger = 2s;
constexpr auto kLingerWithInput = 10s;  // the peer is still sending what nobody wants

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr std::string_view kLastChunk = "0\r\n\r\n";

std::string chunk(std::string_view bytes) {
  std::array<char, 16> size;
  const auto end = std::to_chars(size.data(), size.data() + size.size(), bytes.size(), 16).ptr;
  std::string text;
  text.reserve(bytes.size() + size.size() + 4);
  return text.append(size.data(), end).append("\r\n").append(bytes).append("\r\n");
}

// All values of X-Forwarded-For as one list.
std::string forwarded_for(const RequestHead& head) {
  std::string all;
  for (const auto& [name, value] : head.headers) {
    if (name == "x-forwarded-for") all.append(all.empty() ? "" : ",").append(value);
  }
  return all;
}

void call(const Shared& shared, const Route& route, Request request, Responder responder) {
  try {
    route.handle(std::move(request), std::move(responder));
  } catch (const std::exception& e) {
    if (shared.options.log) shared.options.log(route.pattern + ": the handler threw: " + e.what());
  }
}

}  // namespace

Connection::Connection(Shared& shared, ThreadShared& thread, int socket, std::string peer)
    : shared_(shared), thread_(thread), transport_(socket), socket_(socket), peer_(std::move(peer)) {
  ++shared_.counts.connections;
  if (shared_.uses_tls) {
    enter(Stage::silent, shared_.options.handshake_time);
  } else {
    enter(Stage::idle, shared_.options.idle_time);
  }
  wants_.read = true;
}

void Connection::advance() {
  wants_ = {};
  for (int step = 0; step < kStepsATurn; ++step) {
    bool goes_on = false;
    switch (stage_) {
      case Stage::silent:
        transport_.secure(shared_.tls.open());
        stage_ = Stage::handshake;
        goes_on = true;
        break;
      case Stage::handshake:
        goes_on = shake_hands();
        break;
      case Stage::idle:
      case Stage::request:
        goes_on = read_request();
        break;
      case Stage::parked:
        goes_on = watch();
        break;
      case Stage::answering:
        goes_on = flush() && after_answer();
        break;
      case Stage::streaming:
        goes_on = go_on_streaming();
        break;
      case Stage::lingering:
        goes_on = linger();
        break;
      case Stage::working:
      case Stage::closed:
        break;
    }
    if (!goes_on) return;
  }
  wants_.turn = true;
}

bool Connection::waits(Io io) {
  wants_.read |= io == Io::wants_read;
  wants_.write |= io == Io::wants_write;
  const bool waits = io == Io::wants_read || io == Io::wants_write;
  if (!waits) close();
  return waits;
}

bool Connection::shake_hands() {
  if (const Io io = transport_.handshake(); io != Io::done) {
    if (!waits(io)) ++shared_.counts.handshake_failures;
    return false;
  }
  ++shared_.counts.handshakes;
  if (transport_.resumed()) ++shared_.counts.resumed;
  if (shared_.options.client_certificates != ClientCertificates::none) {
    client_certificate_ = transport_.peer_subject();
  }
  enter(Stage::idle, shared_.options.idle_time);
  return true;
}

bool Connection::read_some(std::string_view& bytes) {
  const auto outcome = transport_.read(thread_.scratch);
  if (outcome.io != Io::done) {
    waits(outcome.io);
    return false;
  }
  shared_.counts.bytes_in += outcome.bytes;
  bytes = {thread_.scratch.data(), outcome.bytes};
  return true;
}

bool Connection::read_request() {
  const std::string ahead = std::exchange(ahead_, {});
  std::string_view bytes = ahead;
  if (ahead.empty() && !read_some(bytes)) {
    // A part of a TLS record: from here on the peer has as little time as with a part of a head.
    if (stage_ == Stage::idle && transport_.buffered()) begin_request();
    return false;
  }
  if (!reader_) begin_request();
  take(reader_->feed(bytes));
  return true;
}

void Connection::begin_request() {
  reader_ = std::make_unique<RequestReader>();
  keep_alive_ = true;
  http_1_0_ = head_only_ = false;
  enter(Stage::request, shared_.options.head_time);
}

void Connection::take(RequestReader::State state) {
  switch (state) {
    case RequestReader::State::wants_head:
    case RequestReader::State::wants_body:
      break;
    case RequestReader::State::has_head:
      begin_body();
      break;
    case RequestReader::State::complete:
      if (refusal_) {
        ahead_ = reader_->take_rest();
        answer(std::move(*refusal_));
      } else {
        dispatch();
      }
      break;
    case RequestReader::State::refused:
      refuse(reader_->refusal().status, reader_->refusal().what);
      break;
  }
}

void Connection::begin_body() {
  Request& request = reader_->request();
  keep_alive_ = reader_->keep_alive();
  http_1_0_ = reader_->http_1_0();
  head_only_ = request.method == Method::head;
  request.tls = transport_.is_secure();
  request.client_certificate = client_certificate_;
  request.peer = shared_.balancers.client(peer_, forwarded_for(request));

  auto match = shared_.router.find(request.method, request.path);
  if (!match) return decline(std::move(match.error()));
  const Route& route = *match->route;
  if (route.admit) {
    if (auto refusal = route.admit(request)) return decline(*std::move(refusal));
  }
  request.parameters = std::move(match->parameters);
  route_ = &route;
  enter(Stage::request, shared_.options.body_time);
  const auto state =
      reader_->expect_body({.cap = route.body_cap, .gzip = route.gzip_body, .discard = false}, shared_.budget);
  if (state == RequestReader::State::wants_body && reader_->expects_continue()) {
    // The peer waits, so the socket has room for these few bytes.
    if (transport_.write(kContinue).bytes != kContinue.size()) return close();
  }
  take(state);
}

void Connection::decline(Response response) {
  const auto unread = reader_->unread_body();
  if (unread == 0) {
    ahead_ = reader_->take_rest();
    return answer(std::move(response));
  }
  if (unread > kReadToRefuse || reader_->expects_continue()) {
    unread_input_ = true;
    response.close = true;
    return answer(std::move(response));
  }
  refusal_ = std::make_unique<Response>(std::move(response));
  enter(Stage::request, shared_.options.body_time);
  take(reader_->expect_body({.cap = kReadToRefuse, .gzip = false, .discard = true}, shared_.budget));
}

void Connection::dispatch() {
  Request request = std::move(reader_->request());
  auto share = reader_->take_share();
  ahead_ = reader_->take_rest();
  reader_.reset();
  const Route& route = *route_;
  exchange_ = std::make_shared<Exchange>(thread_.mailbox, shared_.workers, *this, request.method, request.path);
  enter(Stage::working);
  if (route.runs == Runs::on_listener) {
    const auto exchange = exchange_;
    exchange->in_handler = true;
    call(shared_, route, std::move(request), Responder(exchange->responder()));
    exchange->in_handler = false;
    return;
  }
  WorkerPool::Job job = [&shared = shared_, &route, request = std::move(request), share = std::move(share),
                         responder = Responder(exchange_->responder())]() mutable {
    --shared.counts.queued;
    call(shared, route, std::move(request), std::move(responder));
  };
  ++shared_.counts.queued;
  if (shared_.workers->try_post(job)) return;
  --shared_.counts.queued;
  exchange_->claim();
  answer(error_of(*exchange_, 503, "more requests wait than the server can take; try again later"));
}

Response Connection::error_of(const Exchange& exchange, unsigned status, std::string what) const {
  RequestHead head;
  head.method = exchange.method;
  head.target = head.path = exchange.path;
  return shared_.router.error(head, status, std::move(what));
}

void Connection::deliver(Letter letter) {
  switch (letter.kind) {
    case Letter::Kind::answer:
      answer(std::move(letter.response));
      break;
    case Letter::Kind::abandoned:
      answer(error_of(*exchange_, 500, "the server could not answer this request"));
      break;
    case Letter::Kind::park:
      at_deadline_ = std::make_unique<Response>(std::move(letter.response));
      enter(Stage::parked);
      deadline_ = letter.deadline;
      if (shared_.stopping) answer_deadline();
      break;
    case Letter::Kind::stream:
      begin_stream(letter.response, std::move(letter.stream));
      break;
    case Letter::Kind::go_on:
      break;
  }
}

// Whoever sends at this moment wins: his letter is on its way.
void Connection::answer_deadline() {
  deadline_ = TimePoint::max();
  if (exchange_->claim()) answer(std::move(*at_deadline_));
}

void Connection::refuse(unsigned status, std::string what) {
  Response response =
      refusal_ ? std::move(*refusal_) : shared_.router.error(reader_->request(), status, std::move(what));
  response.close = true;
  unread_input_ = true;
  answer(std::move(response));
}

void Connection::answer(Response response) {
  begin_answer(response);
  const bool has_body = !head_only_ && response.status != 204 && response.status != 304;
  const std::string_view body = response.shared_body ? *response.shared_body : response.body;
  std::string head = head_text(response, {.length = body.size(),
                                          .chunked = false,
                                          .keep_alive = keep_alive_,
                                          .http_1_0 = http_1_0_,
                                          .date = thread_.date});
  const bool joined = body.size() <= kWrittenWithHead;
  if (has_body && joined) head += body;
  out_.push_back({.own = std::move(head), .shared = nullptr, .sent = 0});
  if (has_body && !joined) out_.push_back({std::move(response.body), std::move(response.shared_body), 0});
  release_exchange();
  enter(Stage::answering, shared_.options.write_time);
}

void Connection::begin_stream(const Response& head, std::shared_ptr<StreamState> stream) {
  if (http_1_0_) keep_alive_ = false;  // its end is the connection's
  begin_answer(head);
  out_.push_back({.own = head_text(head, {.length = std::nullopt,
                                          .chunked = !http_1_0_,
                                          .keep_alive = keep_alive_,
                                          .http_1_0 = http_1_0_,
                                          .date = thread_.date}),
                  .shared = nullptr,
                  .sent = 0});
  if (head_only_) {
    stream->gone();
    release_exchange();
    return enter(Stage::answering, shared_.options.write_time);
  }
  at_deadline_.reset();
  stream_ = std::move(stream);
  enter(Stage::streaming, shared_.options.write_time);
}

void Connection::begin_answer(const Response& response) {
  auto& counts = shared_.counts;
  ++counts.requests;
  if (response.status >= 500) {
    ++counts.errors_5xx;
  } else if (response.status >= 400) {
    ++counts.errors_4xx;
  }
  keep_alive_ = keep_alive_ && !response.close && !shared_.stopping;
  reader_.reset();
  refusal_.reset();
}

bool Connection::flush() {
  int writes = 0;
  while (!out_.empty()) {
    auto& piece = out_.front();
    while (!piece.unsent().empty()) {
      if (++writes > kWritesATurn) {
        wants_.turn = true;
        return false;
      }
      const auto outcome = transport_.write(piece.unsent());
      if (outcome.io != Io::done) {
        if (waits(outcome.io)) untaken_ = transport_.unacknowledged();
        return false;
      }
      shared_.counts.bytes_out += outcome.bytes;
      piece.sent += outcome.bytes;
      deadline_ = thread_.now + shared_.options.write_time;
    }
    out_.erase(out_.begin());
  }
  out_ = {};
  return true;
}

bool Connection::go_on_streaming() {
  if (stream_->aborted()) {
    close();
    return false;
  }
  if (!flush()) return false;
  auto next = stream_->next();
  if (!next.bytes.empty()) {
    if (!http_1_0_) next.bytes = chunk(next.bytes);
    out_.push_back({.own = std::move(next.bytes), .shared = nullptr, .sent = 0});
    deadline_ = thread_.now + shared_.options.write_time;
  }
  if (next.finished) {
    if (!http_1_0_) out_.push_back({.own = std::string(kLastChunk), .shared = nullptr, .sent = 0});
    enter(Stage::answering, shared_.options.write_time);
    return true;
  }
  if (!out_.empty()) return true;
  deadline_ = TimePoint::max();
  return watch();
}

// A peer that goes while it waits for us shows it by an end.
bool Connection::watch() {
  std::string_view bytes;
  if (ahead_.size() >= kReadAhead || !read_some(bytes)) return false;
  ahead_ += bytes;
  return true;
}

bool Connection::linger() {
  const Io io = transport_.drain();
  if (io != Io::done) waits(io);
  return io == Io::done;
}

bool Connection::after_answer() {
  if (stream_) stream_->gone();
  stream_.reset();
  release_exchange();
  if (!keep_alive_) {
    transport_.end_writing();
    enter(Stage::lingering, unread_input_ ? kLingerWithInput : kLinger);
    return true;
  }
  enter(Stage::idle, shared_.options.idle_time);
  if (!ahead_.empty() || transport_.buffered()) return true;
  wants_.read = true;  // without a read that would find nothing
  return false;
}

void Connection::expire() {
  switch (stage_) {
    case Stage::silent:
    case Stage::handshake:
      ++shared_.counts.timeouts;
      ++shared_.counts.handshake_failures;
      close();
      break;
    case Stage::idle:
      transport_.end_writing();
      close();
      break;
    case Stage::request:
      ++shared_.counts.timeouts;
      refuse(408, "the request did not come to its end in time");
      break;
    case Stage::parked:
      answer_deadline();
      break;
    case Stage::answering:
    case Stage::streaming: {
      if (peer_takes_its_answer()) break;
      ++shared_.counts.timeouts;
      // What the kernel still holds for the peer goes, too.
      const struct linger at_once{.l_onoff = 1, .l_linger = 0};
      ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
      close();
      break;
    }
    default:
      close();
  }
}

// The kernel holds megabytes and calls a socket writable only when a third of them is gone.
bool Connection::peer_takes_its_answer() {
  const auto left = transport_.unacknowledged();
  if (left + kTakenAtLeast > untaken_) return false;
  untaken_ = left;
  deadline_ = thread_.now + shared_.options.write_time;
  return true;
}

void Connection::wind_down() {
  switch (stage_) {
    case Stage::silent:
    case Stage::handshake:
    case Stage::idle:
    case Stage::parked:
      expire();
      break;
    default:
      keep_alive_ = false;
  }
}

void Connection::close() {
  if (stage_ == Stage::closed) return;
  release_exchange();
  if (stream_) stream_->gone();
  stream_.reset();
  reader_.reset();
  refusal_.reset();
  out_ = {};
  ahead_ = {};
  transport_ = Transport(-1);
  wants_ = {};
  enter(Stage::closed);
  --shared_.counts.connections;
}

void Connection::release_exchange() {
  at_deadline_.reset();
  if (!exchange_) return;
  exchange_->claim();
  exchange_->connection = nullptr;
  exchange_.reset();
}

void Connection::enter(Stage stage, std::chrono::nanoseconds patience) {
  enter(stage);
  deadline_ = thread_.now + patience;
}

void Connection::enter(Stage stage) {
  const auto gauge = [this](Stage of) -> std::atomic<std::int64_t>* {
    if (of == Stage::parked) return &shared_.counts.parked;
    if (of == Stage::streaming) return &shared_.counts.streams;
    return nullptr;
  };
  if (auto* left = gauge(stage_)) --*left;
  if (auto* entered = gauge(stage)) ++*entered;
  stage_ = stage;
  since_ = thread_.now;
  deadline_ = TimePoint::max();
}

}  // namespace osprey::server::http
