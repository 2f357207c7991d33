#include "events/audit/call_record.h"

#include <arpa/inet.h>
#include <linux/audit.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"

namespace osprey::events::audit {
namespace {

constexpr std::size_t kMostArguments = 64 << 10;

template <class T>
T number(std::string_view text, int base = 10) noexcept {
  return parse<T>(text, base).value_or(T{});
}

std::optional<std::uint32_t> id(std::string_view text) noexcept {
  const auto value = parse<std::uint32_t>(text);
  // (uid_t)-1: unset.
  return value && *value != UINT32_MAX ? value : std::nullopt;
}

// "fe:00"
std::optional<std::uint64_t> device(std::string_view text) noexcept {
  const auto major = parse<std::uint32_t>(take_until(text, ':'), 16);
  const auto minor = parse<std::uint32_t>(text, 16);
  if (!major || !minor) return std::nullopt;
  return ::makedev(*major, *minor);
}

std::string_view ip_text(int family, const void* bytes, TextArena& arena) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(family, bytes, text.data(), text.size());
  return arena.keep(text.data());
}

template <class Address>
std::optional<Address> as(std::string_view bytes) noexcept {
  Address address{};
  if (bytes.size() < sizeof address) return std::nullopt;
  bytes.copy(reinterpret_cast<char*>(&address), sizeof address);
  return address;
}

std::string_view unix_path(std::string_view bytes, TextArena& arena) {
  bytes.remove_prefix(sizeof(sa_family_t));
  if (bytes.empty()) return {};
  if (bytes.front() != '\0') return bytes.substr(0, bytes.find('\0'));
  // Its length is not recorded: zeros at the end may be part of it or not.
  while (!bytes.empty() && bytes.back() == '\0') bytes.remove_suffix(1);
  if (bytes.empty()) return {};
  char* name = arena.allocate(bytes.size());
  std::ranges::replace_copy(bytes, name, '\0', '@');
  return {name, bytes.size()};
}

// a12, a12_len or a12[3]
struct ArgumentName {
  std::uint32_t index = 0;
  bool is_length = false;
};
std::optional<ArgumentName> argument_name(std::string_view name) noexcept {
  if (!name.starts_with('a')) return std::nullopt;
  ArgumentName made;
  const auto [end, error] = std::from_chars(name.data() + 1, name.data() + name.size(), made.index);
  if (error != std::errc{}) return std::nullopt;
  const auto rest = name.substr(static_cast<std::size_t>(end - name.data()));
  made.is_length = rest == "_len";
  if (!rest.empty() && !made.is_length && rest.front() != '[') return std::nullopt;
  return made;
}

}  // namespace

std::optional<CallRecord> parse_call(std::string_view fields) {
  CallRecord call;
  bool numbered = false;
  while (const auto field = take_field(fields)) {
    const auto value = field->value;
    switch (word(field->name)) {
      case word("arch"):
        call.arch = number<std::uint32_t>(value, 16);
        break;
      case word("syscall"):
        call.call = number<std::uint32_t>(value);
        numbered = true;
        break;
      case word("success"):
        call.success = value == "yes";
        break;
      case word("exit"):
        call.result = number<std::int64_t>(value);
        break;
      case word("a0"):
      case word("a1"):
      case word("a2"):
      case word("a3"):
        call.arguments[static_cast<std::size_t>(field->name[1] - '0')] = number<std::uint64_t>(value, 16);
        break;
      case word("ppid"):
        call.parent = number<std::int64_t>(value);
        break;
      case word("pid"):
        call.pid = number<std::int64_t>(value);
        break;
      case word("auid"):
        call.ids.login_uid = id(value);
        break;
      case word("uid"):
        call.ids.uid = id(value);
        break;
      case word("gid"):
        call.ids.gid = id(value);
        break;
      case word("euid"):
        call.ids.euid = id(value);
        break;
      case word("suid"):
        call.ids.suid = id(value);
        break;
      case word("fsuid"):
        call.ids.fsuid = id(value);
        break;
      case word("egid"):
        call.ids.egid = id(value);
        break;
      case word("sgid"):
        call.ids.sgid = id(value);
        break;
      case word("fsgid"):
        call.ids.fsgid = id(value);
        break;
      case word("tty"):
        call.tty = value == "(none)" ? std::string_view() : value;
        break;
      case word("ses"):
        call.ids.session = id(value);
        break;
      case word("comm"):
        call.name = value;
        break;
      case word("exe"):
        call.executable = value;
        break;
      case word("key"):
        call.key = value;
        break;
      default:
        break;
    }
  }
  if (!numbered || call.pid <= 0) return std::nullopt;
  return call;
}

