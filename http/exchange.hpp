// What a handler holds of an exchange. The state is the connection's; these are thin handles with a
// number, so that a late answer cannot reach the next exchange on the same connection.
#pragma once

#include "http/response_head.hpp"
#include "http/server.hpp"

#include <cstdint>
#include <memory>

namespace ares::http {

class connection;

/// The duty to answer; dropped unanswered, it answers 500.
[[nodiscard]] std::shared_ptr<exchange> make_exchange(std::shared_ptr<connection> c,
                                                      std::uint64_t number);

} // namespace ares::http
