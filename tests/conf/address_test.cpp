#include "conf/address.hpp"
#include "tests/catch.hpp"

using namespace ares;

TEST_CASE("an address lies in its own network and in no other") {
  CHECK(address_in("10.1.2.3", "10.0.0.0/8"));
  CHECK(address_in("10.1.2.3", "10.1.2.3"));
  CHECK(address_in("10.1.2.3", "0.0.0.0/0"));
  CHECK(address_in("10.1.2.3", "10.1.2.2/31"));
  CHECK_FALSE(address_in("10.1.2.4", "10.1.2.2/31"));
  CHECK_FALSE(address_in("11.1.2.3", "10.0.0.0/8"));
  CHECK(address_in("2001:db8::1", "2001:db8::/32"));
  CHECK_FALSE(address_in("2001:db9::1", "2001:db8::/32"));
  CHECK_FALSE(address_in("2001:db8::1", "10.0.0.0/8"));
}

TEST_CASE("an IPv4 client on an IPv6 socket is the same client") {
  CHECK(address_in("::ffff:10.1.2.3", "10.0.0.0/8"));
  CHECK(address_in("10.1.2.3", "::ffff:10.0.0.0/104"));
}

TEST_CASE("what is no address lies nowhere") {
  CHECK_FALSE(address_in("", "0.0.0.0/0"));
  CHECK_FALSE(address_in("10.1.2.3", ""));
  CHECK_FALSE(address_in("unix:", "unix:"));
  for (const auto* text :
       {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0", "::/129", "a"})
    CHECK_FALSE(is_network(text));
  CHECK(is_network("::/128"));
  CHECK(is_network("::1"));
}
