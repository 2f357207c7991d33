#include "events/bpf/helpers.h"

#include <linux/bpf.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace osprey::events::bpf {
namespace {

#define NAME(helper) std::string_view("bpf_" #helper)
constexpr auto kNames = std::to_array({__BPF_FUNC_MAPPER(NAME)});
#undef NAME

constexpr int kHelper = 0;  // a call's source register where it is one of a helper

}  // namespace

std::vector<std::string_view> helpers_of(std::string_view instructions) {
  std::vector<std::string_view> helpers;
  for (bpf_insn one; instructions.size() >= sizeof(one); instructions.remove_prefix(sizeof(one))) {
    std::memcpy(&one, instructions.data(), sizeof(one));
    if (one.code != (BPF_JMP | BPF_CALL) || one.src_reg != kHelper) continue;
    if (one.imm <= BPF_FUNC_unspec || static_cast<std::size_t>(one.imm) >= kNames.size()) continue;
    const auto name = kNames[static_cast<std::size_t>(one.imm)];
    if (std::ranges::find(helpers, name) == helpers.end()) helpers.push_back(name);
  }
  return helpers;
}

}  // namespace osprey::events::bpf
