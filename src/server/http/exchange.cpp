#include "server/http/exchange.h"

#include <utility>

#include "server/http/connection.h"

namespace osprey::server::http {

bool Mailbox::post(Letter letter) {
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  letters_.push_back(std::move(letter));
  if (letters_.size() == 1) wake_();
  return true;
}

std::vector<Letter> Mailbox::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(letters_, {});
}

void Mailbox::close() {
  std::vector<Letter> unread;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    unread.swap(letters_);
  }
  for (const auto& letter : unread) {
    if (letter.stream) letter.stream->gone();
  }
}

bool StreamState::write(std::string piece, bool& tell) {
  const std::lock_guard lock(mutex_);
  if (gone_ || finished_ || aborted_) return false;
  if (queued_.empty()) {
    queued_ = std::move(piece);
  } else {
    queued_ += piece;
  }
  aborted_ = queued_.size() + being_sent_ > kMost;
  tell = !std::exchange(told_, true) || aborted_;
  return !aborted_;
}

bool StreamState::finish() {
  const std::lock_guard lock(mutex_);
  finished_ = true;
  return !gone_ && !std::exchange(told_, true);
}

bool StreamState::abort() {
  const std::lock_guard lock(mutex_);
  if (finished_ || gone_) return false;
  aborted_ = told_ = true;
  return true;
}

bool StreamState::aborted() const {
  const std::lock_guard lock(mutex_);
  return aborted_;
}

std::size_t StreamState::unsent() const {
  const std::lock_guard lock(mutex_);
  return queued_.size() + being_sent_;
}

void StreamState::when_drained(std::function<void()> go_on) {
  {
    const std::lock_guard lock(mutex_);
    if (!gone_ && queued_.size() + being_sent_ > kDrained) {
      waiting_.push_back(std::move(go_on));
      return;
    }
  }
  workers_->post(std::move(go_on));
}

StreamState::Next StreamState::next() {
  Next next;
  Waiting waiting;
  {
    const std::lock_guard lock(mutex_);
    told_ = false;
    being_sent_ = queued_.size();
    if (being_sent_ <= kDrained) waiting.swap(waiting_);
    next = {.bytes = std::exchange(queued_, {}), .finished = finished_};
  }
  call(std::move(waiting));
  return next;
}

void StreamState::gone() {
  Waiting waiting;
  {
    const std::lock_guard lock(mutex_);
    gone_ = true;
    being_sent_ = 0;
    queued_ = {};
    waiting.swap(waiting_);
  }
  call(std::move(waiting));
}

void StreamState::call(Waiting waiting) {
  for (auto& go_on : waiting) workers_->post(std::move(go_on));
}

bool Exchange::say(Letter letter) {
  letter.exchange = shared_from_this();
  if (mailbox_->is_this_thread() && in_handler) {
    if (connection == nullptr) return false;
    connection->deliver(std::move(letter));
    return true;
  }
  return mailbox_->post(std::move(letter));
}

namespace {

Letter letter(Letter::Kind kind, Response response = {}) {
  Letter letter;
  letter.kind = kind;
  letter.response = std::move(response);
  return letter;
}

class StreamLink final : public BodyStream::Link {
 public:
  StreamLink(std::shared_ptr<Exchange> exchange, std::shared_ptr<StreamState> state)
      : exchange_(std::move(exchange)), state_(std::move(state)) {}
  StreamLink(const StreamLink&) = delete;
  StreamLink& operator=(const StreamLink&) = delete;
  ~StreamLink() override {
    if (state_->abort()) exchange_->say(letter(Letter::Kind::go_on));
  }
  bool write(std::string piece) override {
    if (piece.empty()) return true;
    bool tell = false;
    const bool wanted = state_->write(std::move(piece), tell);
    if (tell) exchange_->say(letter(Letter::Kind::go_on));
    return wanted;
  }
  std::size_t unsent() const override { return state_->unsent(); }
  void when_drained(std::function<void()> go_on) override { state_->when_drained(std::move(go_on)); }
  void finish() override {
    if (state_->finish()) exchange_->say(letter(Letter::Kind::go_on));
  }

 private:
  std::shared_ptr<Exchange> exchange_;
  std::shared_ptr<StreamState> state_;
};

}  // namespace

class ResponderLink final : public Responder::Link {
 public:
  explicit ResponderLink(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}
  ResponderLink(const ResponderLink&) = delete;
  ResponderLink& operator=(const ResponderLink&) = delete;
  ~ResponderLink() override {
    if (exchange_->claim()) exchange_->say(letter(Letter::Kind::abandoned));
  }
  bool send(Response response) override {
    return exchange_->claim() && exchange_->say(letter(Letter::Kind::answer, std::move(response)));
  }
  BodyStream stream(Response head) override {
    auto stream = std::make_shared<StreamState>(exchange_->workers_);
    auto opening = letter(Letter::Kind::stream, std::move(head));
    opening.stream = stream;
    if (!exchange_->claim() || !exchange_->say(std::move(opening))) stream->gone();
    return BodyStream(std::make_shared<StreamLink>(exchange_, std::move(stream)));
  }
  void park(std::chrono::steady_clock::time_point deadline, Response at_deadline) override {
    auto parking = letter(Letter::Kind::park, std::move(at_deadline));
    parking.deadline = deadline;
    if (open()) exchange_->say(std::move(parking));
  }
  bool open() const override { return exchange_->open(); }

 private:
  std::shared_ptr<Exchange> exchange_;
};

std::unique_ptr<Responder::Link> Exchange::responder() { return std::make_unique<ResponderLink>(shared_from_this()); }

}  // namespace osprey::server::http
