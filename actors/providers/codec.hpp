// How one kind of back end over HTTP is spoken to. The provider actor and its calls know no format;
// a format knows no actor.
#pragma once

#include "actors/providers/answer_decoder.hpp"
#include "actors/providers/completion.hpp"
#include "actors/providers/transport.hpp"

#include <memory>
#include <string>

namespace ares {

/// Pure functions between our vocabulary and the bytes on the wire; safe on any thread.
struct provider_codec {
  /// Where completions are asked for. `base_url` ends with no slash.
  std::string (*url)(const std::string& base_url);
  /// The format's own request headers; `api_key` may be empty.
  http_headers (*headers)(const std::string& api_key);
  /// The body of the POST.
  std::string (*encode)(const completion_request& request);
  /// For one answer to such a request.
  std::unique_ptr<answer_decoder> (*decoder)(answer_context context);
};

} // namespace ares
