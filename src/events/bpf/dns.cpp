#include "events/bpf/dns.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace osprey::events::bpf {
namespace {

constexpr std::size_t kHeader = 12;
constexpr std::size_t kNameMost = 255;  // octets, RFC 1035 2.3.4
constexpr std::size_t kAnswersMost = 64;
constexpr unsigned kA = 1, kNs = 2, kCname = 5, kPtr = 12, kMx = 15, kTxt = 16, kAaaa = 28, kSrv = 33, kDname = 39;

class Message {
 public:
  explicit Message(std::span<const std::byte> bytes) : bytes_(bytes) {}

  bool failed() const { return failed_; }
  std::size_t at() const { return at_; }
  void go(std::size_t to) { at_ = to; }

  unsigned octet() {
    if (at_ >= bytes_.size()) failed_ = true;
    return failed_ ? 0 : std::to_integer<unsigned>(bytes_[at_++]);
  }
  unsigned word() {
    const unsigned high = octet();
    return high << 8 | octet();
  }
  std::uint32_t number() {
    const std::uint32_t high = word();
    return high << 16 | word();
  }
  std::span<const std::byte> take(std::size_t size) {
    if (size > bytes_.size() - std::min(at_, bytes_.size())) failed_ = true;
    if (failed_) return {};
    at_ += size;
    return bytes_.subspan(at_ - size, size);
  }

  // A name; pointers lead backwards only, so that each ends.
  std::string name() {
    std::string text;
    std::optional<std::size_t> after;
    std::size_t octets = 0;
    for (std::size_t lowest = at_;;) {
      const unsigned length = octet();
      if (failed_ || length == 0) break;
      if ((length & 0xc0) == 0xc0) {
        const std::size_t to = (length & 0x3f) << 8 | octet();
        if (failed_ || to >= lowest) return fail();
        if (!after) after = at_;
        at_ = lowest = to;
        continue;
      }
      octets += length + 1;
      if (length > 63 || octets > kNameMost) return fail();
      if (!text.empty()) text += '.';
      for (const std::byte byte : take(length)) put(text, std::to_integer<unsigned char>(byte), true);
    }
    if (after) at_ = *after;
    return text;
  }

  static void put(std::string& text, unsigned char byte, bool in_name) {
    if (byte <= ' ' || byte >= 0x7f)
      text += fmt::format("\\{:03}", byte);
    else if (byte == '\\' || (in_name && byte == '.'))
      text.append("\\").push_back(static_cast<char>(byte));
    else
      text.push_back(static_cast<char>(byte));
  }

 private:
  std::string fail() {
    failed_ = true;
    return {};
  }

  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
  bool failed_ = false;
};

std::string type_name(unsigned type) {
  struct Name {
    unsigned type;
    std::string_view name;
  };
  constexpr std::array<Name, 16> kNames = {{{1, "A"},
                                            {2, "NS"},
                                            {5, "CNAME"},
                                            {6, "SOA"},
                                            {12, "PTR"},
                                            {15, "MX"},
                                            {16, "TXT"},
                                            {28, "AAAA"},
                                            {33, "SRV"},
                                            {35, "NAPTR"},
                                            {39, "DNAME"},
                                            {43, "DS"},
                                            {48, "DNSKEY"},
                                            {251, "IXFR"},
                                            {252, "AXFR"},
                                            {255, "ANY"}}};
  const auto* const found = std::ranges::find(kNames, type, &Name::type);
  return found == kNames.end() ? fmt::format("TYPE{}", type) : std::string(found->name);  // RFC 3597
}

std::string code_name(unsigned code) {
  constexpr std::array<std::string_view, 11> kNames = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN",
                                                       "NOTIMP",  "REFUSED", "YXDOMAIN", "YXRRSET",
                                                       "NXRRSET", "NOTAUTH", "NOTZONE"};
  return code < kNames.size() ? std::string(kNames[code]) : fmt::format("RCODE{}", code);
}

std::string address(int family, std::span<const std::byte> bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (bytes.size() != (family == AF_INET ? 4 : 16)) return {};
  ::inet_ntop(family, bytes.data(), text.data(), text.size());
  return text.data();
}

// What a record says, in a line; empty: nothing that we could tell.
std::string data_of(Message& message, unsigned type, std::size_t size) {
  switch (type) {
    case kA:
      return address(AF_INET, message.take(size));
    case kAaaa:
      return address(AF_INET6, message.take(size));
    case kNs:
    case kCname:
    case kPtr:
    case kDname:
      return message.name();
    case kMx: {
      const unsigned preference = message.word();
      return fmt::format("{} {}", preference, message.name());
    }
    case kSrv: {
      const unsigned priority = message.word();
      const unsigned weight = message.word();
      const unsigned port = message.word();
      return fmt::format("{} {} {} {}", priority, weight, port, message.name());
    }
    case kTxt: {
      std::string text;
      for (const auto end = message.at() + size; message.at() < end && !message.failed();)
        for (const std::byte byte : message.take(message.octet()))
          Message::put(text, std::to_integer<unsigned char>(byte), false);
      return text;
    }
    default:
      return {};
  }
}

}  // namespace

std::optional<DnsMessage> parse_dns(std::span<const std::byte> bytes) {
  if (bytes.size() < kHeader) return std::nullopt;
  Message message(bytes);
  DnsMessage result;
  result.id = static_cast<std::uint16_t>(message.word());
  const unsigned flags = message.word();
  result.response = flags & 0x8000;
  result.code = code_name(flags & 15);
  const unsigned questions = message.word();
  const unsigned answers = message.word();
  const unsigned others = message.word() + message.word();
  if (questions == 0) return std::nullopt;
  result.query = message.name();
  result.type = type_name(message.word());
  message.word();
  if (message.failed()) return std::nullopt;
  for (unsigned i = 1; i < questions && !message.failed(); ++i) {
    message.name();
    message.number();
  }
  for (unsigned i = 0; i < answers + others && !message.failed(); ++i) {
    message.name();
    const unsigned type = message.word();
    message.word();
    const std::uint32_t ttl = message.number();
    const std::size_t size = message.word();
    if (i >= std::min<std::size_t>(answers, kAnswersMost)) {
      message.take(size);
      continue;
    }
    const auto next = message.at() + size;
    auto text = data_of(message, type, size);
    if (message.failed()) break;
    message.go(next);
    if (!text.empty()) result.answers.push_back(std::move(text));
    result.ttl = std::min(ttl, result.ttl.value_or(ttl));
  }
  if (!message.failed()) result.size = message.at();
  return result;
}

std::vector<DnsMessage> parse_dns_segment(std::span<const std::byte> segment, bool bare) {
  std::vector<DnsMessage> messages;
  for (;; bare = false) {
    std::size_t size = segment.size();
    if (!bare) {
      if (size < sizeof(std::uint16_t)) return messages;
      size = Message(segment).word();
      segment = segment.subspan(sizeof(std::uint16_t));
    }
    auto message = parse_dns(segment.first(std::min(size, segment.size())));
    if (!message) return messages;
    if (bare) size = message->size;
    messages.push_back(std::move(*message));
    if (size == 0 || size >= segment.size()) return messages;
    segment = segment.subspan(size);
  }
}

}  // namespace osprey::events::bpf
