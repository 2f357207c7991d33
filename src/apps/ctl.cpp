// ospreyctl.
#include "ctl/start.h"

int main(int argc, char** argv) { return osprey::ctl::start(argc, argv); }
