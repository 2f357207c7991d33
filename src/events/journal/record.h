// Records: an event's fields as bytes, for the journal. An event says its fields once, in order:
//
//   struct Exit {
//     std::int64_t pid = 0;
//     std::string_view path;
//     template <class Archive>
//     void fields(Archive& field) { field(pid)(path); }
//   };
//
// A later version may add fields at the end: records without them leave them as they are made. Text that was read is a
// view into the record.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace osprey::events {

// Numbers as base-128 groups, low ones first (the top bit says that one more follows), signed ones with their sign in
// the lowest bit; texts and lists behind their length; what is optional behind 0 or 1.
class RecordWriter {
 public:
  explicit RecordWriter(std::string& bytes) : bytes_(bytes) {}

  RecordWriter& operator()(bool value) { return number(value ? 1 : 0); }
  template <std::unsigned_integral T>
  RecordWriter& operator()(T value) {
    return number(value);
  }
  template <std::signed_integral T>
  RecordWriter& operator()(T value) {
    const auto wide = static_cast<std::int64_t>(value);
    return number(static_cast<std::uint64_t>(wide) << 1 ^ static_cast<std::uint64_t>(wide >> 63));
  }
  template <class T>
    requires std::is_enum_v<T>
  RecordWriter& operator()(T value) {
    return number(static_cast<std::uint64_t>(value));
  }
  RecordWriter& operator()(std::string_view text) {
    number(text.size());
    bytes_ += text;
    return *this;
  }
  template <class T>
  RecordWriter& operator()(std::optional<T>& value) {
    number(value ? 1 : 0);
    if (value) (*this)(*value);
    return *this;
  }
  template <class T>
  RecordWriter& operator()(std::vector<T>& list) {
    number(list.size());
    for (auto& one : list) (*this)(one);
    return *this;
  }
  template <class T>
    requires requires(T& part, RecordWriter& field) { part.fields(field); }
  RecordWriter& operator()(T& part) {
    part.fields(*this);
    return *this;
  }

 private:
  RecordWriter& number(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
    return *this;
  }

  std::string& bytes_;
};

// Never reads beyond the record, whatever is in it.
class RecordReader {
 public:
  explicit RecordReader(std::string_view bytes) : bytes_(bytes) {}

  // No field was cut off or out of its range.
  bool good() const noexcept { return good_; }

  template <class T>
    requires std::integral<T> || std::is_enum_v<T>
  RecordReader& operator()(T& value) {
    if (bytes_.empty()) return *this;
    const auto read = number();
    if constexpr (std::signed_integral<T>) {
      const auto wide = static_cast<std::int64_t>(read >> 1) ^ -static_cast<std::int64_t>(read & 1);
      if (std::in_range<T>(wide)) return set(value, static_cast<T>(wide));
    } else if constexpr (std::is_enum_v<T>) {
      if (std::in_range<std::underlying_type_t<T>>(read)) return set(value, static_cast<T>(read));
    } else if constexpr (std::same_as<T, bool>) {
      if (read <= 1) return set(value, read == 1);
    } else {
      if (std::in_range<T>(read)) return set(value, static_cast<T>(read));
    }
    return fail();
  }
  RecordReader& operator()(std::string_view& text) {
    if (bytes_.empty()) return *this;
    const auto size = number();
    if (size > bytes_.size()) return fail();
    text = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return *this;
  }
  template <class T>
  RecordReader& operator()(std::optional<T>& value) {
    bool there = false;
    (*this)(there);
    if (there) (*this)(value.emplace());
    return *this;
  }
  template <class T>
  RecordReader& operator()(std::vector<T>& list) {
    std::uint64_t size = 0;
    (*this)(size);
    // Each has a byte at least.
    if (size > bytes_.size()) return fail();
    list.clear();
    for (; size > 0; --size) (*this)(list.emplace_back());
    return *this;
  }
  template <class T>
    requires requires(T& part, RecordReader& field) { part.fields(field); }
  RecordReader& operator()(T& part) {
    part.fields(*this);
    return *this;
  }

 private:
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (bytes_.empty()) break;
      const auto byte = static_cast<unsigned char>(bytes_.front());
      bytes_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    fail();
    return 0;
  }
  template <class T>
  RecordReader& set(T& value, T read) {
    if (good_) value = read;
    return *this;
  }
  RecordReader& fail() {
    good_ = false;
    bytes_ = {};
    return *this;
  }

  std::string_view bytes_;
  bool good_ = true;
};

template <class Event>
void encode(Event& event, std::string& bytes) {
  RecordWriter writer(bytes);
  event.fields(writer);
}

// Empty: the record is damaged. The event's texts are views into `record`.
template <class Event>
std::optional<Event> decode(std::string_view record) {
  Event event;
  RecordReader reader(record);
  event.fields(reader);
  if (!reader.good()) return std::nullopt;
  return event;
}

}  // namespace osprey::events
