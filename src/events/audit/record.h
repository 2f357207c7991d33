// Audit's records as text: from the kernel's netlink messages or a log's lines (auditd.conf(5), ausearch(8); kernel
// audit_log_*()). Everything is a view into the text or into the arena that is given.
#pragma once

#include <array>
#include <cstdint>
#include <memory_resource>
#include <optional>
#include <string_view>

namespace osprey::events::audit {

// Which event a record is of: the kernel gives all records of one the same.
struct Stamp {
  std::int64_t time = 0;  // Unix milliseconds
  std::uint64_t serial = 0;

  bool operator==(const Stamp&) const = default;
};

struct Record {
  std::uint16_t type = 0;  // AUDIT_SYSCALL…
  Stamp stamp;
  std::string_view fields;  // what follows "audit(1700000000.123:456): "
};

// Of a netlink message's text, zeros and a line end at its end left out. Empty: it does not begin with a stamp.
std::optional<Record> parse_record(std::uint16_t type, std::string_view text);
// Of a line of auditd's log or of an audispd socket: "type=SYSCALL msg=audit(…): …", a "node=" before it and what
// log_format=ENRICHED adds behind byte 0x1D left out. Empty: it is none.
std::optional<Record> parse_log_line(std::string_view line);

struct Field {
  std::string_view name;
  std::string_view value;  // as it is written: quotes still around it
};
// Cuts the next NAME=VALUE off `rest`; words that are none are skipped. A value in double quotes ends at the next
// one, one in single quotes at the last of the text.
std::optional<Field> take_field(std::string_view& rest) noexcept;
// The value of a record's field, as it is written.
std::optional<std::string_view> find_field(std::string_view fields, std::string_view name) noexcept;

// A name as a number, for switches; 0 for one of more than eight bytes or with a zero in it.
constexpr std::uint64_t word(std::string_view name) noexcept {
  if (name.size() > 8) return 0;
  std::uint64_t value = 0;
  for (const char c : name) {
    if (c == '\0') return 0;
    value = value << 8 | static_cast<unsigned char>(c);
  }
  return value;
}

// Where texts live that are not views into a record: until clear().
class TextArena {
 public:
  // Room for `size` bytes.
  char* allocate(std::size_t size) { return static_cast<char*>(memory_.allocate(size, 1)); }
  std::string_view keep(std::string_view text);
  void clear() { memory_.release(); }

 private:
  std::array<std::byte, 64 << 10> first_{};
  std::pmr::monotonic_buffer_resource memory_{first_.data(), first_.size()};
};

// What a value means that the kernel wrote as "untrusted": in quotes it stands for itself, without it is hexadecimal;
// (null), (none) and ? are nothing.
std::string_view text_value(std::string_view value, TextArena& arena);
// Hexadecimal digits as bytes; empty if they are none.
std::optional<std::string_view> bytes_value(std::string_view digits, TextArena& arena);

}  // namespace osprey::events::audit
