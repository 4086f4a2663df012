#include "http/backup_commands.hpp"

#include "conf/log.hpp"
#include "store/backup.hpp"
#include "store/private_server.hpp"
#include "store/schema.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <thread>

namespace ares::http {

namespace {

using clock = std::chrono::steady_clock;

constexpr auto connect_patience = std::chrono::seconds(10);
constexpr auto progress_pause = std::chrono::milliseconds(200);
constexpr std::size_t tenants_per_page = 500;

int complain(const std::string& why) {
  std::fprintf(stderr, "ares: %s\n", why.c_str());
  return 1;
}

/// The configured store: the named one, that of a node that runs, or a private server for as long
/// as this takes.
class open_store {
public:
  result<std::monostate> open(const config& conf) {
    store::redis_options options;
    options.url = conf.store.url;
    if (options.url.empty())
      options.url = store::private_server::running(conf.store.data_dir);
    if (options.url.empty()) {
      auto started = store::private_server::start(
          {conf.store.data_dir, conf.store.fsync, conf.store.max_memory_mb, conf.secret_env_names});
      if (!started)
        return started.failure();
      server_ = std::move(*started);
      options.url = server_->url();
    }
    connection_ = std::make_unique<store::redis>(std::move(options), time);
    const auto until = clock::now() + connect_patience;
    while (!connection_->ready()) {
      if (clock::now() > until)
        return error{errc::store_unavailable, "the store cannot be reached"};
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    tenants_ = std::make_unique<store::tenant_store>(*connection_, time, ids);
    return store::check_schema(*connection_);
  }

  store::redis& connection() { return *connection_; }
  store::tenant_store& tenants() { return *tenants_; }

  store_clock time;
  id_generator ids{[this] { return time.now_ms(); }};

private:
  std::unique_ptr<store::private_server> server_; // outlives the connection
  std::unique_ptr<store::redis> connection_;
  std::unique_ptr<store::tenant_store> tenants_;
};

/// One line on a terminal that is written over, now and then.
class progress {
public:
  void show(const store::backup_counts& c) {
    const auto now = clock::now();
    if (!terminal_ || now < next_)
      return;
    next_ = now + progress_pause;
    std::fprintf(stderr, "\r\033[K%lld tenants, %lld runs", static_cast<long long>(c.tenants),
                 static_cast<long long>(c.runs));
    std::fflush(stderr);
  }
  void clear() const {
    if (terminal_)
      std::fprintf(stderr, "\r\033[K");
  }

private:
  bool terminal_ = isatty(STDERR_FILENO) == 1;
  clock::time_point next_{};
};

void summarise(const char* what, const store::backup_counts& c) {
  std::string text = std::string(what) + ' ' + std::to_string(c.tenants) + " tenants, " +
                     std::to_string(c.agents) + " agents, " + std::to_string(c.keys) + " keys, " +
                     std::to_string(c.runs) + " runs, " + std::to_string(c.audit_entries) +
                     " audit entries";
  if (c.tenants_skipped > 0)
    text += "; skipped " + std::to_string(c.tenants_skipped) + " tenants that exist already";
  std::fprintf(stderr, "%s\n", text.c_str());
}

/// A file that only its owner can read, under its name once it is complete and on the disk.
class backup_file {
public:
  ~backup_file() {
    if (stream_ && stream_ != stdout) {
      std::fclose(stream_);
      ::unlink(part_.c_str());
    }
  }

