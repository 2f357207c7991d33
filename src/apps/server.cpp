// osprey-server.
#include "server/start.h"

int main(int argc, char** argv) { return osprey::server::start(argc, argv); }
