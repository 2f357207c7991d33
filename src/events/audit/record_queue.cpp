#include "events/audit/record_queue.h"

#include <linux/audit.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <vector>

#include "linux/sandbox/capabilities.h"

namespace osprey::events::audit {
namespace {

constexpr std::size_t kDatagrams = 32;
// MAX_AUDIT_MESSAGE_LENGTH of the kernel, 8970, and its header.
constexpr std::size_t kDatagramSize = 9216;
// Between two looks at a socket that has records: nobody is woken for each of them.
constexpr std::chrono::milliseconds kPause{10};
constexpr std::chrono::milliseconds kIdle{1000};
constexpr std::size_t kHeaderSize = sizeof(std::uint16_t) + sizeof(std::uint32_t);
constexpr std::size_t kLargestSpare = 4 << 20;

// Room for one call of recvmmsg(2).
struct Datagrams {
  std::vector<char> bytes = std::vector<char>(kDatagrams * kDatagramSize);
  std::array<iovec, kDatagrams> places{};
  std::array<sockaddr_nl, kDatagrams> senders{};
  std::array<mmsghdr, kDatagrams> headers{};

  void prepare() {
    for (std::size_t i = 0; i < kDatagrams; ++i) {
      places[i] = {bytes.data() + i * kDatagramSize, kDatagramSize};
      headers[i] = {};
      headers[i].msg_hdr.msg_iov = &places[i];
      headers[i].msg_hdr.msg_iovlen = 1;
      headers[i].msg_hdr.msg_name = &senders[i];
      headers[i].msg_hdr.msg_namelen = sizeof senders[i];
    }
  }
};

}  // namespace

void RecordBatch::add(std::uint16_t type, std::string_view text) {
  const auto size = static_cast<std::uint32_t>(text.size());
  bytes_.append(reinterpret_cast<const char*>(&type), sizeof type);
  bytes_.append(reinterpret_cast<const char*>(&size), sizeof size);
  bytes_.append(text);
}

bool RecordBatch::take(std::uint16_t& type, std::string_view& text) noexcept {
  if (bytes_.size() - used_ < kHeaderSize) return false;
  std::uint32_t size = 0;
  std::memcpy(&type, bytes_.data() + used_, sizeof type);
  std::memcpy(&size, bytes_.data() + used_ + sizeof type, sizeof size);
  text = std::string_view(bytes_).substr(used_ + kHeaderSize, size);
  used_ += kHeaderSize + size;
  return true;
}

Result<std::unique_ptr<RecordQueue>> RecordQueue::start(int socket, std::size_t room) {
  UniqueFd ready(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  UniqueFd stop(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!ready || !stop) return system_failure("eventfd");
  std::unique_ptr<RecordQueue> queue(new RecordQueue(socket, room, std::move(ready), std::move(stop)));
  queue->thread_ = linux::thread_with_only({}, "audit", [raw = queue.get()] { raw->read(); });
  return queue;
}

RecordQueue::~RecordQueue() {
  const std::uint64_t one = 1;
  static_cast<void>(::write(stop_.get(), &one, sizeof one));
  if (thread_.joinable()) thread_.join();
}

void RecordQueue::signal() noexcept {
  const std::uint64_t one = 1;
  static_cast<void>(::write(ready_.get(), &one, sizeof one));
}

void RecordQueue::read() {
  Datagrams datagrams;
  bool pause = false;
  for (;;) {
    std::array<pollfd, 2> watched{pollfd{stop_.get(), POLLIN, 0}, pollfd{socket_, POLLIN, 0}};
    const auto wait = static_cast<int>((pause ? kPause : kIdle).count());
    const int ready = ::poll(watched.data(), pause ? 1 : 2, wait);
    if (watched[0].revents) return;
    if (ready == 0 && !pause) signal();  // what is unfinished may be old enough by now
    pause = false;
    for (;;) {
      datagrams.prepare();
      const int got = ::recvmmsg(socket_, datagrams.headers.data(), kDatagrams, MSG_DONTWAIT, nullptr);
      if (got < 0 && errno == ENOBUFS) {
        congested_.fetch_add(1, std::memory_order_relaxed);
        continue;
      }
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) break;
      if (got <= 0) {
        failed_ = got < 0 ? errno : EPIPE;
        signal();
        return;
      }
      {
        const std::lock_guard lock(mutex_);
        for (int i = 0; i < got; ++i) {
          const auto& header = datagrams.headers[static_cast<std::size_t>(i)];
          if (header.msg_len < sizeof(nlmsghdr) || datagrams.senders[static_cast<std::size_t>(i)].nl_pid != 0) continue;
          const char* bytes = datagrams.bytes.data() + static_cast<std::size_t>(i) * kDatagramSize;
          nlmsghdr about{};
          std::memcpy(&about, bytes, sizeof about);
          // Answers, and the question whether we still have the seat.
          if (about.nlmsg_type < AUDIT_FIRST_USER_MSG || about.nlmsg_type == AUDIT_REPLACE) continue;
          // The datagram's own length holds: nlmsg_len leaves the header out in what the seat's holder gets.
          const std::string_view text(bytes + sizeof about, header.msg_len - sizeof about);
          if (filled_.size() + text.size() > room_) {
            full_.fetch_add(1, std::memory_order_relaxed);
            continue;
          }
          filled_.add(about.nlmsg_type, text);
          records_.fetch_add(1, std::memory_order_relaxed);
          bytes_.fetch_add(text.size(), std::memory_order_relaxed);
        }
      }
      pause = true;
      signal();
      if (got < static_cast<int>(kDatagrams)) break;
    }
  }
}

RecordBatch RecordQueue::take() {
  std::uint64_t count = 0;
  static_cast<void>(::read(ready_.get(), &count, sizeof count));
  const std::lock_guard lock(mutex_);
  auto batch = std::move(filled_);
  filled_ = std::move(spare_);
  filled_.clear();
  spare_ = {};
  return batch;
}

void RecordQueue::recycle(RecordBatch batch) {
  if (batch.size() > kLargestSpare) return;
  batch.clear();
  const std::lock_guard lock(mutex_);
  spare_ = std::move(batch);
}

RecordQueue::Counts RecordQueue::counts() const noexcept {
  return {.records = records_.load(std::memory_order_relaxed),
          .bytes = bytes_.load(std::memory_order_relaxed),
          .full = full_.load(std::memory_order_relaxed),
          .congested = congested_.load(std::memory_order_relaxed)};
}

}  // namespace osprey::events::audit
