// The composition root: reads the command line and the environment, and hands over.
#include "actors/tools/tool.hpp"
#include "conf/config.hpp"
#include "http/backup_commands.hpp"
#include "http/cli.hpp"
#include "http/node.hpp"

#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

extern char** environ;

namespace {

std::optional<std::string> variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value ? std::optional<std::string>(value) : std::nullopt;
}

std::vector<std::string> names_of_variables() {
  std::vector<std::string> names;
  for (char** v = environ; *v; ++v) {
    std::string entry = *v;
    names.push_back(entry.substr(0, entry.find('=')));
  }
  return names;
}

ares::result<ares::config> load(const std::string& file, ares::secrets need) {
  return ares::load_config(file, variable, names_of_variables(), ares::tool_names(), need);
}

int serve(const std::string& file) {
  sigset_t signals;
  sigemptyset(&signals);
  for (int s : {SIGTERM, SIGINT, SIGHUP})
    sigaddset(&signals, s);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr); // before any thread: run_node waits for them
  std::signal(SIGPIPE, SIG_IGN);

  auto conf = load(file, ares::secrets::required);
  if (!conf) {
    std::fprintf(stderr, "ares: %s\n", conf.failure().message.c_str());
    return 1;
  }
  ares::log::configure(conf->log_level, conf->log_format);
  return ares::http::run_node(
      {std::move(*conf), [file] { return load(file, ares::secrets::required); }});
}

int check_config(const std::string& file) {
  auto conf = load(file, ares::secrets::optional);
  if (!conf) {
    std::fprintf(stderr, "ares: %s\n", conf.failure().message.c_str());
    return 1;
  }
  std::printf("%s: ok\n", file.empty() ? "defaults" : file.c_str());
  return 0;
}

/// For a command that works on the store itself; `work` gives the exit status.
template <class Work> int with_store(const std::string& file, Work work) {
  std::signal(SIGPIPE, SIG_IGN);
  auto conf = load(file, ares::secrets::optional);
  if (!conf) {
    std::fprintf(stderr, "ares: %s\n", conf.failure().message.c_str());
    return 1;
  }
  ares::log::configure(ares::log::level::warn, conf->log_format);
  return work(*conf);
}

} // namespace

int main(int argc, char** argv) {
  CLI::App app{"ares: a multi-tenant AI-agent server"};
  app.set_version_flag("--version", "ares " ARES_VERSION);
  app.require_subcommand(1);

  std::string file;
  auto* serve_command = app.add_subcommand("serve", "Run a node");
  serve_command->add_option("--config,-c", file, "Configuration (TOML)");
  auto* check_command =
      app.add_subcommand("check-config", "Check a configuration; needs no secret to be set");
  check_command->add_option("--config,-c,file", file, "Configuration (TOML)");
  ares::http::export_task exported;
  auto* export_command =
      app.add_subcommand("export", "Tenants as lines of JSON, to keep or to move");
  export_command->add_option("TENANT", exported.tenants, "Names or ids; all without any");
  export_command->add_option("--output,-o", exported.output, "A file; standard output without it");
  export_command->add_option("--config,-c", file, "Configuration (TOML): which store");
  ares::http::import_task imported;
  auto* import_command = app.add_subcommand("import", "Tenants from what `ares export` wrote");
  import_command->add_option("FILE", imported.input, "Standard input without it, or with -");
  import_command->add_flag("--skip-existing", imported.skip_existing,
                           "Pass over tenants that exist, where they otherwise end the import");
  import_command->add_option("--config,-c", file, "Configuration (TOML): which store");
  ares::http::operator_context operate;
  ares::http::add_operator_commands(app, operate);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    const int status = app.exit(e);
    return status == 0 ? 0 : 2;
  }
  if (*serve_command)
    return serve(file);
  if (*check_command)
    return check_config(file);
  if (*export_command)
    return with_store(file,
                      [&](const auto& conf) { return ares::http::run_export(conf, exported); });
  if (*import_command)
    return with_store(file,
                      [&](const auto& conf) { return ares::http::run_import(conf, imported); });
  return operate.run();
}
