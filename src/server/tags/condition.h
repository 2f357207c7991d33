// Conditions: rules over what the server knows of a host, evaluated by the server whenever that changes.
//
//   {"fact": "platform", "is": "debian"}                {"all": [CONDITION, …]}
//   {"fact": "platform", "one_of": ["debian", "rhel"]}  {"any": [CONDITION, …]}
//   {"fact": "name", "like": "web-%"}                   {"not": CONDITION}
//   {"fact": "version", "less": "5.12"}
//   {"fact": "address", "within": "10.0.0.0/8"}
//
// Facts are those of hosts/facts.h. `like` takes % and _ as SQL does; it and nothing else ignores the case of ASCII.
// less, less_or_equal, greater and greater_or_equal compare versions, addresses and numbers as such, other texts by
// bytes; of a fact that is not known yet they do not hold, nor does `within`.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "server/hosts/facts.h"
#include "sql/functions/network.h"

namespace osprey::server::tags {

class Condition {
 public:
  static constexpr std::size_t kMostParts = 200;
  static constexpr std::size_t kMostDepth = 10;
  static constexpr std::size_t kMostText = 256;

  // An error (api::kInvalid) tells the place, as a JSON pointer below "/condition", and what is wanted there.
  static Result<Condition> parse(const boost::json::value& value);

  bool holds(const hosts::Host& host) const;

  // Of all tests of a fact, for whoever offers them.
  static std::vector<std::string_view> test_names();

 private:
  enum class Test : std::uint8_t {
    all,
    any,
    none,
    is,
    one_of,
    like,
    less,
    less_or_equal,
    greater,
    greater_or_equal,
    within
  };
  struct Name {
    std::string_view name;
    Test test;
  };
  static const Name kNames[];
  class Reader;

  bool holds_text(const std::string& value) const;
  bool holds_number(std::int64_t value) const;
  bool ordered(int order) const;

  Test test_ = Test::all;
  std::vector<Condition> parts_;  // of all, any, none
  const hosts::TextFact* text_ = nullptr;
  const hosts::NumberFact* number_ = nullptr;
  std::vector<std::string> texts_;
  std::vector<std::int64_t> numbers_;
  sql::CidrBlock block_;
};

}  // namespace osprey::server::tags
