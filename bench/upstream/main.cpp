#include "bench/upstream/server.hpp"

#include <CLI/CLI.hpp>
#include <sys/resource.h>

#include <cstdio>
#include <system_error>

int main(int argc, char** argv) {
  ares::bench::upstream_behaviour how;
  CLI::App app{"A stand-in for an OpenAI-compatible chat endpoint, to measure what lies before it"};
  app.add_option("--port", how.port, "on 127.0.0.1; 0: a free one")->capture_default_str();
  app.add_option("--latency-ms", how.latency_ms, "before the answer")->capture_default_str();
  app.add_option("--chunks", how.chunks, "pieces of text of a stream")
      ->capture_default_str()
      ->check(CLI::Range(1, 10'000'000));
  app.add_option("--interval-ms", how.interval_ms, "between them; 0: all at once")
      ->capture_default_str();
  app.add_option("--piece-bytes", how.piece_bytes, "length of a piece of text")
      ->capture_default_str()
      ->check(CLI::Range(24, 65536));
  CLI11_PARSE(app, argc, argv);
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  try {
    ares::bench::upstream_server server(how);
    std::fprintf(stderr, "listening on http://127.0.0.1:%u\n",
                 static_cast<unsigned>(server.port()));
    server.run();
  } catch (const std::system_error& error) {
    std::fprintf(stderr, "ares-bench-upstream: %s\n", error.what());
    return 1;
  }
}
