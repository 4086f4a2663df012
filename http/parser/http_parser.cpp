#include "http/parser/http_parser.h"

void http_parser_init(http_parser* parser, http_parser_type) {
  *parser = http_parser{};
  parser->method = HTTP_GET;
}

void http_parser_settings_init(http_parser_settings* settings) {
  *settings = {};
}

std::size_t http_parser_execute(http_parser* parser, const http_parser_settings* settings,
                                const char* data, std::size_t size) {
  if (settings->on_url(parser, data, size) != 0)
    parser->http_errno = HPE_CB_url;
  else if (settings->on_message_complete(parser) != 0) // pauses the parser
    parser->http_errno = HPE_CB_message_complete;
  return size;
}

void http_parser_pause(http_parser* parser, int paused) {
  parser->http_errno = paused ? HPE_PAUSED : HPE_OK;
}

// Whether the connection is kept is said with each response.
int http_should_keep_alive(const http_parser*) {
  return 1;
}

const char* http_method_str(http_method) {
  return "GET";
}
const char* http_errno_name(http_errno) {
  return "HPE";
}
const char* http_errno_description(http_errno) {
  return "the ticket was not taken";
}
