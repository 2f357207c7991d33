// What both databases take as text. PostgreSQL cuts text at a NUL without a word and refuses what is not UTF-8; SQLite
// takes both. So that a host's bytes never fail a statement or differ between the two, our sessions escape them.
#pragma once

#include <string>
#include <string_view>

namespace osprey::server::db {

// NUL and bytes that are not UTF-8 become \xNN, as osquery writes them in log lines. Done to every std::string that is
// bound to a statement (session.cpp); for text that reaches the database another way, as by COPY.
std::string storable(std::string_view text);
bool is_storable(std::string_view text) noexcept;

// For valid JSON that goes into a {json} column: the escape \u0000 becomes the four characters \x00, since PostgreSQL's
// JSONB refuses the one and its ->> both.
std::string storable_json(std::string_view json);

}  // namespace osprey::server::db
