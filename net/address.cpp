#include "address.hpp"
#include "error.hpp"
#include <boost/asio/ip/address.hpp>
#include <charconv>

namespace dunlin {

host_port parse_address(std::string_view address) {
    auto colon = address.rfind(':');
    if (colon == address.npos || colon == 0 || address.size() > 512) fail(net_error::bad_address, std::string(address));
    auto host = address.substr(0, colon), digits = address.substr(colon + 1);
    bool bracketed = host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    std::uint16_t port = 0;
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    bool whole = error == std::errc() && end == digits.data() + digits.size();
    bool plain = host.find_first_of("[] \t\r\n/") == host.npos && (host.find(':') != host.npos) == bracketed;
    if (!whole || !plain || host.empty()) fail(net_error::bad_address, std::string(address));
    return {std::string(host), port};
}

std::string address_text(std::string_view host, std::uint16_t port) {
    auto text = host.find(':') == host.npos ? std::string(host) : "[" + std::string(host) + "]";
    return text + ":" + std::to_string(port);
}

std::string_view host_of(std::string_view address) {
    auto colon = address.rfind(':');
    bool bare_v6 = address.find(':') != colon && !address.starts_with('[');
    auto host = colon == address.npos || bare_v6 || address.ends_with(']') ? address : address.substr(0, colon);
    if (host.size() > 1 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    return host;
}

bool is_loopback(std::string_view address) {
    auto host = host_of(address);
    if (host == "localhost") return true;
    boost::system::error_code no;
    auto ip = boost::asio::ip::make_address(std::string(host), no);
    if (no) return false;
    if (ip.is_v6() && ip.to_v6().is_v4_mapped())
        return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, ip.to_v6()).is_loopback();
    return ip.is_loopback();
}

} // namespace dunlin
