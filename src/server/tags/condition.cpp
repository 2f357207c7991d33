#include "server/tags/condition.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/text.h"
#include "server/api/problem.h"

namespace osprey::server::tags {
namespace {

namespace json = boost::json;

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// Goes back to the last % only, so it takes the product of the lengths at most.
bool like(std::string_view text, std::string_view pattern) {
  std::size_t at = 0, in = 0, restart = std::string_view::npos, star = 0;
  while (at < text.size()) {
    if (in < pattern.size() && pattern[in] == '%') {
      star = ++in;
      restart = at;
    } else if (in < pattern.size() && pattern[in] == '_') {
      ++in;
      ++at;
      while (at < text.size() && continues(text[at])) ++at;
    } else if (in < pattern.size() && to_lower(pattern[in]) == to_lower(text[at])) {
      ++in;
      ++at;
    } else if (restart != std::string_view::npos) {
      at = ++restart;
      in = star;
    } else {
      return false;
    }
  }
  while (in < pattern.size() && pattern[in] == '%') ++in;
  return in == pattern.size();
}

}  // namespace

const Condition::Name Condition::kNames[] = {
    {"all", Test::all},         {"any", Test::any},
    {"not", Test::none},        {"is", Test::is},
    {"one_of", Test::one_of},   {"like", Test::like},
    {"less", Test::less},       {"less_or_equal", Test::less_or_equal},
    {"greater", Test::greater}, {"greater_or_equal", Test::greater_or_equal},
    {"within", Test::within},
};

// Reads a condition; `path_` is where it is.
class Condition::Reader {
 public:
  Result<Condition> read(const json::value& value, std::size_t depth) {
    if (++parts_ > kMostParts) return wrong(fmt::format("has more than {} parts", kMostParts));
    if (depth > kMostDepth) return wrong(fmt::format("is more than {} deep", kMostDepth));
    const auto* object = value.if_object();
    if (!object) return wrong("an object is wanted");
    return object->contains("fact") ? read_test(*object) : read_group(*object, depth);
  }

 private:
  std::unexpected<Error> wrong(std::string what) const { return api::problem(api::kInvalid, path_, std::move(what)); }

  Result<Condition> read_group(const json::object& object, std::size_t depth) {
    if (object.size() != 1) return wrong(R"(one of "all", "any" and "not" is wanted, or a "fact" and a test)");
    const std::string_view key = object.begin()->key();
    const auto& value = object.begin()->value();
    Condition condition;
    const auto before = path_.size();
    path_ += '/' + std::string(key.substr(0, 40));
    if (key == "not") {
      condition.test_ = Test::none;
      condition.parts_.push_back(TRY(read(value, depth + 1)));
    } else if (key == "all" || key == "any") {
      condition.test_ = key == "all" ? Test::all : Test::any;
      const auto* list = value.if_array();
      if (!list || list->empty()) return wrong("a list of one condition at least is wanted");
      const auto in_list = path_.size();
      for (std::size_t i = 0; i < list->size(); ++i) {
        path_ += '/' + std::to_string(i);
        condition.parts_.push_back(TRY(read((*list)[i], depth + 1)));
        path_.resize(in_list);
      }
    } else {
      path_.resize(before);
      return wrong(
          fmt::format("there is no \"{}\"; \"all\", \"any\", \"not\" or \"fact\" is wanted", key.substr(0, 40)));
    }
    path_.resize(before);
    return condition;
  }

  Result<Condition> read_test(const json::object& object) {
    Condition condition;
    TRY(read_fact(object.at("fact"), condition));
    if (object.size() != 2) return wrong(R"(one test is wanted beside the "fact")");
    const auto member = std::ranges::find_if(object, [](const auto& each) { return each.key() != "fact"; });
    const std::string_view key = member->key();
    const auto name = std::ranges::find(kNames, key, &Name::name);
    if (name == std::end(kNames) || name->test <= Test::none) return wrong(unknown("test", key, test_names()));
    condition.test_ = name->test;
    const auto before = path_.size();
    path_ += '/' + std::string(key);
    TRY(read_value(member->value(), condition));
    path_.resize(before);
    return condition;
  }

