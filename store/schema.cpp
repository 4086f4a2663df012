#include "store/schema.hpp"

#include "store/keys.hpp"

#include <cstdlib>
#include <string>

namespace ares::store {

result<std::monostate> check_schema(redis& connection) {
  command c;
  c.arguments = {"SET", keys::schema(), std::to_string(schema_version), "NX", "GET"};
  const auto stored = connection.call(std::move(c));
  if (stored.what != fate::done || stored.value.type == reply::kind::error)
    return error{errc::store_unavailable, "the store cannot be reached"};
  const auto version =
      stored.value.type == reply::kind::nil ? schema_version : std::atoi(stored.value.text.c_str());
  if (version < schema_version_oldest)
    return error{errc::internal, "the store has schema " + stored.value.text +
                                     ", this ares reads " + std::to_string(schema_version_oldest) +
                                     " and later: use the older ares that it belongs to"};
  if (version <= schema_version)
    return std::monostate{};
  return error{errc::internal, "the store has schema " + stored.value.text +
                                   ", this ares understands " + std::to_string(schema_version) +
                                   ": use the newer ares that it belongs to"};
}

} // namespace ares::store
