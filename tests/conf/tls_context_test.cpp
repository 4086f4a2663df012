#include "tests/conf/config_fixture.hpp"
#include "tests/self_signed.hpp"

#include <unistd.h>

using namespace ares;
using namespace ares::test;

namespace {

std::string pair(const std::string& certificate, const std::string& key) {
  return "[server]\ntls_cert = \"" + certificate + "\"\ntls_key = \"" + key + "\"";
}

} // namespace

TEST_CASE("a certificate and its key make a context, and its end is known") {
  const self_signed good("IP:127.0.0.1");
  const auto read = load(pair(good.pem_file(), good.key_file()));
  REQUIRE(read);
  REQUIRE(read->server.tls);
  CHECK(certificate_end(read->server.tls) > time(nullptr));
}

TEST_CASE("a pair that cannot be used is refused with the line of the file at fault") {
  const self_signed good("IP:127.0.0.1"), other("IP:127.0.0.1");
  const auto cert = good.pem_file(), key = good.key_file();
  const temporary_file empty(""), torn("-----BEGIN CERTIFICATE-----\nMIIB\n"), text("no PEM");

  CHECK(complaint(pair("/none/cert.pem", key)) ==
        "FILE:2: server.tls_cert: \"/none/cert.pem\" cannot be read: No such file or directory");
  CHECK(complaint(pair(cert, "/none/key.pem")) ==
        "FILE:3: server.tls_key: \"/none/key.pem\" cannot be read: No such file or directory");
  CHECK(complaint(pair(cert, other.key_file())) ==
        "FILE:3: server.tls_key: \"" + other.key_file() +
            "\" is not the key of the certificate in \"" + cert + "\"");
  for (const auto* bad : {&empty, &torn, &text}) {
    CHECK(complaint(pair(bad->path(), key)).starts_with("FILE:2: server.tls_cert: \""));
    CHECK(complaint(pair(cert, bad->path())).starts_with("FILE:3: server.tls_key: \""));
  }
  CHECK(complaint(pair(key, cert)).starts_with("FILE:2: server.tls_cert: \"" + key));
  CHECK(complaint(pair("/tmp", key)).starts_with("FILE:2: server.tls_cert: "));
}

TEST_CASE("a key behind a passphrase is refused, and nobody asked for it") {
  const self_signed good("IP:127.0.0.1");
  const temporary_file locked("");
  FILE* const file = fopen(locked.path().c_str(), "w");
  REQUIRE(file != nullptr);
  EVP_PKEY* const made = EVP_EC_gen("P-256");
  char word[] = "word";
  PEM_write_PrivateKey(file, made, EVP_aes_128_cbc(), reinterpret_cast<unsigned char*>(word), 4,
                       nullptr, nullptr);
  EVP_PKEY_free(made);
  fclose(file);
  CHECK(complaint(pair(good.pem_file(), locked.path())).starts_with("FILE:3: server.tls_key: "));
}
