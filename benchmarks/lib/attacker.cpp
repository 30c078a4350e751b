#include "attacker.hpp"
#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bench {
namespace {

using steady = std::chrono::steady_clock;
constexpr std::size_t slow_sockets = 10'000, flood_sockets = 64;
constexpr std::uint32_t hosts = 200;

struct order_bytes {
    attack what = attack::none;
    std::uint32_t ports = 0;
    std::uint16_t port[8]{};
    std::uint32_t first_size = 0;
    char first[128]{};
};

class crowd {
    struct one {
        int fd = -1;
        bool connected = false;
        std::size_t sent = 0;
        steady::time_point next{};
    };
    int poll_ = ::epoll_create1(0);
    std::vector<one> all_;
    attack what_ = attack::none;
    order_bytes aim_;
    std::string noise_ = std::string(1024, 'x');
    std::uint64_t made_ = 0;
    std::uint32_t turn_ = 0;

    void drop(one& s, std::chrono::milliseconds rest) {
        if (s.fd >= 0) ::close(s.fd); // with a reset: no port waits
        s = {}, s.next = steady::now() + rest;
    }
    void open(std::size_t n) {
        auto& s = all_[n];
        s.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (s.fd < 0) return drop(s, std::chrono::milliseconds(100));
        linger at_once{1, 0};
        ::setsockopt(s.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        int one_more = 1;
        ::setsockopt(s.fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one_more, sizeof one_more);
        sockaddr_in from{}, to{};
        from.sin_family = to.sin_family = AF_INET;
        from.sin_addr.s_addr = htonl((127u << 24) + 2 + turn_ % hosts);
        to.sin_addr.s_addr = htonl((127u << 24) + 1), to.sin_port = htons(aim_.port[turn_++ % aim_.ports]);
        ::bind(s.fd, reinterpret_cast<sockaddr*>(&from), sizeof from);
        if (::connect(s.fd, reinterpret_cast<sockaddr*>(&to), sizeof to) && errno != EINPROGRESS)
            return drop(s, std::chrono::milliseconds(100));
        ++made_;
        epoll_event e{};
        e.events = EPOLLOUT | EPOLLIN | EPOLLRDHUP, e.data.u64 = n;
        ::epoll_ctl(poll_, EPOLL_CTL_ADD, s.fd, &e);
    }
    std::chrono::milliseconds rest() const { return std::chrono::milliseconds(what_ == attack::slow ? 1000 : 0); }
    std::string_view text() const {
        return what_ == attack::garbage ? std::string_view(noise_) : std::string_view(aim_.first, aim_.first_size);
    }
    void happened(std::size_t n, std::uint32_t events) {
        auto& s = all_[n];
        if (s.fd < 0) return;
        if (events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) return drop(s, rest());
        if (!s.connected && (events & EPOLLOUT)) {
            s.connected = true;
            epoll_event e{};
            e.events = EPOLLIN | EPOLLRDHUP, e.data.u64 = n;
            ::epoll_ctl(poll_, EPOLL_CTL_MOD, s.fd, &e);
            if (what_ != attack::slow) { // all of it, and away
                (void)!::send(s.fd, text().data(), text().size(), MSG_NOSIGNAL);
                s.next = steady::now() + std::chrono::milliseconds(20);
            }
        }
        char sink[4096];
        if ((events & EPOLLIN) && ::recv(s.fd, sink, sizeof sink, 0) == 0) drop(s, rest());
    }
    void move_on(std::size_t n, steady::time_point now) {
        auto& s = all_[n];
        if (now < s.next) return;
        if (s.fd < 0) return open(n);
        if (!s.connected) return;
        if (what_ != attack::slow) return drop(s, rest());
        s.next = now + std::chrono::seconds(1);
        if (s.sent < text().size() && ::send(s.fd, text().data() + s.sent, 1, MSG_NOSIGNAL) == 1) ++s.sent;
    }

public:
    void obey(order_bytes const& o) {
        if (o.ports) aim_ = o;
        what_ = o.what;
        for (auto& s : all_)
            if (s.fd >= 0) ::close(s.fd);
        all_.assign(what_ == attack::slow ? slow_sockets : what_ == attack::none ? 0 : flood_sockets, {});
        made_ = 0;
    }
    attacker::told tell() const {
        return {made_, std::uint64_t(std::count_if(all_.begin(), all_.end(), [](auto& s) { return s.connected; }))};
    }
    void step() {
        epoll_event ready[256];
        auto n = ::epoll_wait(poll_, ready, 256, all_.empty() ? 50 : 0);
        for (int k = 0; k < n; ++k) happened(ready[k].data.u64, ready[k].events);
        auto now = steady::now();
        for (std::size_t k = 0; k < all_.size(); ++k) move_on(k, now);
        if (what_ == attack::slow) ::usleep(2000);
    }
};

[[noreturn]] void attack_until_told(int orders, int answers) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
    crowd all;
    for (;;) {
        pollfd p{orders, POLLIN, 0};
        if (::poll(&p, 1, 0) > 0) {
            order_bytes o;
            if (::read(orders, &o, sizeof o) != ssize_t(sizeof o) || o.what == attack::end) ::_exit(0);
            auto t = all.tell();
            all.obey(o);
            if (::write(answers, &t, sizeof t) < 0) ::_exit(0);
        }
        all.step();
    }
}

} // namespace

attacker::attacker() {
    int down[2], up[2];
    if (::pipe2(down, O_CLOEXEC) || ::pipe2(up, O_CLOEXEC)) throw std::runtime_error("no pipe");
    child_ = ::fork();
    if (child_ == 0) {
        ::close(down[1]), ::close(up[0]);
        attack_until_told(down[0], up[1]);
    }
    ::close(down[0]), ::close(up[1]);
    orders_ = down[1], answers_ = up[0];
}

attacker::~attacker() {
    order_bytes o;
    o.what = attack::end;
    (void)!::write(orders_, &o, sizeof o);
    ::close(orders_), ::close(answers_);
    ::waitpid(child_, nullptr, 0);
}

void attacker::aim(std::vector<std::uint16_t> const& ports, std::string const& first_frame) {
    order_bytes o;
    o.ports = std::uint32_t(std::min<std::size_t>(ports.size(), 8));
    std::copy_n(ports.begin(), o.ports, o.port);
    o.first_size = std::uint32_t(std::min(first_frame.size(), sizeof o.first));
    std::memcpy(o.first, first_frame.data(), o.first_size);
    told t;
    if (::write(orders_, &o, sizeof o) != ssize_t(sizeof o) || ::read(answers_, &t, sizeof t) != ssize_t(sizeof t))
        throw std::runtime_error("the attacker has gone");
}

attacker::told attacker::order(attack what) {
    order_bytes o;
    o.what = what;
    told t;
    if (::write(orders_, &o, sizeof o) != ssize_t(sizeof o) || ::read(answers_, &t, sizeof t) != ssize_t(sizeof t))
        throw std::runtime_error("the attacker has gone");
    return t;
}

} // namespace bench
