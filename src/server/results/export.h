// Export: all lines that a filter finds, as a stream that goes as fast as its reader.
#pragma once

#include <cstdint>

#include "server/api/fields.h"
#include "server/http/responder.h"
#include "server/results/search.h"
#include "server/services.h"

namespace osprey::server::results {

enum class Format : std::uint8_t { csv, json, jsonl };

// Reads page after page, each on a worker, as the reader takes what came before. `services` outlives it.
void export_lines(Filter filter, Format format, const Services& services, http::Responder responder);

}  // namespace osprey::server::results

template <>
struct osprey::server::api::EnumNames<osprey::server::results::Format> {
  using Format = osprey::server::results::Format;
  static constexpr std::array kNames{std::pair{Format::csv, std::string_view("csv")},
                                     std::pair{Format::json, std::string_view("json")},
                                     std::pair{Format::jsonl, std::string_view("jsonl")}};
};
