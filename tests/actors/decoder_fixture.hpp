// Plays an upstream's answer to a decoder, and collects what comes of it.
#pragma once

#include "actors/providers/answer_decoder.hpp"

#include <string>
#include <vector>

namespace ares {

inline const http_headers event_stream{{"content-type", "text/event-stream; charset=utf-8"}};
inline const http_headers document{{"content-type", "application/json"}};

struct decoded {
  std::vector<std::string> deltas;
  completion answer;
  std::optional<completion_failure> failure;
  bool settled = false;
};

inline decoded decode(answer_decoder& decoder, const std::vector<std::string>& pieces,
                      transfer_end::kind end) {
  decoded result;
  for (const auto& piece : pieces)
    if (auto text = decoder.feed(piece); !text.empty())
      result.deltas.push_back(text);
  result.settled = decoder.settled();
  auto outcome = decoder.finish(end);
  if (auto* failure = std::get_if<completion_failure>(&outcome))
    result.failure = *failure;
  else
    result.answer = std::get<completion>(outcome);
  return result;
}

inline answer_context context_for(bool stream) {
  answer_context context;
  context.stream = stream;
  context.prompt_tokens = 100;
  context.hidden = {"topsecret", "llm.example.com:8080", "llm.example.com"};
  return context;
}

template <class Decoder>
decoded decoded_stream(const std::vector<std::string>& pieces,
                       transfer_end::kind end = transfer_end::kind::complete,
                       answer_context context = context_for(true)) {
  Decoder decoder(std::move(context));
  decoder.head(200, event_stream);
  return decode(decoder, pieces, end);
}

template <class Decoder>
decoded decoded_document(const std::string& body, int status = 200,
                         const http_headers& headers = document, bool asked_for_stream = false) {
  Decoder decoder(context_for(asked_for_stream));
  decoder.head(status, headers);
  return decode(decoder, {body}, transfer_end::kind::complete);
}

} // namespace ares
