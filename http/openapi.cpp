#include "http/openapi.hpp"

#include "conf/json.hpp"

namespace ares::http {

std::string openapi_json(); // http/openapi.json, embedded by the build

const std::string& openapi_document() {
  static const auto compact = minify_json(openapi_json());
  return compact;
}

} // namespace ares::http
