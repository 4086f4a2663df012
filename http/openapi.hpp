// GET /openapi.json: OpenAPI 3.1 of the whole API.
#pragma once

#include <string>

namespace ares::http {

[[nodiscard]] const std::string& openapi_document();

} // namespace ares::http
