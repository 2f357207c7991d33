#include "agent/daemon/host_identity.h"

#include <gtest/gtest.h>

#include "agent/program.h"
#include "base/temporary_tree.h"
#include "store/memory_store.h"

namespace osprey::agent {
namespace {

using HostIdentityTest = TemporaryTree;

TEST_F(HostIdentityTest, IsWhatTheFlagsAskFor) {
  write("sys/class/dmi/id/product_uuid", "4C4C4544-0042-3010-8052-B9C04F4E4D31\n");
  const auto store = store::memory_store();
  const HostIdentity identity(*store, root());
  Flags flags;
  EXPECT_EQ(identity.identifier(flags), host_name());
  flags.set("host_identifier", "uuid");
  EXPECT_EQ(identity.identifier(flags), identity.host_uuid());
  flags.set("host_identifier", "instance");
  EXPECT_EQ(identity.identifier(flags), identity.instance_uuid());
  flags.set("host_identifier", "ephemeral");
  EXPECT_NE(identity.identifier(flags), identity.instance_uuid());
  flags.set("host_identifier", "specified");
  EXPECT_EQ(identity.identifier(flags), host_name());
  flags.set("specified_identifier", "spec-1");
  EXPECT_EQ(identity.identifier(flags), "spec-1");
}

TEST_F(HostIdentityTest, StaysWithoutFirmwareOnceItWasKnown) {
  const auto store = store::memory_store();
  const auto first = HostIdentity(*store, root());
  const auto second = HostIdentity(*store, root());
  EXPECT_FALSE(first.host_uuid().empty());
  EXPECT_EQ(second.host_uuid(), first.host_uuid());
  EXPECT_EQ(second.instance_uuid(), first.instance_uuid());
  Flags flags;
  flags.set("host_identifier", "ephemeral");
  EXPECT_NE(second.identifier(flags), first.identifier(flags));
}

}  // namespace
}  // namespace osprey::agent
