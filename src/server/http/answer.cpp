#include "server/http/answer.h"

#include <boost/beast/http/status.hpp>

namespace osprey::server::http {
namespace {

void add_header(std::string& text, std::string_view name, std::string_view value) {
  text.append(name).append(": ");
  for (const char c : value) {
    if (const auto byte = static_cast<unsigned char>(c); byte >= 0x20 && byte != 0x7F) text += c;
  }
  text += "\r\n";
}

}  // namespace

std::string_view reason_of(unsigned status) noexcept {
  if (status == 431) return "Request Header Fields Too Large";
  return boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(status));
}

std::string head_text(const Response& response, const Framing& framing) {
  std::string text;
  text.reserve(256);
  text.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ");
  text.append(reason_of(response.status)).append("\r\n");
  if (!framing.date.empty()) add_header(text, "date", framing.date);
  if (!response.content_type.empty() && framing.length != 0) add_header(text, "content-type", response.content_type);
  if (framing.length && response.status != 204 && response.status != 304) {
    add_header(text, "content-length", std::to_string(*framing.length));
  }
  if (framing.chunked) add_header(text, "transfer-encoding", "chunked");
  if (!framing.keep_alive) {
    add_header(text, "connection", "close");
  } else if (framing.http_1_0) {
    add_header(text, "connection", "keep-alive");
  }
  for (const auto& [name, value] : response.headers) add_header(text, name, value);
  return text.append("\r\n");
}

}  // namespace osprey::server::http
