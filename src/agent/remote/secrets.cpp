#include "agent/remote/secrets.h"

#include <algorithm>
#include <string_view>

#include "base/json.h"

namespace osprey::agent {
namespace {

constexpr std::size_t kMostKnown = 16;
constexpr std::string_view kInstead = "(not shown)";

void replace_all(std::string& text, std::string_view secret) {
  for (auto at = text.find(secret); at != text.npos; at = text.find(secret, at + kInstead.size()))
    text.replace(at, secret.size(), kInstead);
}

}  // namespace

void Secrets::add(const std::string& secret) {
  std::lock_guard lock(mutex_);
  if (secret.empty() || std::ranges::find(known_, secret) != known_.end()) return;
  known_.push_back(secret);
  if (known_.size() > kMostKnown) known_.pop_front();
}

std::string Secrets::hidden_in(std::string text) const {
  std::lock_guard lock(mutex_);
  for (const auto& secret : known_) {
    replace_all(text, secret);
    std::string escaped;
    append_json_string(escaped, secret);
    replace_all(text, std::string_view(escaped).substr(1, escaped.size() - 2));
  }
  return text;
}

}  // namespace osprey::agent
