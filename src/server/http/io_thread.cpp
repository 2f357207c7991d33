#include "server/http/io_thread.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>
#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <exception>
#include <list>
#include <thread>
#include <utility>

namespace osprey::server::http {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using boost::system::error_code;

constexpr auto kSweep = 250ms;
constexpr auto kHandshakeGrace = 1s;  // before a newer connection may take an unfinished one's place
constexpr int kAcceptsATurn = 64;
constexpr std::size_t kLettersATurn = 256;
constexpr auto kTrimEvery = 10s;
constexpr std::uint64_t kTrimAfter = 1000;  // connections closed

using Descriptor = asio::posix::basic_stream_descriptor<asio::io_context::executor_type>;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                                         asio::io_context::executor_type>;

std::string numeric_address(const sockaddr_storage& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, text.data(), text.size());
    return text.data();
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&v6)) {
    ::inet_ntop(AF_INET, &v6.s6_addr[12], text.data(), text.size());
  } else {
    ::inet_ntop(AF_INET6, &v6, text.data(), text.size());
  }
  return text.data();
}

std::string date_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts)};
}

}  // namespace

class IoThread::Loop {
 public:
  Loop(Shared& shared, UniqueFd listening, std::size_t connections)
      : shared_(shared),
        limit_(connections),
        listening_(io_.get_executor(), listening.release()),
        timer_(io_.get_executor()) {
    here_.mailbox = std::make_shared<Mailbox>([this] { asio::post(io_, [this] { read_mail(); }); });
    here_.now = std::chrono::steady_clock::now();
    here_.date = date_now();
    keep_spare();
    thread_ = std::jthread([this] { run(); });
  }

  void wind_down() {
    asio::post(io_, [this] { end_listening(); });
  }

