// Stands in for <http_parser.h> of http_parser 2.9.4: the part of its interface that RESTinio uses.
// The parsing itself is done by request_parser, before RESTinio sees a byte; what arrives here is
// the ticket of a request that is complete (docs/decisions/0001-http-parser.md).
#pragma once

#include <cstddef>
#include <cstdint>

enum http_parser_type { HTTP_REQUEST };

// RESTinio maps every method that http_parser knows; the numbers are http_parser's.
enum http_method {
  HTTP_DELETE,
  HTTP_GET,
  HTTP_HEAD,
  HTTP_POST,
  HTTP_PUT,
  HTTP_CONNECT,
  HTTP_OPTIONS,
  HTTP_TRACE,
  HTTP_COPY,
  HTTP_LOCK,
  HTTP_MKCOL,
  HTTP_MOVE,
  HTTP_PROPFIND,
  HTTP_PROPPATCH,
  HTTP_SEARCH,
  HTTP_UNLOCK,
  HTTP_BIND,
  HTTP_REBIND,
  HTTP_UNBIND,
  HTTP_ACL,
  HTTP_REPORT,
  HTTP_MKACTIVITY,
  HTTP_CHECKOUT,
  HTTP_MERGE,
  HTTP_MSEARCH,
  HTTP_NOTIFY,
  HTTP_SUBSCRIBE,
  HTTP_UNSUBSCRIBE,
  HTTP_PATCH,
  HTTP_PURGE,
  HTTP_MKCALENDAR,
  HTTP_LINK,
  HTTP_UNLINK,
  HTTP_SOURCE
};

enum http_errno { HPE_OK, HPE_CB_url, HPE_CB_message_complete, HPE_PAUSED };

struct http_parser {
  std::uint32_t nread;
  std::uint64_t content_length;
  unsigned method;
  unsigned http_errno;
  unsigned upgrade;
  void* data; // RESTinio's
};

using http_data_cb = int (*)(http_parser*, const char* at, std::size_t length);
using http_cb = int (*)(http_parser*);

struct http_parser_settings {
  http_cb on_message_begin;
  http_data_cb on_url;
  http_data_cb on_status;
  http_data_cb on_header_field;
  http_data_cb on_header_value;
  http_cb on_headers_complete;
  http_data_cb on_body;
  http_cb on_message_complete;
  http_cb on_chunk_header;
  http_cb on_chunk_complete;
};

inline http_errno HTTP_PARSER_ERRNO(const http_parser* parser) {
  return static_cast<http_errno>(parser->http_errno);
}

void http_parser_init(http_parser* parser, http_parser_type type);
void http_parser_settings_init(http_parser_settings* settings);
/// Takes one ticket: reports it as the URL of a GET without headers and body.
std::size_t http_parser_execute(http_parser* parser, const http_parser_settings* settings,
                                const char* data, std::size_t size);
void http_parser_pause(http_parser* parser, int paused);
int http_should_keep_alive(const http_parser* parser);
const char* http_method_str(http_method method);
const char* http_errno_name(http_errno error);
const char* http_errno_description(http_errno error);
