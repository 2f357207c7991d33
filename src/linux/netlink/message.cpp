#include "linux/netlink/message.h"

#include <linux/netlink.h>

#include <algorithm>
#include <cerrno>

namespace osprey::linux {
namespace {

// Cuts `length` bytes and the padding to a multiple of four off the front.
std::string_view take_padded(std::string_view& rest, std::size_t length) noexcept {
  const auto piece = rest.substr(0, length);
  rest.remove_prefix(std::min<std::size_t>(NLMSG_ALIGN(length), rest.size()));
  return piece;
}

// A header that tells its own length and the bytes that this length spans, header included.
template <class Header>
std::optional<std::pair<Header, std::string_view>> take_piece(std::string_view& rest,
                                                              std::size_t (*length_of)(const Header&)) noexcept {
  Header header;
  if (rest.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, rest.data(), sizeof header);
  const auto length = length_of(header);
  if (length < sizeof header || length > rest.size()) {
    rest = {};
    return std::nullopt;
  }
  return std::pair(header, take_padded(rest, length).substr(sizeof header));
}

}  // namespace

std::optional<NetlinkMessage> take_message(std::string_view& rest) noexcept {
  const auto piece = take_piece<nlmsghdr>(rest, [](const nlmsghdr& h) { return std::size_t{h.nlmsg_len}; });
  if (!piece) return std::nullopt;
  const auto& [header, payload] = *piece;
  return NetlinkMessage{header.nlmsg_type, header.nlmsg_flags, header.nlmsg_seq, payload};
}

std::optional<NetlinkAttribute> take_attribute(std::string_view& rest) noexcept {
  const auto piece = take_piece<nlattr>(rest, [](const nlattr& a) { return std::size_t{a.nla_len}; });
  if (!piece) return std::nullopt;
  const auto& [header, payload] = *piece;
  return NetlinkAttribute{static_cast<std::uint16_t>(header.nla_type & NLA_TYPE_MASK), payload};
}

Result<void> end_of_dump(const NetlinkMessage& message) {
  auto rest = message.payload;
  const int code = take_header<int>(rest).value_or(0);
  if (code >= 0) return {};
  constexpr int kLargestErrno = 4095;
  auto error = system_failure(code >= -kLargestErrno ? -code : EPROTO, "netlink");
  if (!(message.flags & NLM_F_ACK_TLVS)) return error;
  if (message.type == NLMSG_ERROR) {
    // The request stands here: all of it, or only its header.
    const auto request = take_header<nlmsghdr>(rest);
    if (request && !(message.flags & NLM_F_CAPPED) && request->nlmsg_len > sizeof(nlmsghdr))
      take_padded(rest, request->nlmsg_len - sizeof(nlmsghdr));
  }
  while (const auto attribute = take_attribute(rest))
    if (attribute->type == NLMSGERR_ATTR_MSG) error.error().message += ": " + std::string(attribute->text());
  return error;
}

}  // namespace osprey::linux
