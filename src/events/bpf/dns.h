// DNS messages (RFC 1035), as far as events tell of them. From strangers: bounded, whatever they say.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace osprey::events::bpf {

struct DnsMessage {
  std::uint16_t id = 0;
  bool response = false;
  std::string code;                  // "NOERROR"…
  std::string query;                 // of the first question, without the last dot; bytes that are no text as \DDD
  std::string type;                  // "A", "TYPE65"
  std::vector<std::string> answers;  // what can be told in a line: addresses, names, texts
  std::optional<std::uint32_t> ttl;  // seconds, the least of the answers'
  std::size_t size = 0;              // bytes; 0: it is cut
};

// Empty: not a message with a question. Answers behind a place that is cut or makes no sense are left out.
std::optional<DnsMessage> parse_dns(std::span<const std::byte> message);

// What begins in a segment of a TCP connection, up to what is not understood. Each message has its length before it
// (RFC 1035, 4.2.2); with `bare` that of the first came before the segment.
std::vector<DnsMessage> parse_dns_segment(std::span<const std::byte> segment, bool bare);

}  // namespace osprey::events::bpf
