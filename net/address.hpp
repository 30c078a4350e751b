// Addresses as text: "host:port", an IPv6 host in brackets. Pure; nothing is looked up.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace dunlin {

struct host_port {
    std::string host; // without brackets
    std::uint16_t port = 0;
};

/// Throws net_error::bad_address, which names the text.
host_port parse_address(std::string_view address);
std::string address_text(std::string_view host, std::uint16_t port);
/// The host of "host:port"; what cannot be parsed is a host as it stands.
std::string_view host_of(std::string_view address);
/// 127.0.0.0/8, ::1, either of them mapped, and "localhost", with or without a port. Other names are not, whatever
/// they resolve to.
bool is_loopback(std::string_view address);

} // namespace dunlin
