// The program: the tables there are, and the shell over them.
#include "agent/shell/run.h"
#include "agent/tables/tables.h"
#include "tables/tables.h"

int main(int argc, char** argv) {
  osprey::sql::Registry registry;
  registry.add(osprey::tables::entries());
  registry.add(osprey::agent::tables::entries());
  return osprey::agent::shell::run(argc, argv, registry);
}
