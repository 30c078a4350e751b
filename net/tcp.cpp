#include "tcp.hpp"
#include "address.hpp"
#include "error.hpp"
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

namespace dunlin {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using boost::system::system_error;

std::string text_of(tcp::endpoint const& e) {
    auto ip = e.address();
    if (ip.is_v6() && ip.to_v6().is_v4_mapped()) ip = asio::ip::make_address_v4(asio::ip::v4_mapped, ip.to_v6());
    return address_text(ip.to_string(), e.port());
}

class tcp_stream final : public stream {
    tcp::socket socket_;
    std::string remote_;

public:
    explicit tcp_stream(tcp::socket socket) : socket_(std::move(socket)) {
        error_code ignored; // a peer that is gone already is noticed at the first read
        socket_.set_option(tcp::no_delay(true), ignored);
        remote_ = text_of(socket_.remote_endpoint(ignored));
    }
    ~tcp_stream() override { close(); }

    awaitable<std::size_t> read_some(asio::mutable_buffer into) override {
        co_return co_await socket_.async_read_some(into, asio::use_awaitable);
    }
    awaitable<void> write(asio::const_buffer bytes) override {
        co_await asio::async_write(socket_, bytes, asio::use_awaitable);
    }
    void close() override {
        error_code ignored;
        socket_.shutdown(tcp::socket::shutdown_both, ignored);
        socket_.close(ignored);
    }
    std::string remote_address() const override { return remote_; }
};

class tcp_acceptor final : public acceptor {
    static constexpr int backlog = 128;
    tcp::acceptor acceptor_;
    std::string local_;

public:
    tcp_acceptor(any_io_executor executor, tcp::endpoint const& at) : acceptor_(std::move(executor), at.protocol()) {
        acceptor_.set_option(tcp::acceptor::reuse_address(true));
        acceptor_.bind(at);
        acceptor_.listen(backlog); // short: who waits longer than that does so at home
        local_ = text_of(acceptor_.local_endpoint());
    }

    awaitable<std::unique_ptr<stream>> accept() override {
        auto socket = co_await acceptor_.async_accept(asio::use_awaitable);
        std::unique_ptr<stream> made = std::make_unique<tcp_stream>(std::move(socket));
        co_return made;
    }
    void close() override {
        error_code ignored;
        acceptor_.close(ignored);
    }
    std::string local_address() const override { return local_; }
};

} // namespace

awaitable<std::unique_ptr<stream>> tcp_transport::connect(any_io_executor executor, std::string address) {
    auto to = parse_address(address);
    error_code error;
    tcp::resolver::results_type found;
    if (auto ip = asio::ip::make_address(to.host, error); !error) {
        found = tcp::resolver::results_type::create(tcp::endpoint(ip, to.port), to.host, {});
    } else {
        tcp::resolver resolver(executor);
        auto port = std::to_string(to.port);
        auto flags = tcp::resolver::numeric_service;
        auto token = asio::redirect_error(asio::use_awaitable, error);
        found = co_await resolver.async_resolve(to.host, port, flags, token);
        if (error == asio::error::operation_aborted) throw system_error(error, address);
        if (error || found.empty()) fail(net_error::not_found, address);
    }
    tcp::socket socket(executor);
    auto token = asio::redirect_error(asio::use_awaitable, error);
    co_await asio::async_connect(socket, found, token);
    if (error) throw system_error(error, address);
    std::unique_ptr<stream> made = std::make_unique<tcp_stream>(std::move(socket));
    co_return made;
}

std::unique_ptr<acceptor> tcp_transport::listen(any_io_executor executor, std::string const& address) {
    auto at = parse_address(address);
    if (at.host == "localhost") at.host = "127.0.0.1";
    error_code error;
    auto ip = asio::ip::make_address(at.host, error);
    try {
        if (!error) return std::make_unique<tcp_acceptor>(executor, tcp::endpoint(ip, at.port));
        tcp::resolver resolver(executor); // once, at start
        auto found = resolver.resolve(at.host, std::to_string(at.port), tcp::resolver::numeric_service, error);
        if (error || found.empty()) fail(net_error::not_found, address);
        return std::make_unique<tcp_acceptor>(executor, found.begin()->endpoint());
    } catch (system_error const& e) {
        if (e.code().category() == net_category()) throw;
        throw system_error(e.code(), "listen on " + address);
    }
}

} // namespace dunlin
