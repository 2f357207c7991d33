// /metrics: what the server counts, in Prometheus' text form (exposition format 0.0.4).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace osprey::server {

// Appends families of samples, each with its help and type.
class Metrics {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  void counter(std::string_view name, std::string_view help, std::uint64_t value, Labels labels = {}) {
    add(name, help, "counter", std::to_string(value), labels);
  }
  void gauge(std::string_view name, std::string_view help, std::int64_t value, Labels labels = {}) {
    add(name, help, "gauge", std::to_string(value), labels);
  }
  std::string take() && { return std::move(text_); }

 private:
  // Samples of one family come one after the other.
  void add(std::string_view name, std::string_view help, std::string_view type, const std::string& value,
           Labels labels);

  std::string text_;
  std::string family_;
};

}  // namespace osprey::server
