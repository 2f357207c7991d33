// What the source of a module includes to define what the program gets of it: see base/module.h.
#pragma once

#define OSPREY_MODULE(Interface) extern "C" __attribute__((visibility("default"))) const Interface osprey_module
