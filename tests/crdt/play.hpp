// Play: one random causal history of 2 to 5 replicas, checked after every step; the same for every type.
//
//   step := a turn of 1 to 4 operations | an atomic, undone or not | an entry absorbed | a whole-state join
//
// Checked after every step: the value against the specification; the shadow of the replica against the replica; the
// invariant of the type; equal vectors, equal bytes (against every state met so far). Checked now and then: the laws
// of join over three pairs (state, vector). Replicas intern writers in different orders; their clocks are wild.
#pragma once
#include "rig.hpp"
#include "spec.hpp"
#include <functional>
#include <random>

namespace rig {

using chance = std::mt19937_64;
inline unsigned draw(chance& r, unsigned n) { return unsigned(r() % n); }
template <class... T> std::string pick(chance& r, T... of) {
    std::string const all[] = {of...};
    return all[draw(r, sizeof...(of))];
}

/// Notes the operations of one replica in the history.
struct notes {
    spec::history& history;
    spec::moment& seen;
    unsigned turn;
    std::uint64_t clock;
    void operator()(spec::operation op) {
        op.turn = turn, op.clock = clock;
        history.past.push_back(seen);
        seen.add(history.all.size());
        history.all.push_back(std::move(op));
    }
};

struct player {
    std::vector<dunlin::struct_part const*> types;
    /// One random operation.
    std::function<void(replica&, notes&, chance&)> act;
    /// Throws `broken` if what is read is not what the specification says, or the invariant does not hold.
    std::function<void(replica&, spec::history const&, spec::moment const&)> compare;
    dunlin::shapes const* kinds = nullptr;
    bool clocks = true; // wild ones
    unsigned steps = 60;
};

class play {
    struct one {
        std::unique_ptr<replica> self, shadow;
        spec::moment seen;
    };
    struct sealed {
        entry e;
        spec::moment ops;
    };
    player const& p_;
    chance r_;
    spec::history history_;
    std::vector<one> all_;
    std::vector<sealed> log_;
    std::map<std::vector<std::uint64_t>, std::pair<state, std::size_t>> met_;
    std::size_t step_ = 0;

    std::uint64_t any_clock() {
        if (!p_.clocks) return step_ + 1;
        switch (draw(r_, 8)) {
        case 0:
            return 0;
        case 1:
            return ~std::uint64_t(0) - draw(r_, 2);
        case 2:
            return std::uint64_t(1) << 40;
        default:
            return draw(r_, 6);
        }
    }
    void turn(one& x, bool atomic) {
        auto before = x.seen;
        auto bytes = atomic ? x.self->save() : state();
        auto first = history_.all.size();
        x.self->clock = any_clock();
        notes note{history_, x.seen, unsigned(step_), x.self->clock};
        auto how = atomic ? draw(r_, 3) : 2; // 0: throws, 1: answers false, 2: stays
        auto all = [&] {
            for (auto n = 1 + draw(r_, 4); n; --n) p_.act(*x.self, note, r_);
            if (how == 0) throw std::runtime_error("undone");
            return how == 2;
        };
        auto e = atomic ? x.self->atomic(all) : x.self->turn(all);
        if (how != 2) {
            x.seen = before;
            must(x.self->save() == bytes, "an atomic that was undone has changed the state");
        }
        if (!e) return;
        sealed s{*e, {}};
        for (auto o = first; o < history_.all.size(); ++o) s.ops.add(o);
        must(x.shadow->absorb(s.e) == absorbed::yes, "the shadow lacks something");
        log_.push_back(std::move(s));
    }
    void absorb(one& x, sealed const& s) {
        auto what = x.self->absorb(s.e);
        must(x.shadow->absorb(s.e) == what, "the shadow has seen something else");
        if (what == absorbed::yes) x.seen.add(s.ops);
    }
    void join(one& x, one& y) {
        auto theirs = y.self->save();
        x.self->join(theirs), x.shadow->join(theirs);
        x.seen.add(y.seen);
    }
    void check(one& x) {
        p_.compare(*x.self, history_, x.seen);
        auto now = x.self->save();
        must(x.shadow->save() == now, "the shadow, which has only the bytes, differs");
        auto [it, fresh] = met_.emplace(now.vector_bytes(), std::pair(now, step_));
        must(fresh || it->second.first == now,
             "equal vectors, other bytes than at step " + std::to_string(it->second.second));
    }
    void laws() {
        auto any = [&] { return all_[draw(r_, unsigned(all_.size()))].self->save(); };
        auto a = any(), b = any(), c = any();
        auto j = [&](state const& x, state const& y) { return joined(x, y, p_.types, draw(r_, 5), p_.kinds); };
        must(j(a, a) == a, "join is not idempotent");
        must(j(a, b) == j(b, a), "join is not commutative");
        must(j(j(a, b), c) == j(a, j(b, c)), "join is not associative");
    }
    void step() {
        auto& x = all_[draw(r_, unsigned(all_.size()))];
        auto what = draw(r_, 20);
        if (what < 8)
            turn(x, false);
        else if (what < 10)
            turn(x, true);
        else if (what < 17 && !log_.empty())
            for (unsigned n = 0, tries = 1 + draw(r_, 6); n < tries; ++n)
                absorb(x, log_[draw(r_, unsigned(log_.size()))]);
        else
            join(x, all_[draw(r_, unsigned(all_.size()))]);
        check(x);
        if (draw(r_, 12) == 0) laws();
    }
    /// Everything reaches everybody, in another order for each.
    void settle() {
        for (auto& x : all_) {
            std::shuffle(log_.begin(), log_.end(), r_);
            for (bool more = true; more;) {
                auto before = x.self->seen();
                for (auto& s : log_) absorb(x, s);
                more = x.self->seen() != before;
            }
            check(x);
            must(x.self->save() == all_[0].self->save(), "not the same everywhere after everything was delivered");
        }
    }

public:
    play(player const& p, unsigned seed) : p_(p), r_(seed * 2654435761u + 1) {
        auto n = 2 + draw(r_, 4);
        std::vector<unsigned> numbers = {0, 1, 2, 3, 4};
        std::shuffle(numbers.begin(), numbers.end(), r_);
        for (unsigned k = 0; k < n; ++k) {
            auto w = writer(numbers[k]);
            all_.push_back({std::make_unique<replica>(w, p.types, draw(r_, 4), p.kinds),
                            std::make_unique<replica>(writer(50 + k), p.types, draw(r_, 4), p.kinds),
                            {}});
        }
    }
    /// Empty, or what broke and where.
    std::string run() {
        try {
            auto last = p_.steps / 2 + draw(r_, p_.steps);
            for (step_ = 1; step_ <= last; ++step_) step();
            settle();
            return {};
        } catch (broken const& b) { return "step " + std::to_string(step_) + ": " + b.what(); }
    }
};

/// Seeds first .. first + count - 1, or the one of DUNLIN_SEED. Empty, or the first that failed.
inline std::string play_seeds(player const& p, unsigned first, unsigned count) {
    if (auto chosen = std::getenv("DUNLIN_SEED")) first = unsigned(std::atoi(chosen)), count = 1;
    for (auto seed = first; seed < first + count; ++seed)
        if (auto failed = play(p, seed).run(); !failed.empty())
            return "DUNLIN_SEED=" + std::to_string(seed) + " " + failed;
    return {};
}

} // namespace rig
