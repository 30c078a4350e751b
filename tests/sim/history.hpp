// A random history of a cluster, drawn by its seed: first whatever may go wrong goes wrong, and every promise that is
// about safety is looked at after each step; then it heals, and all must be one within a bound.
//
//   menu.hpp      what goes wrong, how often            things.hpp     what is written
//   promises.hpp  what must hold all the same           trouble.cpp    how it is made to go wrong
//
// Two phases  --steps of faults, each some hundred milliseconds to some seconds; then all faults end, whoever is down
// starts (or all start anew), nobody writes, and within settle_limit all nodes have one vector, one digest, and every
// change that was confirmed; then they are silent.
// Threads  one.  Errors  run() gives the first promise that was broken, with seed and step.
#pragma once
#include "menu.hpp"
#include "promises.hpp"

namespace clusters {

struct history {
    static constexpr std::chrono::seconds settle_limit{120};

    std::uint64_t seed;
    menu what;
    dunlin::sim::generator chance;
    cluster c;
    promises promised;
    int steps_done = 0;
    nanoseconds healed_in{};
    long lost = 0, refused = 0; // changes that a crash took; errors that a user saw
    std::size_t told_and_not_kept = 0; // cells that were known in the end
    int given_up = 0;           // files that rot left with what nobody else had
    std::uint64_t idle_bytes_per_s = 0;

    history(std::uint64_t s, scenario const* only = nullptr, std::size_t nodes = 0);
    /// Empty, or what went wrong.
    std::string run(int steps);

private:
    struct life {
        run_record* record = nullptr;
        std::size_t runs = 0;
        nanoseconds held_until{};
        std::size_t alarms_before = 0; // of runs that have ended
    };
    std::vector<life> lives_; // by host
    std::vector<std::size_t> twins_;
    std::optional<dunlin::sim::image> copy_;
    bool writing_ = true;
    std::uint64_t serial_ = 0;

    void fail(std::string const& what_broke);
    bool is_safe(std::size_t i) const;
    std::size_t build_of(std::size_t i) const { return what.builds && i % 2 ? 2 : 1; }
    std::size_t any() { return std::size_t(chance.below(c.size())); }
    std::string name_of(std::size_t i) const { return "n" + std::to_string(i); }
    void note(std::size_t i, char const* text, std::uint64_t a = 0, std::uint64_t b = 0) {
        c.time().note(name_of(i), text, a, b);
    }

    // life.cpp: what a program does with its node
    void live(std::size_t i);
    awaitable<void> unless_dead(std::size_t i, awaitable<void> work);
    awaitable<void> watches(dunlin::node& n, run_record& mine);
    awaitable<void> writes(dunlin::node& n, std::size_t i, run_record& mine);
    awaitable<void> turn(dunlin::node& n, std::size_t i, run_record& mine, dunlin::ref<books> b);
    awaitable<void> play(dunlin::node& n, std::size_t i);
    template <class T> awaitable<void> play_with(dunlin::node& n, std::string key);
    template <class T> awaitable<dunlin::ref<T>> try_open(dunlin::node& n, std::string key);
    void trade(dunlin::node& n, books& b);
    struct written {
        std::string line, erased;
        long made = 0;
    };
    std::optional<dunlin::receipt> write(dunlin::node& n, run_record& mine, books& b, written& w);
    void tolerate(boost::system::error_code ec);

    // trouble.cpp: what goes wrong
    void step();
    void partition();
    void wire_faults();
    void die(std::size_t i);
    void die_all();
    void start(std::size_t i);
    void tend();
    void move_file_aside(std::size_t i);
    void pause(std::size_t i);
    void release_due();
    void disk_trouble(std::size_t i);
    void rot();
    void clock_trouble(std::size_t i);
    void copy_trouble();
    void end_twins();

    // checks.cpp: what must hold
    void compare();
    std::string digest_soon(std::size_t i);
    std::string told_by(std::size_t i);
    std::string difference(std::size_t a, std::size_t b);
    void heal();
    void check_end();
    awaitable<void> check_order(dunlin::node& n, std::size_t i);
    void check_silence();
    void check_told();
    void check_bounds(std::size_t i);
};

} // namespace clusters