  static std::string unknown(std::string_view kind, std::string_view word, const std::vector<std::string_view>& names) {
    word = word.substr(0, 40);
    if (const auto near = nearest(word, names))
      return fmt::format("there is no {} \"{}\"; did you mean \"{}\"?", kind, word, *near);
    return fmt::format("there is no {} \"{}\"; there are {}", kind, word, fmt::join(names, ", "));
  }

  Result<void> read_fact(const json::value& value, Condition& condition) const {
    const std::string_view name = value.is_string() ? std::string_view(value.get_string()) : std::string_view();
    std::vector<std::string_view> names;
    for (const auto& fact : hosts::text_facts()) {
      names.push_back(fact.name);
      if (fact.name == name) condition.text_ = &fact;
    }
    for (const auto& fact : hosts::number_facts()) {
      names.push_back(fact.name);
      if (fact.name == name) condition.number_ = &fact;
    }
    if (!condition.text_ && !condition.number_) return wrong(unknown("fact", name, names));
    return {};
  }

  Result<void> read_value(const json::value& value, Condition& condition) {
    if (condition.test_ == Test::one_of) {
      const auto* list = value.if_array();
      if (!list || list->empty() || list->size() > kMostParts)
        return wrong(fmt::format("a list of 1 to {} values is wanted", kMostParts));
      for (const auto& each : *list) TRY(read_one(each, condition));
      return {};
    }
    TRY(read_one(value, condition));
    if (condition.test_ != Test::within) return {};
    const auto block = condition.text_ && condition.text_->order == hosts::Order::address
                           ? sql::CidrBlock::parse(condition.texts_[0])
                           : std::nullopt;
    if (!block) return wrong("a block of addresses is wanted, as 10.0.0.0/8, and \"address\" as the fact");
    condition.block_ = *block;
    return {};
  }

  Result<void> read_one(const json::value& value, Condition& condition) const {
    if (condition.number_) {
      boost::system::error_code failed;
      if (value.is_number()) {
        const auto number = value.to_number<std::int64_t>(failed);
        if (!failed && condition.test_ != Test::like) {
          condition.numbers_.push_back(number);
          return {};
        }
      }
      return wrong(condition.test_ == Test::like ? "a number is not like a text" : "a whole number is wanted");
    }
    if (!value.is_string()) return wrong("a text is wanted");
    const std::string_view text = value.get_string();
    if (text.size() > kMostText) return wrong(fmt::format("is longer than {} bytes", kMostText));
    condition.texts_.emplace_back(text);
    return {};
  }

  std::string path_ = "/condition";
  std::size_t parts_ = 0;
};

Result<Condition> Condition::parse(const json::value& value) { return Reader().read(value, 1); }

bool Condition::ordered(int order) const {
  switch (test_) {
    case Test::less:
      return order < 0;
    case Test::less_or_equal:
      return order <= 0;
    case Test::greater:
      return order > 0;
    default:
      return order >= 0;
  }
}

bool Condition::holds_text(const std::string& value) const {
  if (test_ == Test::is || test_ == Test::one_of) return std::ranges::find(texts_, value) != texts_.end();
  if (test_ == Test::like) return like(value, texts_[0]);
  if (value.empty()) return false;
  if (test_ != Test::within) return ordered(hosts::compare(text_->order, value, texts_[0]));
  const auto address = sql::IpAddress::parse(value);
  return address && address->is_v4() == block_.address.is_v4() && block_.contains(*address);
}

bool Condition::holds_number(std::int64_t value) const {
  if (test_ == Test::is || test_ == Test::one_of) return std::ranges::find(numbers_, value) != numbers_.end();
  return value != 0 && ordered(value < numbers_[0] ? -1 : value > numbers_[0]);
}

bool Condition::holds(const hosts::Host& host) const {
  const auto of_host = [&](const Condition& part) { return part.holds(host); };
  switch (test_) {
    case Test::all:
      return std::ranges::all_of(parts_, of_host);
    case Test::any:
      return std::ranges::any_of(parts_, of_host);
    case Test::none:
      return !parts_[0].holds(host);
    default:
      return text_ ? holds_text(host.*text_->member) : holds_number(host.*number_->member);
  }
}

std::vector<std::string_view> Condition::test_names() {
  std::vector<std::string_view> names;
  for (const auto& [name, test] : kNames)
    if (test > Test::none) names.push_back(name);
  return names;
}

}  // namespace osprey::server::tags
