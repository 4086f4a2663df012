// The store's test server, in this program too.
#include "tests/store/test_server.cpp" // NOLINT(bugprone-suspicious-include)
