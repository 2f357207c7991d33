#include <cstddef>
#include <cstdint>

#include "events/bpf/decode.h"

namespace {

using namespace osprey::events;

// Reads every text that it is given.
struct Reader final : EventSink {
  struct Archive {
    std::size_t* bytes;
    Archive& operator()(std::string_view text) {
      for (const char c : text) *bytes += static_cast<unsigned char>(c);
      return *this;
    }
    template <class T>
    Archive& operator()(T& value) {
      if constexpr (requires { value.fields(*this); })
        value.fields(*this);
      else if constexpr (requires { value.begin(); })
        for (auto& one : value) (*this)(one);
      return *this;
    }
  };
  void take(AnyEvent event) override {
    Archive archive{&bytes};
    std::visit([&](auto* one) { one->fields(archive); }, event);
  }
  void forked(const ProcessKey&, const ProcessKey&) override {}
  void exited(const ProcessKey&) override {}
  std::size_t bytes = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  bpf::Decoder decoder;
  Demand demand;
  demand.closes = true;
  demand.kinds.set();
  demand.environment = {"PATH"};
  demand.forks = true;
  decoder.set(demand);
  Reader reader;
  decoder.give(std::as_bytes(std::span(data, size)), reader);
  decoder.give_unanswered(UINT64_MAX, reader);
  Actor actor;
  for (auto rest = std::as_bytes(std::span(data, size)); decoder.take_task(rest, actor);) {
  }
  return 0;
}
