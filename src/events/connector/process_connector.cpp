#include "events/connector/process_connector.h"

#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>

#include <cstddef>
#include <cstring>

#include "linux/netlink/message.h"

namespace osprey::events {
namespace {

using Parts = decltype(proc_event::event_data);
using ForkPart = decltype(Parts::fork);
using ExecPart = decltype(Parts::exec);
using IdPart = decltype(Parts::id);
using ExitPart = decltype(Parts::exit);

// What stands in front of the part that differs by kind.
constexpr std::size_t kHead = offsetof(proc_event, event_data);

template <class T>
void append(std::string& bytes, const T& value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <class T>
std::optional<T> part(std::string_view data) noexcept {
  if (data.size() < kHead + sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, data.data() + kHead, sizeof value);
  return value;
}

std::optional<ConnectorEvent> parse(const cn_msg& head, std::string_view data) noexcept {
  if (data.size() < kHead) return std::nullopt;
  std::uint32_t what = 0;
  ConnectorEvent event{.sequence = head.seq};
  std::memcpy(&what, data.data() + offsetof(proc_event, what), sizeof what);
  std::memcpy(&event.processor, data.data() + offsetof(proc_event, cpu), sizeof event.processor);
  std::memcpy(&event.moment, data.data() + offsetof(proc_event, timestamp_ns), sizeof event.moment);
  switch (what) {
    case proc_event::PROC_EVENT_NONE: {
      const auto error = part<std::uint32_t>(data);
      if (!error) return std::nullopt;
      event.kind = ConnectorEvent::Kind::answer;
      event.error = *error;
      return event;
    }
    case proc_event::PROC_EVENT_FORK: {
      const auto fork = part<ForkPart>(data);
      if (!fork) return std::nullopt;
      event.kind = ConnectorEvent::Kind::fork;
      event.tid = fork->child_pid;
      event.pid = fork->child_tgid;
      event.parent_pid = fork->parent_tgid;
      return event;
    }
    case proc_event::PROC_EVENT_EXEC: {
      const auto exec = part<ExecPart>(data);
      if (!exec) return std::nullopt;
      event.kind = ConnectorEvent::Kind::exec;
      event.tid = exec->process_pid;
      event.pid = exec->process_tgid;
      return event;
    }
    case proc_event::PROC_EVENT_UID:
    case proc_event::PROC_EVENT_GID: {
      const auto id = part<IdPart>(data);
      if (!id) return std::nullopt;
      event.kind = what == proc_event::PROC_EVENT_UID ? ConnectorEvent::Kind::uid : ConnectorEvent::Kind::gid;
      event.tid = id->process_pid;
      event.pid = id->process_tgid;
      event.id = id->r.ruid;
      event.effective_id = id->e.euid;
      return event;
    }
    case proc_event::PROC_EVENT_EXIT: {
      // Before Linux 4.18 without the parent.
      constexpr std::size_t kShort = offsetof(ExitPart, parent_pid);
      if (data.size() < kHead + kShort) return std::nullopt;
      ExitPart exit{};
      std::memcpy(&exit, data.data() + kHead, kShort);
      event.kind = ConnectorEvent::Kind::exit;
      event.tid = exit.process_pid;
      event.pid = exit.process_tgid;
      event.exit_code = exit.exit_code;
      return event;
    }
    default:
      return event;
  }
}

}  // namespace

std::optional<ConnectorEvent> take_connector_event(std::string_view& rest) noexcept {
  const auto message = linux::take_message(rest);
  if (!message) return std::nullopt;
  auto data = message->payload;
  if (data.size() < sizeof(cn_msg)) return std::nullopt;
  cn_msg head{};
  std::memcpy(static_cast<void*>(&head), data.data(), sizeof head);
  data.remove_prefix(sizeof head);
  if (head.id.idx != CN_IDX_PROC || head.id.val != CN_VAL_PROC || head.len > data.size()) return std::nullopt;
  return parse(head, data.substr(0, head.len));
}

std::string connector_request(bool listen) {
  const std::uint32_t operation = listen ? PROC_CN_MCAST_LISTEN : PROC_CN_MCAST_IGNORE;
  cn_msg head{};
  head.id = {CN_IDX_PROC, CN_VAL_PROC};
  head.len = sizeof operation;
  nlmsghdr message{};
  message.nlmsg_len = sizeof message + sizeof head + sizeof operation;
  message.nlmsg_type = NLMSG_DONE;
  std::string bytes;
  append(bytes, message);
  append(bytes, head);
  append(bytes, operation);
  return bytes;
}

}  // namespace osprey::events
