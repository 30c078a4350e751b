// Bank: accounts that never fall below zero and transfers that are all or nothing, on both sides of a cut network.
#pragma once
#include <dunlin/dunlin.hpp>
#include <dunlin/lib/sim/cluster.hpp>
#include <ostream>
#include <random>

namespace bank {

struct account {
    dunlin::bounded_counter balance;
};
DUNLIN_OBJECT_AS("bank.account", account, balance)

/// From the rights that are here: false if they do not suffice, and then nothing has happened.
inline bool transfer(dunlin::node& node, dunlin::ref<account>& from, dunlin::ref<account>& to, std::int64_t n) {
    return bool(node.atomic([&] {
        if (!from->balance.try_spend(n)) return false;
        to->balance.deposit(n);
        return true;
    }));
}

struct books {
    std::int64_t sum = 0, least = 0;
};

/// Three nodes on virtual time: what a run of the service printed can be had again by its seed.
class house {
    static constexpr int accounts = 10;
    dunlin::sim::cluster c_;
    std::mt19937_64 random_;

    static std::string name(int k) { return "account " + std::to_string(k); }

public:
    explicit house(std::uint64_t seed) : c_(3, seed), random_(seed) {}
    dunlin::sim::cluster& cluster() { return c_; }

    void open_accounts(std::int64_t each) {
        c_.run(0, [each](dunlin::node& node) -> dunlin::awaitable<void> {
            for (int k = 0; k < accounts; ++k) {
                dunlin::ref<account> a = co_await node.open<account>(name(k));
                a->balance.deposit(each);
            }
            co_await node.seal().saved();
        });
    }
    /// So many transfers at one node. How many were done.
    int trade(std::size_t at, int many) {
        auto seed = random_();
        return c_.run(at, [many, seed](dunlin::node& node) -> dunlin::awaitable<int> {
            std::mt19937_64 random(seed);
            int done = 0;
            for (int k = 0; k < many; ++k) {
                auto from = int(random() % accounts), to = int((from + 1 + random() % (accounts - 1)) % accounts);
                dunlin::ref<account> a = co_await node.open<account>(name(from));
                dunlin::ref<account> b = co_await node.open<account>(name(to));
                done += transfer(node, a, b, 1 + std::int64_t(random() % 200));
            }
            co_return done;
        });
    }
    /// Transfers at all nodes for a while.
    int day(int rounds) {
        int done = 0;
        for (int k = 0; k < rounds; ++k) {
            for (std::size_t i = 0; i < 3; ++i) done += trade(i, 10);
            c_.advance(std::chrono::milliseconds(100));
        }
        return done;
    }
    books look(std::size_t at) {
        return c_.run(at, [](dunlin::node& node) -> dunlin::awaitable<books> {
            books b;
            for (int k = 0; k < accounts; ++k) {
                dunlin::ref<account> a = co_await node.open<account>(name(k));
                std::int64_t balance = a->balance;
                b.sum += balance, b.least = k ? std::min(b.least, balance) : balance;
            }
            co_return b;
        });
    }
};

/// The whole story. False if money was made or lost, or an account shows less than zero anywhere.
inline bool play(std::uint64_t seed, std::ostream& out) {
    house h(seed);
    bool good = true;
    auto tell = [&](char const* when) {
        out << when << "\n";
        for (std::size_t i = 0; i < 3; ++i) {
            auto b = h.look(i);
            out << "  n" << i << "  sum " << b.sum << "  least " << b.least << "\n";
            good = good && b.least >= 0;
        }
    };
    h.open_accounts(1000);
    h.cluster().settle(std::chrono::minutes(1));
    out << "transfers done of 600: " << h.day(20) << "\n";
    h.cluster().settle(std::chrono::minutes(1));
    tell("together");
    h.cluster().partition({0}, {1, 2});
    out << "transfers done of 600, n0 cut off: " << h.day(20) << "\n";
    tell("apart: each side as far as it knows");
    h.cluster().heal();
    h.cluster().settle(std::chrono::minutes(2));
    tell("together again");
    for (std::size_t i = 0; i < 3; ++i) good = good && h.look(i).sum == 10'000;
    out << (good ? "the sum is kept, and nobody is below zero\n" : "WRONG\n");
    return good;
}

} // namespace bank
