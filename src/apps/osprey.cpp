// The program: the tables there are, and what is made of them.
#include "agent/start.h"
#include "agent/tables/tables.h"
#include "events/tables/tables.h"
#include "tables/tables.h"

int main(int argc, char** argv) {
  osprey::sql::Registry registry;
  registry.add(osprey::tables::entries());
  registry.add(osprey::agent::tables::entries());
  registry.add(osprey::events::tables::entries());
  return osprey::agent::start(argc, argv, registry);
}
