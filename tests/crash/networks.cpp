// Five nodes in network namespaces of their own, on two bridges with a cable between them:
//
//   a, b -- left bridge -- cable -- right bridge -- c, d, e         cut: the cable, or the port of one node, is down
//
// All of it lies in namespaces named dunlin-PID-*, which go at the end. Needs root and iproute2; what a machine does
// not allow is skipped, by name.
#include "scenarios.hpp"
#include <cstdlib>
#include <iostream>

namespace crash {

namespace {

bool run(std::string const& line) { return std::system((line + " >/dev/null 2>&1").c_str()) == 0; }

class networks {
    std::string prefix_ = "dunlin-" + std::to_string(::getpid()) + "-";
    std::size_t nodes_;

    std::string middle() const { return prefix_ + "m"; }
    bool in(std::string const& where, std::string const& words) const { return run("ip -n " + where + " " + words); }

public:
    explicit networks(std::size_t nodes) : nodes_(nodes) {}
    networks(networks const&) = delete;
    ~networks() {
        for (std::size_t i = 0; i < nodes_; ++i) run("ip netns del " + name(i));
        run("ip netns del " + middle());
    }

    std::string name(std::size_t i) const { return prefix_ + std::to_string(i); }
    static std::string address(std::size_t i) { return "10.93.0." + std::to_string(i + 1); }

    /// Empty, or what this machine does not allow.
    std::string make() {
        if (!run("command -v ip")) return "there is no ip (iproute2)";
        if (!run("ip netns add " + middle())) return "network namespaces may not be made (root?)";
        if (!in(middle(), "link add left type bridge") || !in(middle(), "link add right type bridge")) return "no bridges here";
        bool ok = in(middle(), "link set left up") && in(middle(), "link set right up") &&
                  in(middle(), "link add cable type veth peer name elbac") && in(middle(), "link set cable master left up") &&
                  in(middle(), "link set elbac master right up");
        for (std::size_t i = 0; ok && i < nodes_; ++i) {
            auto port = "port" + std::to_string(i);
            ok = run("ip netns add " + name(i)) &&
                 in(middle(), "link add " + port + " type veth peer name eth0 netns " + name(i)) &&
                 in(middle(), "link set " + port + " master " + (i < 2 ? "left" : "right") + " up") &&
                 in(name(i), "addr add " + address(i) + "/24 dev eth0") && in(name(i), "link set eth0 up") &&
                 in(name(i), "link set lo up");
        }
        return ok ? "" : "no virtual cables (veth) here";
    }
    void cut(bool is) { in(middle(), std::string("link set cable ") + (is ? "down" : "up")); }
    void unplug(std::size_t i, bool is) { in(middle(), "link set port" + std::to_string(i) + (is ? " down" : " up")); }
    /// Loss and delay. Empty, or why not.
    std::string spoil() {
        bool ok = true;
        for (std::size_t i = 0; ok && i < nodes_; ++i)
            ok = run("tc -n " + name(i) + " qdisc add dev eth0 root netem delay 15ms 10ms loss 5% duplicate 2% reorder 5%");
        return ok ? "" : "this kernel has no netem (sch_netem)";
    }
    /// A link so narrow, with a queue so short, that packets wait and are dropped. Empty, or why not.
    std::string narrow() {
        bool ok = true;
        for (std::size_t i = 0; ok && i < nodes_; ++i)
            ok = run("tc -n " + name(i) + " qdisc replace dev eth0 root tbf rate 3mbit burst 4kb latency 25ms");
        return ok ? "" : "this kernel has no tbf (sch_tbf)";
    }
};

} // namespace

void cut_networks(std::filesystem::path const& folder, std::uint64_t seed) {
    std::filesystem::create_directory(folder);
    std::mt19937_64 chance(seed);
    networks net(5);
    if (auto why = net.make(); !why.empty()) {
        std::cout << "skipped networks: " << why << std::endl;
        return;
    }
    std::string spoilt = "netem (delay 15 ms, 5 % loss, duplicates, reordering)";
    if (auto why = net.spoil(); !why.empty()) {
        std::cout << "skipped netem (delay, loss, duplicates, reordering of packets): " << why << std::endl;
        spoilt = "a narrow link (tbf: 3 Mbit/s, 25 ms of queue, packets dropped beyond)";
        if (auto no = net.narrow(); !no.empty()) std::cout << "skipped narrow links: " << no << std::endl, spoilt = "good links";
    }
    cluster c(folder, 5);
    for (std::size_t i = 0; i < 5; ++i) c.place(i, net.name(i), net.address(i) + ":0"), c.start(i);
    c.say("work");
    ::poll(nullptr, 0, 300);
    net.cut(true);
    auto before = c.notes().confirmed();
    c.until("both sides of a cut go on", [&] { return c.notes().confirmed() > before + 300; });
    auto victim = 2 + chance() % 3;
    c.kill(victim);
    c.check_alone(victim);
    c.start(victim);
    net.unplug(0, true);
    before = c.confirmed(0);
    c.until("a node that is unplugged goes on", [&] { return c.confirmed(0) > before + 30; });
    net.unplug(0, false), net.cut(false);
    c.converge(milliseconds(60'000));
    std::cout << "networks: 5 nodes in 5 namespaces on " << spoilt << "; a cut, a kill on one side, one node unplugged; "
              << c.notes().confirmed() << " confirmed, all converged" << std::endl;
}

} // namespace crash
