// TCP: the transport of a node outside the simulator. See seams.hpp for its rules, address.hpp for addresses.
//
// Names are resolved by the system when connecting, and all their addresses tried in order; "localhost" to listen on
// is 127.0.0.1, never asked for. Small writes go out at once (no Nagle). IPv4 in IPv6 is shown as IPv4.
// Errors  net_error::bad_address, not_found; else the system's, with the address in their text.
#pragma once
#include "seams.hpp"

namespace dunlin {

class tcp_transport final : public transport {
public:
    /// Can be cancelled except while a name is resolved, which takes as long as the system's resolver does.
    awaitable<std::unique_ptr<stream>> connect(any_io_executor executor, std::string address) override;
    std::unique_ptr<acceptor> listen(any_io_executor executor, std::string const& address) override;
};

} // namespace dunlin
