#include "events/enrich/text_pool.h"

#include <cstring>
#include <new>

namespace osprey::events {
TextPool::~TextPool() {
  for (Text* text : texts_) ::operator delete(text);
}

TextPool::Text* TextPool::use(std::string_view text) {
  if (text.empty()) return nullptr;
  if (const auto found = texts_.find(text); found != texts_.end()) return use(*found);
  void* memory = ::operator new(sizeof(Text) + text.size());
  Text* made = new (memory) Text{.uses = 1, .size = static_cast<std::uint32_t>(text.size())};
  std::memcpy(made + 1, text.data(), text.size());
  texts_.insert(made);
  bytes_ += kOverhead + text.size();
  return made;
}

TextPool::Text* TextPool::use(Text* text) noexcept {
  if (text) ++text->uses;
  return text;
}

void TextPool::drop(Text* text) noexcept {
  if (!text || --text->uses > 0) return;
  bytes_ -= kOverhead + text->size;
  texts_.erase(text);
  ::operator delete(text);
}

}  // namespace osprey::events
