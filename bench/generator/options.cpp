#include "bench/generator/plan.hpp"

#include <CLI/CLI.hpp>
#include <arpa/inet.h>
#include <netdb.h>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>

namespace ares::bench {

namespace {

using nlohmann::json;

// What the command line says, before it is checked.
struct raw_options {
  std::string url;
  std::string call;
  std::string agent = "risk-analyzer";
  std::string model;
  std::string text = "Evaluate this transaction";
  std::string method;
  std::string body;
  std::vector<std::string> headers;
  std::vector<std::string> keys;
  std::string keys_file;
  std::vector<std::string> pids;
  double per_second = 0;
  std::uint64_t requests_max = 0;
  bool poisson = false;
};

[[noreturn]] void refuse(const std::string& why) {
  throw std::invalid_argument(why);
}

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  if (!file)
    refuse("cannot read " + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string numeric_address(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0 || found == nullptr)
    refuse("cannot resolve " + host);
  std::array<char, INET_ADDRSTRLEN> text{};
  inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in*>(found->ai_addr)->sin_addr, text.data(),
            text.size());
  freeaddrinfo(found);
  return text.data();
}

void read_url(const std::string& url, plan& to) {
  constexpr std::string_view scheme = "http://";
  if (!url.starts_with(scheme))
    refuse("the URL must begin with http://");
  auto rest = url.substr(scheme.size());
  auto slash = rest.find('/');
  to.request.host = rest.substr(0, slash);
  to.request.path = slash == std::string::npos ? "/" : rest.substr(slash);
  auto colon = to.request.host.find(':');
  auto port = colon == std::string::npos ? "80" : to.request.host.substr(colon + 1);
  int number = 0;
  if (std::sscanf(port.c_str(), "%d", &number) != 1 || number < 1 || number > 65535)
    refuse("no such port: " + port);
  to.port = static_cast<std::uint16_t>(number);
  to.address = numeric_address(to.request.host.substr(0, colon));
}

// The calls that are measured most, so that nobody needs to write their JSON on a command line.
void fill_in_call(const raw_options& raw, plan& to) {
  if (raw.call.empty())
    return;
  auto base = to.request.path == "/" ? "" : to.request.path;
  to.request.method = "POST";
  to.request.headers = {"Content-Type: application/json"};
  if (!raw.keys.empty() || !raw.keys_file.empty())
    to.request.headers.emplace_back("Authorization: Bearer {key}");
  to.stream = raw.call.ends_with("stream");
  if (raw.call == "run") {
    to.request.path = base + "/v1/agents/" + raw.agent + "/run";
    to.request.body = json{{"input", {{"message", raw.text}}}}.dump();
    to.expect = R"("status":"completed")";
    return;
  }
  json body{{"messages", {{{"role", "user"}, {"content", raw.text}}}}};
  if (!raw.model.empty())
    body["model"] = raw.model;
  if (raw.call.starts_with("openai")) {
    to.request.path = base + "/v1/chat/completions";
    if (to.stream)
      body["stream"] = true;
  } else {
    to.request.path = base + (to.stream ? "/v1/chat/stream" : "/v1/chat");
  }
  to.request.body = body.dump();
}

watched read_watched(const std::string& text) {
  auto equals = text.find('=');
  watched result{text.substr(0, equals), {}};
  std::istringstream numbers(equals == std::string::npos ? "" : text.substr(equals + 1));
  for (std::string number; std::getline(numbers, number, ',');) {
    int pid = 0;
    if (std::sscanf(number.c_str(), "%d", &pid) != 1 || pid < 1)
      refuse("--pid takes NAME=PID[,PID...], not " + text);
    result.pids.push_back(pid);
  }
  if (result.pids.empty())
    refuse("--pid takes NAME=PID[,PID...], not " + text);
  return result;
}

void check(raw_options& raw, plan& to) {
  read_url(raw.url, to);
  auto expect = to.expect;
  bool stream = to.stream;
  fill_in_call(raw, to);
  if (!expect.empty())
    to.expect = expect;
  to.stream = to.stream || stream;
  if (!raw.body.empty()) {
    to.request.body = raw.body.front() == '@' ? content_of(raw.body.substr(1)) : raw.body;
    to.request.method = "POST";
  }
  if (!raw.method.empty())
    to.request.method = raw.method;
  to.request.headers.insert(to.request.headers.end(), raw.headers.begin(), raw.headers.end());
  to.keys = raw.keys;
  if (!raw.keys_file.empty()) {
    std::istringstream lines(content_of(raw.keys_file));
    for (std::string line; std::getline(lines, line);)
      if (!line.empty())
        to.keys.push_back(line);
  }
  if (raw.per_second > 0)
    to.per_second = raw.per_second;
  if (raw.requests_max > 0)
    to.requests_max = raw.requests_max;
  to.arrivals = raw.poisson ? schedule::kind::poisson : schedule::kind::uniform;
  to.threads = std::min(to.threads, to.connections);
  for (const auto& text : raw.pids)
    to.processes.push_back(read_watched(text));
}

void declare_request(CLI::App& app, raw_options& raw, plan& to) {
  app.add_option("URL", raw.url, "http://HOST[:PORT][/PATH]")->required();
  app.add_option("--call", raw.call, "fill in path, headers and body of a known call")
      ->check(CLI::IsMember({"run", "chat", "chat-stream", "openai", "openai-stream"}));
  app.add_option("--agent", raw.agent, "--call run: the agent")->capture_default_str();
  app.add_option("--model", raw.model, "the model of a chat");
  app.add_option("--text", raw.text, "what the user says")->capture_default_str();
  app.add_option("-X,--method", raw.method, "default: GET, with a body POST");
  app.add_option("-H,--header", raw.headers, "'Name: value'; {key} and {n} are replaced")
      ->allow_extra_args(false);
  app.add_option("-b,--body", raw.body, "the body, or @FILE; {key} and {n} are replaced");
  app.add_option("-k,--key", raw.keys, "API keys, taken in turn (repeat)")->allow_extra_args(false);
  app.add_option("--keys", raw.keys_file, "a file of API keys, one a line");
  app.add_option("--first-number", to.first_number, "{n} counts from here");
  app.add_flag("--stream", to.stream, "answers are event streams: count events");
  app.add_option("--expect", to.expect, "what each answer's body must hold");
}

void declare_load(CLI::App& app, raw_options& raw, plan& to) {
  app.add_option("-c,--connections", to.connections, "all opened before the start")
      ->capture_default_str()
      ->check(CLI::Range(1, 19000));
  app.add_option("-t,--threads", to.threads)->capture_default_str()->check(CLI::Range(1, 64));
  app.add_option("-r,--rate", raw.per_second,
                 "open loop: so many requests a second, come what may; latency counts from when "
                 "each was due. Without it each connection asks again at once (closed loop)")
      ->check(CLI::Range(0.001, 1e7));
  app.add_flag("--poisson", raw.poisson, "open loop: independent arrivals, not evenly spaced ones");
  app.add_option("--seed", to.seed, "of the arrivals")->capture_default_str();
  app.add_option("-w,--warmup", to.warmup_s, "s, not counted")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 3600.0));
  app.add_option("-d,--duration", to.duration_s, "s, counted")
      ->capture_default_str()
      ->check(CLI::Range(0.01, 86400.0));
  app.add_option("-n,--requests", raw.requests_max, "stop after so many");
  app.add_option("--timeout", to.timeout_s, "s for an answer; of a stream: between two pieces")
      ->capture_default_str();
  app.add_option("--drain", to.drain_s, "s to wait for answers after the end")
      ->capture_default_str();
}

} // namespace

options_result read_options(int argc, char** argv) {
  raw_options raw;
  plan result;
  CLI::App app{"ares-bench: asks an HTTP server many questions, and says how it answered"};
  declare_request(app, raw, result);
  declare_load(app, raw, result);
  app.add_option("--pid", raw.pids, "NAME=PID[,PID...]: measure CPU and memory of these (repeat)")
      ->allow_extra_args(false);
  app.add_option("--json", result.json_path, "write the result here; - for standard output");
  app.add_flag("-q,--quiet", result.quiet, "no progress, no summary");
  try {
    app.parse(argc, argv);
    check(raw, result);
  } catch (const CLI::ParseError& error) {
    return {std::nullopt, app.exit(error)};
  } catch (const std::invalid_argument& error) {
    std::cerr << "ares-bench: " << error.what() << '\n';
    return {std::nullopt, 2};
  }
  return {result, 0};
}

} // namespace ares::bench
