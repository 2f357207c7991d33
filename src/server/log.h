// The server's own log: a line an event on standard error, as text or as a JSON object.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace osprey::server {

enum class Level : std::uint8_t { debug, info, warning, error };

// Before there are threads. Without it: info, text.
void set_up_log(Level least, bool json);
bool logs(Level level) noexcept;

// What happened, in words that stay the same, and what it is about. No secrets. Thread-safe: a line is one write(2).
void log(Level level, std::string_view message,
         std::initializer_list<std::pair<std::string_view, std::string>> fields = {});

}  // namespace osprey::server
