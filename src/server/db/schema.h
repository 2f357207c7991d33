// What a slice keeps in the database: forward-only migrations, each applied once, in order, in one transaction where
// the database can.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace osprey::server::db {

enum class Dialect : unsigned char { sqlite, postgresql };

// SQL in both dialects. Words in braces differ: {id} a bigint primary key that counts up and is never used twice,
// {bytes} (bytes.h), {json} (JSONB on PostgreSQL, text on SQLite, which takes any: bind what is JSON, through
// storable_json() of text.h). Times are Unix milliseconds in BIGINT columns named …_at; truth values are SMALLINT 0 and
// 1. Statements end in semicolons.
struct Migration {
  std::string_view both;
  // What only one of them understands, after `both`.
  std::string_view sqlite = {};
  std::string_view postgresql = {};
};

// Additive: a server of the version before must go on working with what the next one has migrated. A migration that has
// been released is never edited; its number is its place in the list, from 1.
struct Schema {
  std::string_view slice;
  std::span<const Migration> migrations;
};

// The statements of a migration in one of the dialects.
std::string statements(const Migration& migration, Dialect dialect);

}  // namespace osprey::server::db