PathRecord parse_path(std::string_view fields) {
  PathRecord path;
  while (const auto field = take_field(fields)) {
    const auto value = field->value;
    switch (word(field->name)) {
      case word("item"):
        path.item = number<std::uint32_t>(value);
        break;
      case word("name"):
        path.name = value;
        break;
      case word("inode"):
        path.file.inode = parse<std::uint64_t>(value);
        break;
      case word("dev"):
        path.file.device = device(value);
        break;
      case word("mode"):
        path.file.mode = parse<std::uint32_t>(value, 8);
        break;
      case word("ouid"):
        path.file.uid = id(value);
        break;
      case word("ogid"):
        path.file.gid = id(value);
        break;
      case word("nametype"):
        path.type = value;
        break;
      default:
        break;
    }
  }
  return path;
}

TargetRecord parse_target(std::string_view fields) {
  TargetRecord target;
  while (const auto field = take_field(fields)) {
    if (field->name == "opid") target.pid = number<std::int64_t>(field->value);
    if (field->name == "ouid") target.uid = id(field->value);
  }
  return target;
}

ExecArguments parse_arguments(const RecordGroup& group, std::size_t cap, TextArena& arena) {
  ExecArguments made;
  std::uint64_t count = 0;
  std::size_t room = cap;
  // Parts of one argument, in arrival order; joined when the next begins.
  std::vector<std::string_view> chunks;
  std::optional<std::uint32_t> open;
  const auto close = [&] {
    if (!open) return;
    std::size_t size = 0;
    for (const auto chunk : chunks) size += chunk.size();
    made.size += size + 1;
    const auto kept = std::min(size, room);
    if (kept < size || *open >= kMostArguments) made.truncated = true;
    if (*open < kMostArguments && (room > 0 || size == 0)) {
      if (made.texts.size() <= *open) made.texts.resize(*open + 1);
      auto& text = made.texts[*open];
      if (chunks.size() == 1) {
        text = chunks.front().substr(0, kept);
      } else {
        char* place = arena.allocate(kept);
        std::size_t used = 0;
        for (const auto chunk : chunks) {
          const auto part = std::min(chunk.size(), kept - used);
          std::memcpy(place + used, chunk.data(), part);
          used += part;
        }
        text = {place, used};
      }
      room -= std::min(room, kept + 1);
    } else {
      made.truncated = true;
    }
    chunks.clear();
    open.reset();
  };
  for (const auto& part : group.parts()) {
    if (part.type != AUDIT_EXECVE) continue;
    auto fields = group.fields(part);
    while (const auto field = take_field(fields)) {
      if (field->name == "argc") {
        count = number<std::uint64_t>(field->value);
        if (made.texts.empty()) made.texts.reserve(std::min<std::uint64_t>(count, 1024));
        continue;
      }
      const auto name = argument_name(field->name);
      if (!name || name->is_length) continue;
      if (open != name->index) {
        close();
        open = name->index;
      }
      chunks.push_back(text_value(field->value, arena));
    }
  }
  close();
  if (group.truncated || made.texts.size() < count) made.truncated = true;
  return made;
}

SocketName parse_socket_name(std::string_view bytes, TextArena& arena) {
  SocketName name;
  sa_family_t family = 0;
  if (bytes.size() < sizeof family) return name;
  std::memcpy(&family, bytes.data(), sizeof family);
  name.family = family;
  switch (family) {
    case AF_INET:
      if (const auto address = as<sockaddr_in>(bytes)) {
        name.address = ip_text(AF_INET, &address->sin_addr, arena);
        name.port = ntohs(address->sin_port);
      }
      break;
    case AF_INET6: {
      // Up to the scope, which programs of old leave out.
      sockaddr_in6 address{};
      if (bytes.size() < offsetof(sockaddr_in6, sin6_scope_id)) break;
      std::memcpy(&address, bytes.data(), std::min(bytes.size(), sizeof address));
      const bool mapped = IN6_IS_ADDR_V4MAPPED(&address.sin6_addr);
      name.address = mapped ? ip_text(AF_INET, &address.sin6_addr.s6_addr[12], arena)
                            : ip_text(AF_INET6, &address.sin6_addr, arena);
      name.port = ntohs(address.sin6_port);
      break;
    }
    case AF_UNIX:
      name.path = unix_path(bytes, arena);
      break;
    case AF_VSOCK:
      if (const auto address = as<sockaddr_vm>(bytes)) {
        name.address = arena.keep(std::to_string(address->svm_cid));
        name.port = address->svm_port;
      }
      break;
    default:
      break;
  }
  return name;
}

}  // namespace osprey::events::audit
