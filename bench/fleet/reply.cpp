#include "fleet/reply.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "base/text.h"
#include "protocol/held_read.h"

namespace osprey::fleet {

namespace http = boost::beast::http;

struct ReplyReader::Parser : http::response_parser<http::string_body> {};

ReplyReader::ReplyReader() = default;
ReplyReader::ReplyReader(ReplyReader&&) noexcept = default;
ReplyReader& ReplyReader::operator=(ReplyReader&&) noexcept = default;
ReplyReader::~ReplyReader() = default;

Result<bool> ReplyReader::feed(std::string_view bytes) {
  if (!parser_) {
    parser_ = std::make_unique<Parser>();
    parser_->eager(true);
    parser_->body_limit(kMostBytes);
  }
  started_ = true;
  std::string_view input = bytes;
  if (!unread_.empty()) input = unread_.append(bytes);
  std::size_t used = 0;
  while (used < input.size() && !parser_->is_done()) {
    boost::system::error_code error;
    const std::size_t taken = parser_->put(boost::asio::buffer(input.substr(used)), error);
    used += taken;
    if (error == http::error::need_more) break;
    if (error) return failure("reply", error.message());
  }
  if (parser_->is_done()) {
    if (used < input.size()) return failure("reply", "bytes follow it that nobody has asked for");
    unread_.clear();
    return true;
  }
  unread_ = std::string(input.substr(used));
  return false;
}

bool ReplyReader::end() {
  if (!parser_ || !parser_->is_header_done()) return false;
  boost::system::error_code error;
  parser_->put_eof(error);
  return !error && parser_->is_done();
}

Reply ReplyReader::take() {
  Reply reply;
  auto& message = parser_->get();
  reply.status = message.result_int();
  const auto hold = message[{protocol::kHeldReadHeader.data(), protocol::kHeldReadHeader.size()}];
  reply.offered_hold = parse_double(trim({hold.data(), hold.size()})).value_or(0);
  reply.keep_alive = message.keep_alive();
  reply.body = std::move(message.body());
  return reply;
}

}  // namespace osprey::fleet
