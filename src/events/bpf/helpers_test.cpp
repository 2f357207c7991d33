#include "events/bpf/helpers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>

#include <cstring>
#include <string>

namespace osprey::events::bpf {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string bytes(std::initializer_list<bpf_insn> instructions) {
  std::string text;
  for (const auto& one : instructions) text.append(reinterpret_cast<const char*>(&one), sizeof(one));
  return text;
}

bpf_insn call(int imm, std::uint8_t kind = 0) {
  bpf_insn made{};
  made.code = BPF_JMP | BPF_CALL;
  made.src_reg = kind & 15;
  made.imm = imm;
  return made;
}

TEST(BpfHelpers, EachThatIsCalledOnce) {
  bpf_insn wide{};
  wide.code = BPF_LD | BPF_IMM | BPF_DW;
  wide.imm = 6;
  const auto text = bytes({call(BPF_FUNC_ringbuf_output), wide, bpf_insn{}, call(BPF_FUNC_map_lookup_elem),
                           call(BPF_FUNC_ringbuf_output), call(7, BPF_PSEUDO_CALL), call(8, BPF_PSEUDO_KFUNC_CALL)});
  EXPECT_THAT(helpers_of(text), ElementsAre("bpf_ringbuf_output", "bpf_map_lookup_elem"));
  EXPECT_THAT(helpers_of(text.substr(0, 12)), ElementsAre("bpf_ringbuf_output")) << "cut in an instruction";
}

TEST(BpfHelpers, NumbersWithoutAName) {
  EXPECT_THAT(helpers_of(bytes({call(-1), call(0), call(100'000)})), IsEmpty());
  EXPECT_THAT(helpers_of(""), IsEmpty());
}

}  // namespace
}  // namespace osprey::events::bpf