  result<std::monostate> open(const std::string& name) {
    name_ = name;
    if (name.empty() || name == "-") {
      stream_ = stdout;
      return std::monostate{};
    }
    part_ = name + ".part";
    const int descriptor = ::open(part_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (descriptor < 0)
      return trouble(part_);
    stream_ = ::fdopen(descriptor, "w");
    return std::monostate{};
  }

  result<std::monostate> write(const std::string& line) {
    if (std::fwrite(line.data(), 1, line.size(), stream_) != line.size() ||
        std::fputc('\n', stream_) == EOF)
      return trouble(name_);
    return std::monostate{};
  }

  result<std::monostate> complete() {
    if (std::fflush(stream_) != 0)
      return trouble(name_);
    if (stream_ == stdout)
      return std::monostate{};
    if (::fsync(::fileno(stream_)) != 0 || ::rename(part_.c_str(), name_.c_str()) != 0)
      return trouble(name_);
    std::fclose(std::exchange(stream_, nullptr));
    return std::monostate{};
  }

private:
  static error trouble(const std::string& name) {
    return {errc::internal,
            (name.empty() ? "standard output" : name) + ": " + std::strerror(errno)};
  }

  std::string name_, part_;
  std::FILE* stream_ = nullptr;
};

/// All, in the order of a list, or those that were named.
result<std::vector<tenant_id>> wanted_tenants(store::tenant_store& tenants,
                                              const std::vector<std::string>& named) {
  std::vector<tenant_id> wanted;
  for (const auto& text : named) {
    const auto id = tenant_id::parse(text);
    auto found = id ? tenants.get(*id) : tenants.find(text);
    if (!found)
      return error{found.failure().code, text + ": " + found.failure().message};
    wanted.push_back(found->id);
  }
  if (!named.empty())
    return wanted;
  store::page p{tenants_per_page, {}};
  for (;;) {
    auto some = tenants.list(p);
    if (!some)
      return some.failure();
    for (const auto& t : some->items)
      wanted.push_back(t.id);
    if (!some->next)
      return wanted;
    p.after = *some->next;
  }
}

result<store::backup_counts> export_all(open_store& from, const export_task& task,
                                        backup_file& file, progress& shown) {
  std::optional<store::tenant_export> writer;
  writer.emplace(from.connection(), from.time, [&](const std::string& line) {
    shown.show(writer->counts());
    return file.write(line);
  });
  auto wanted = wanted_tenants(from.tenants(), task.tenants);
  if (!wanted)
    return wanted.failure();
  if (auto begun = writer->begin(); !begun)
    return begun.failure();
  for (const auto& t : *wanted) {
    auto written = writer->tenant(t);
    // Of a list of all, one that was removed meanwhile is simply none of them any more.
    const bool removed = !written && written.failure().code == errc::not_found;
    if (!written && !(removed && task.tenants.empty()))
      return written.failure();
  }
  if (task.tenants.empty())
    if (auto written = writer->audit(); !written)
      return written.failure();
  if (auto complete = file.complete(); !complete)
    return complete.failure();
  return writer->counts();
}

result<store::backup_counts> import_all(open_store& into, std::istream& lines,
                                        const import_task& task, progress& shown) {
  store::tenant_import reader(into.connection(), into.tenants(), into.ids,
                              task.skip_existing ? store::existing_tenants::skip
                                                 : store::existing_tenants::refuse);
  const std::string name = task.input.empty() || task.input == "-" ? "standard input" : task.input;
  std::string line;
  for (std::int64_t number = 1; std::getline(lines, line); ++number) {
    if (auto taken = reader.take(line); !taken) {
      summarise("imported", reader.counts());
      return error{taken.failure().code,
                   name + ":" + std::to_string(number) + ": " + taken.failure().message};
    }
    shown.show(reader.counts());
  }
  if (auto finished = reader.finish(); !finished)
    return error{finished.failure().code, name + ": " + finished.failure().message};
  return reader.counts();
}

} // namespace

int run_export(const config& conf, const export_task& task) {
  open_store from;
  if (auto opened = from.open(conf); !opened)
    return complain(opened.failure().message);
  backup_file file;
  if (auto opened = file.open(task.output); !opened)
    return complain(opened.failure().message);
  progress shown;
  auto counts = export_all(from, task, file, shown);
  shown.clear();
  if (!counts)
    return complain(counts.failure().message);
  summarise("exported", *counts);
  return 0;
}

int run_import(const config& conf, const import_task& task) {
  std::ifstream file;
  const bool from_file = !task.input.empty() && task.input != "-";
  if (from_file) {
    file.open(task.input, std::ios::binary);
    if (!file)
      return complain(task.input + ": " + std::strerror(errno));
  }
  open_store into;
  if (auto opened = into.open(conf); !opened)
    return complain(opened.failure().message);
  progress shown;
  auto counts = import_all(into, from_file ? file : std::cin, task, shown);
  shown.clear();
  if (!counts)
    return complain(counts.failure().message);
  summarise("imported", *counts);
  return 0;
}

} // namespace ares::http
