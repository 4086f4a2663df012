// The least that a server on RESTinio can do: the yardstick for a durable run. One thread, as a
// node has by default; prints `listening on http://127.0.0.1:PORT`.
#include <restinio/all.hpp>

#include <cstdint>
#include <cstdio>
#include <string>

namespace {

struct traits : restinio::default_single_thread_traits_t {
  using logger_t = restinio::null_logger_t;
};

restinio::request_handling_status_t answer(const restinio::request_handle_t& request) {
  return request->create_response()
      .append_header(restinio::http_field::content_type, "application/json")
      .set_body(R"({"hello":"world"})")
      .done();
}

} // namespace

int main() {
  restinio::asio_ns::io_context context;
  std::uint16_t port = 0;
  auto told = [&port](restinio::asio_ns::ip::tcp::acceptor& acceptor) {
    port = acceptor.local_endpoint().port();
  };
  using server_t = restinio::http_server_t<traits>;
  server_t server{
      restinio::external_io_context(context), [&told](auto& settings) {
        settings.address("127.0.0.1").port(0).acceptor_post_bind_hook([&told](auto& acceptor) {
          told(acceptor);
        });
        settings.request_handler(answer).max_pipelined_requests(1);
      }};
  server.open_sync();
  std::fprintf(stderr, "listening on http://127.0.0.1:%u\n", static_cast<unsigned>(port));
  context.run();
}
