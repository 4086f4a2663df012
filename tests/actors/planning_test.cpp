#include "actors/planning.hpp"
#include "tests/catch.hpp"

using namespace ares;

namespace {

config some_config() {
  config c;
  c.models["a"] = {"a", "sim", "up-a", 0.5, 100, {"b", "c"}};
  c.models["b"] = {"b", "sim", "", {}, {}, {}};
  c.models["c"] = {"c", "other", "up-c", {}, {}, {}};
  return c;
}

std::vector<std::string> names(const run_plan& p) {
  std::vector<std::string> all;
  for (const auto& m : p.models)
    all.push_back(m.name);
  return all;
}

agent_config agent(std::string model) {
  agent_config a;
  a.model = std::move(model);
  return a;
}

std::shared_ptr<store::agent_snapshot> snapshot(std::string name, std::string type,
                                                bool active = true) {
  auto s = std::make_shared<store::agent_snapshot>();
  s->name = std::move(name);
  s->agent_type = std::move(type);
  s->active = active;
  s->config = agent("b");
  return s;
}

start_chat chat() {
  start_chat c;
  c.messages = {{chat_message::role::user, "hello", {}, {}}};
  return c;
}

} // namespace

TEST_CASE("a run gets its system prompt and one user message") {
  auto a = agent("a");
  a.system_prompt = "Be brief.";
  a.tools = {"calculator"};
  a.output_schema = json::object();
  a.max_retries = 7;
  start_run r;
  r.user_message = "hello";
  const auto p = plan_run(some_config(), a, r);
  REQUIRE(p);
  REQUIRE(p->messages.size() == 2);
  CHECK(p->messages[0].from == chat_message::role::system);
  CHECK(p->messages[0].content == "Be brief.");
  CHECK(p->messages[1].content == "hello");
  CHECK(p->tools.size() == 1);
  CHECK(p->output_schema);
  CHECK(p->max_retries == 7);
  CHECK(p->is_run);
}

TEST_CASE("the models are the agent's, its fallbacks, then the model's own, each once") {
  auto a = agent("a");
  a.fallback_models = {"c", "gone", "a"};
  const auto p = plan_run(some_config(), a, {});
  REQUIRE(p);
  CHECK(names(*p) == std::vector<std::string>{"a", "c", "b"});
  CHECK(p->models[0].upstream_name == "up-a");
  CHECK(p->models[0].max_tokens == 100);
  CHECK(p->models[2].upstream_name == "b");
}

TEST_CASE("an unknown model or tool is a 422") {
  CHECK(plan_run(some_config(), agent("gone"), {}).failure().code == errc::unknown_model);
  auto a = agent("a");
  a.tools = {"shell"};
  CHECK(plan_run(some_config(), a, {}).failure().code == errc::unknown_tool);
  auto c = chat();
  c.model = "gone";
  CHECK(plan_chat(some_config(), nullptr, c).failure().code == errc::unknown_model);
}

TEST_CASE("a chat's model is its own, else the agent's, else the default, else the first by name") {
  auto conf = some_config();
  const auto agent = snapshot("worker", "classifier"); // with model b
  auto c = chat();
  CHECK(names(*plan_chat(conf, nullptr, c))[0] == "a");
  conf.server.default_model = "c";
  CHECK(names(*plan_chat(conf, nullptr, c))[0] == "c");
  CHECK(names(*plan_chat(conf, agent.get(), c))[0] == "b");
  c.model = "a";
  CHECK(names(*plan_chat(conf, agent.get(), c))[0] == "a");
  CHECK(plan_chat({}, nullptr, chat()).failure().code == errc::unknown_model);
}

TEST_CASE(
    "a chat has the agent's prompt before its own messages, and a stream only if it asks for one") {
  auto a = snapshot("worker", "classifier");
  a->config.system_prompt = "Be brief.";
  auto c = chat();
  auto p = plan_chat(some_config(), a.get(), c);
  REQUIRE(p);
  CHECK_FALSE(p->is_run);
  CHECK_FALSE(p->stream);
  REQUIRE(p->messages.size() == 2);
  CHECK(p->messages[1].content == "hello");
  c.stream = true;
  CHECK(plan_chat(some_config(), a.get(), c)->stream);
}

TEST_CASE("agent_type picks an active agent by type, the lowest name first, else by name") {
  store::tenant_snapshot t;
  t.agents["a"] = snapshot("a", "analyst", false);
  t.agents["b"] = snapshot("b", "analyst");
  t.agents["c"] = snapshot("c", "analyst");
  t.agents["analyst"] = snapshot("analyst", "other");
  t.agents["d"] = snapshot("d", "writer", false);
  CHECK(agent_for_chat(t, "analyst")->name == "b");
  CHECK(agent_for_chat(t, "c")->name == "c");
  CHECK(agent_for_chat(t, "writer") == nullptr);
  CHECK(agent_for_chat(t, "d") == nullptr);
  CHECK(agent_for_chat(t, "none") == nullptr);
}
