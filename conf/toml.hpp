// toml++ as this project uses it: errors as values. Internal to conf/.
#pragma once

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>
