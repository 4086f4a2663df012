#include "http/cli_client.hpp"

#include "conf/ids.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <memory>

namespace ares::http {

namespace {

constexpr long connect_ms_max = 5000;
constexpr long answer_ms_max = 120000; // a large tenant's removal takes its time
constexpr std::size_t answer_bytes_max = 256u << 20;
constexpr std::size_t page_limit = 1000;

struct curl_world {
  curl_world() { curl_global_init(CURL_GLOBAL_DEFAULT); }
  ~curl_world() { curl_global_cleanup(); }
};

std::size_t keep(char* bytes, std::size_t, std::size_t count, void* into) {
  auto& text = *static_cast<std::string*>(into);
  if (text.size() + count > answer_bytes_max)
    return 0; // ends the transfer
  text.append(bytes, count);
  return count;
}

using handle = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using header_list = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

header_list headers(const std::string& secret) {
  curl_slist* list = nullptr;
  for (const auto& line : {"X-Admin-Secret: " + secret,
                           std::string("Content-Type: application/json"), std::string("Expect:")})
    list = curl_slist_append(list, line.c_str());
  return {list, &curl_slist_free_all};
}

void set_up(CURL* curl, const std::string& url, const char* method, std::string& answer) {
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_NOPROXY, "*"); // the secret goes to the node and nowhere else
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, connect_ms_max);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, answer_ms_max);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &keep);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
}

/// The server's sentence, in one line.
std::string sentence(const ordered_json& answer, long status) {
  std::string said;
  if (answer.is_object() && answer.contains("error") && answer["error"].is_string())
    said = answer["error"].get<std::string>();
  if (said.empty())
    return "the server answered with status " + std::to_string(status);
  const auto is_control = [](unsigned char c) { return c < 0x20; };
  std::replace_if(said.begin(), said.end(), is_control, ' ');
  return said;
}

} // namespace

std::string percent_encoded(const std::string& text) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string encoded;
  for (unsigned char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       std::string_view("-._~").find(static_cast<char>(c)) != std::string::npos;
    if (plain) {
      encoded += static_cast<char>(c);
    } else {
      encoded += '%';
      encoded += digits[c >> 4];
      encoded += digits[c & 15];
    }
  }
  return encoded;
}

operator_client::operator_client(std::string url, std::string admin_secret, std::string ca_file)
    : url_(std::move(url)), secret_(std::move(admin_secret)), ca_file_(std::move(ca_file)) {
  static const curl_world world;
  while (url_.ends_with('/'))
    url_.pop_back();
  if (!url_.starts_with("http://") && !url_.starts_with("https://"))
    throw operator_failure(operator_failure::usage, "--url: must start with http:// or https://");
  if (secret_.find_first_of("\r\n") != std::string::npos)
    throw operator_failure(operator_failure::usage, "ARES_ADMIN_SECRET: must be one line");
}

ordered_json operator_client::call(const char* method, const std::string& path,
                                   const ordered_json* body) {
  const handle curl(curl_easy_init(), &curl_easy_cleanup);
  if (!curl)
    throw operator_failure(operator_failure::unreachable, "out of memory");
  const auto lines = headers(secret_);
  std::string answer, sent;
  set_up(curl.get(), url_ + "/api/admin" + path, method, answer);
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, lines.get());
  if (body) {
    sent = body->dump(-1, ' ', false, ordered_json::error_handler_t::replace);
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, sent.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(sent.size()));
  }
  if (!ca_file_.empty())
    curl_easy_setopt(curl.get(), CURLOPT_CAINFO, ca_file_.c_str());
  std::array<char, CURL_ERROR_SIZE> why{};
  curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, why.data());
  if (const auto code = curl_easy_perform(curl.get()); code != CURLE_OK)
    throw operator_failure(
        operator_failure::unreachable,
        "cannot reach " + url_ + ": " + (why[0] != '\0' ? why.data() : curl_easy_strerror(code)) +
            (code == CURLE_PEER_FAILED_VERIFICATION ? " (--cacert FILE names an authority to trust)"
                                                    : ""));
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  auto parsed = answer.empty() ? ordered_json() : ordered_json::parse(answer, nullptr, false);
  if (status < 200 || status > 299)
    throw operator_failure(operator_failure::refused, sentence(parsed, status));
  if (parsed.is_discarded())
    throw operator_failure(operator_failure::unreachable,
                           url_ + " does not answer like a node of ares");
  return parsed;
}

ordered_json operator_client::list(const std::string& path, const std::string& name,
                                   std::size_t most) {
  auto items = ordered_json::array();
  std::string after;
  while (items.size() < most) {
    const auto limit = std::min(most - items.size(), page_limit);
    std::string asked = path;
    asked.append("?limit=").append(std::to_string(limit)).append(after);
    auto page = get(asked);
    if (!page.is_object() || !page.contains(name) || !page[name].is_array())
      throw operator_failure(operator_failure::unreachable,
                             url_ + " does not answer like a node of ares");
    for (auto& item : page[name])
      items.push_back(std::move(item));
    if (!page.contains("next") || !page["next"].is_string())
      break;
    after = "&after=" + percent_encoded(page["next"].get<std::string>());
  }
  return {{name, std::move(items)}};
}

std::string operator_client::tenant_path(const std::string& name_or_id) {
  if (tenant_id::parse(name_or_id))
    return "/tenants/" + name_or_id;
  const auto found = get("/tenants?name=" + percent_encoded(name_or_id));
  const auto tenants =
      found.is_object() ? found.value("tenants", ordered_json::array()) : ordered_json::array();
  for (const auto& t : tenants)
    if (t.value("name", "") == name_or_id)
      return "/tenants/" + t.value("id", "");
  throw operator_failure(operator_failure::refused, "No tenant is named '" + name_or_id + "'");
}

} // namespace ares::http