  void finish() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
    for (auto* group : {&handshaking_, &idle_, &active_, &closed_}) group->clear();
    here_.mailbox->close();
  }

 private:
  struct Slot : Connection {
    Slot(Shared& shared, ThreadShared& here, asio::io_context& io, int fd, std::string peer)
        : Connection(shared, here, fd, std::move(peer)), socket(io.get_executor(), fd) {}
    Descriptor socket;
    bool reading = false, writing = false, has_turn = false;
    std::list<Slot>* group = nullptr;
    std::list<Slot>::iterator place;
  };
  using Group = std::list<Slot>;

  void run() {
    ::pthread_setname_np(::pthread_self(), "listener");
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);  // OpenSSL writes by write(2)
    ::pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    here_.mailbox->belongs_to_this_thread();
    wait_for_connections();
    sweep_later();
    io_.run();
  }

  // --- connections ---

  void on_event(Slot& slot) {
    here_.now = std::chrono::steady_clock::now();
    go_on(slot, [] {});
  }

  // After `change` to it. Nothing may touch the slot afterwards.
  void go_on(Slot& slot, auto&& change) {
    try {
      change();
      slot.advance();
    } catch (const std::exception& e) {
      report(std::string("a connection was closed: ") + e.what());
      slot.close();
    }
    settle(slot);
  }

  void settle(Slot& slot) {
    if (slot.stage() == Connection::Stage::closed) {
      if (slot.socket.is_open()) slot.socket.close();
      move(slot, closed_);
      if (!slot.reading && !slot.writing && !slot.has_turn) closed_.erase(slot.place);
    } else {
      move(slot, group_of(slot.stage()));
      arm(slot);
    }
    if (paused_ && handshaking_.size() < shared_.options.handshakes) accept_later();
  }

  Group& group_of(Connection::Stage stage) {
    switch (stage) {
      case Connection::Stage::silent:
      case Connection::Stage::handshake:
        return handshaking_;
      case Connection::Stage::idle:
        return idle_;
      default:
        return active_;
    }
  }

  // To the end of `group`: groups are in the order of since(). An unfinished handshake keeps its place.
  void move(Slot& slot, Group& group) {
    if (slot.group == &group && &group != &idle_) return;
    group.splice(group.end(), *slot.group, slot.place);
    slot.group = &group;
  }

  void arm(Slot& slot) {
    const auto wants = slot.wants();
    if (wants.read && !slot.reading) {
      slot.reading = true;
      slot.socket.async_wait(Descriptor::wait_read, [this, &slot](error_code) {
        slot.reading = false;
        on_event(slot);
      });
    }
    if (wants.write && !slot.writing) {
      slot.writing = true;
      slot.socket.async_wait(Descriptor::wait_write, [this, &slot](error_code) {
        slot.writing = false;
        on_event(slot);
      });
    }
    if (wants.turn && !slot.has_turn) {
      slot.has_turn = true;
      asio::post(io_, [this, &slot] {
        slot.has_turn = false;
        on_event(slot);
      });
    }
  }

  // --- accepting ---

  void wait_for_connections() {
    listening_.async_wait(Descriptor::wait_read, [this](error_code error) {
      if (!error) accept();
    });
  }

  void accept_later() {
    paused_ = false;
    asio::post(io_, [this] { accept(); });
  }

  void accept() {
    here_.now = std::chrono::steady_clock::now();
    for (int i = 0; i < kAcceptsATurn && listening_.is_open(); ++i) {
      if (!has_room_to_shake_hands()) {
        paused_ = true;  // until one is done, or the sweep
        return;
      }
      sockaddr_storage address{};
      socklen_t size = sizeof address;
      UniqueFd fd(::accept4(listening_.native_handle(), reinterpret_cast<sockaddr*>(&address), &size,
                            SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!fd) {
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno == EAGAIN) break;
        if (errno == EMFILE && spare_) {
          if (refuse_without_descriptor()) continue;
          break;  // nobody waits
        }
        report(system_failure("no connection can be taken").error().text());
        paused_ = true;
        return;
      }
      open(std::move(fd), numeric_address(address));
    }
    if (listening_.is_open()) wait_for_connections();
  }

  bool has_room_to_shake_hands() {
    if (handshaking_.empty() || handshaking_.size() < shared_.options.handshakes) return true;
    auto& oldest = handshaking_.front();
    if (here_.now - oldest.since() < kHandshakeGrace) return false;
    expire(oldest);
    return true;
  }

  void open(UniqueFd fd, std::string peer) {
    ++shared_.counts.accepted;
    if (static_cast<std::size_t>(shared_.counts.connections) >= limit_ && !drop_idle()) {
      ++shared_.counts.refused;
      return;
    }
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    auto& group = shared_.uses_tls ? handshaking_ : idle_;
    Slot& slot = group.emplace_back(shared_, here_, io_, fd.get(), std::move(peer));
    static_cast<void>(fd.release());
    slot.group = &group;
    slot.place = std::prev(group.end());
    arm(slot);
  }

  // The one that has been idle for longest makes place.
  bool drop_idle() {
    if (idle_.empty() || here_.now - idle_.front().since() < shared_.options.yield_time) return false;
    expire(idle_.front());
    return true;
  }

  // At EMFILE who waits is told so by an end, not left waiting.
  bool refuse_without_descriptor() {
    spare_.reset();
    UniqueFd refused(::accept4(listening_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC));
    const bool was_there = static_cast<bool>(refused);
    if (was_there) {
      ++shared_.counts.refused;
      report("no descriptor is left for a connection");
    }
    refused.reset();
    keep_spare();
    return was_there;
  }

  void keep_spare() {
    if (!spare_) spare_.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  }

  void report(std::string what) {
    if (!shared_.options.log || here_.now < quiet_until_) return;
    quiet_until_ = here_.now + 60s;
    shared_.options.log(std::move(what));
  }

  // --- mail ---

  void read_mail() {
    here_.now = std::chrono::steady_clock::now();
    if (letters_.empty()) letters_ = here_.mailbox->take();
    const auto until = std::min(letters_.size(), next_letter_ + kLettersATurn);
    for (; next_letter_ < until; ++next_letter_) {
      auto letter = std::move(letters_[next_letter_]);
      auto* connection = letter.exchange->connection;
      if (connection == nullptr) {
        if (letter.stream) letter.stream->gone();
        continue;
      }
      go_on(static_cast<Slot&>(*connection), [&] { connection->deliver(std::move(letter)); });
    }
    if (next_letter_ < letters_.size()) return asio::post(io_, [this] { read_mail(); });
    letters_ = {};
    next_letter_ = 0;
  }

  // --- time ---

  void sweep_later() {
    timer_.expires_after(kSweep);
    timer_.async_wait([this](error_code error) {
      if (error) return;
      sweep();
      sweep_later();
    });
  }

  void sweep() {
    here_.now = std::chrono::steady_clock::now();
    here_.date = date_now();
    for (auto* group : {&handshaking_, &idle_}) {
      while (!group->empty() && group->front().deadline() <= here_.now) expire(group->front());
    }
    for (auto slot = active_.begin(); slot != active_.end();) {
      auto& current = *slot++;
      if (current.deadline() <= here_.now) expire(current);
    }
    keep_spare();
    if (paused_) accept_later();
    give_memory_back();
  }

  void expire(Slot& slot) {
    go_on(slot, [&] { slot.expire(); });
  }

  // After many connections have gone: glibc keeps what they had.
  void give_memory_back() {
    if (here_.now < next_trim_) return;
    next_trim_ = here_.now + kTrimEvery;
    const auto& counts = shared_.counts;
    const auto closed = counts.accepted - static_cast<std::uint64_t>(counts.connections);
    if (closed < trimmed_at_ + kTrimAfter) return;
    trimmed_at_ = closed;
    shared_.workers->post([] { ::malloc_trim(0); });
  }

  void end_listening() {
    here_.now = std::chrono::steady_clock::now();
    if (listening_.is_open()) listening_.close();
    paused_ = false;
    for (auto* group : {&handshaking_, &idle_, &active_}) {
      for (auto slot = group->begin(); slot != group->end();) {
        auto& current = *slot++;
        go_on(current, [&] { current.wind_down(); });
      }
    }
  }

  Shared& shared_;
  const std::size_t limit_;
  asio::io_context io_{1};
  ThreadShared here_;
  Descriptor listening_;
  UniqueFd spare_;
  Timer timer_;
  Group handshaking_, idle_, active_, closed_;
  std::vector<Letter> letters_;
  std::size_t next_letter_ = 0;
  bool paused_ = false;  // nothing is accepted for now
  TimePoint quiet_until_;
  TimePoint next_trim_;
  std::uint64_t trimmed_at_ = 0;
  std::jthread thread_;
};

IoThread::IoThread(Shared& shared, UniqueFd listening, std::size_t connections)
    : loop_(std::make_unique<Loop>(shared, std::move(listening), connections)) {}
IoThread::~IoThread() { finish(); }
void IoThread::wind_down() { loop_->wind_down(); }
void IoThread::finish() { loop_->finish(); }

}  // namespace osprey::server::http
