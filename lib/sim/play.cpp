#include "play.hpp"

namespace dunlin::sim::rig {

namespace {

struct plan {
    std::uint64_t seed;
    std::vector<std::uint64_t> steps; // seeds
    std::uint64_t replicas = 5, operations = 4; // at most
};

template <class T> void shuffle(std::vector<T>& v, chance& c) {
    for (auto n = v.size(); n > 1; --n) std::swap(v[n - 1], v[c.below(n)]);
}

class run {
    struct one {
        std::string name;
        std::unique_ptr<replica> self, shadow;
        moment seen;
    };
    struct sealed {
        entry e;
        moment operations;
        std::string name;
    };
    subject const& p_;
    plan const& plan_;
    std::vector<one> all_;
    std::vector<sealed> log_;
    std::map<std::vector<std::uint64_t>, state> met_;
    std::size_t count_ = 0; // of operations
    unsigned step_ = 0;
    std::vector<std::string> told_;

    one& any(chance& c) { return all_[c.below(all_.size())]; }
    std::uint64_t any_clock(chance& c) {
        if (!p_.clocks) return step_ + 1;
        switch (c.below(8)) {
        case 0: return 0;
        case 1: return ~std::uint64_t(0) - c.below(2);
        case 2: return std::uint64_t(1) << 40;
        default: return c.below(6);
        }
    }
    doing doing_at(one& x, chance& c) {
        x.self->clock = any_clock(c);
        return {x.seen, count_, step_, x.self->clock, told_};
    }
    /// What it has sealed reaches the shadow, and may reach anybody.
    void say(one& x, std::optional<entry> const& e, std::size_t first) {
        if (!e) return;
        sealed s{*e, {}, x.name + std::to_string(e->number)};
        for (auto o = first; o < count_; ++o) s.operations.add(o);
        must(x.shadow->absorb(s.e) == absorbed::yes, "the shadow lacks something");
        told_.push_back("  that is entry " + s.name + " of " + std::to_string(e->bytes()) + " bytes");
        log_.push_back(std::move(s));
    }
    void turn(one& x, chance& c) {
        told_.push_back(x.name + " changes it");
        auto now = doing_at(x, c);
        auto first = count_;
        auto e = x.self->turn([&] { operate(x, now, c); });
        say(x, e, first);
        if (e) must(e->bytes() <= p_.delta_bytes, "the bound of a delta's bytes", std::to_string(e->bytes()) + " bytes");
    }
    void operate(one& x, doing& now, chance& c) {
        for (auto n = 1 + c.below(plan_.operations); n; --n) p_.act(*x.self, now, c);
    }
    void atomic(one& x, chance& c) {
        auto how = c.below(3); // 0: throws, 1: answers false, 2: stays
        told_.push_back(x.name + (how == 2 ? " changes it in an atomic" : " changes it in an atomic that is undone"));
        auto before = x.seen;
        auto bytes = x.self->save();
        auto now = doing_at(x, c);
        auto first = count_;
        bool stays = false;
        auto e = x.self->atomic([&] {
            operate(x, now, c);
            if (how == 0) throw std::runtime_error("undone");
            return stays = how == 2;
        });
        if (stays) return say(x, e, first);
        x.seen = before;
        must(x.self->save() == bytes, "an atomic that was undone has changed the state");
    }
    void erase(one& x, chance& c) {
        if (!x.self->may_erase()) return;
        told_.push_back(x.name + " erases it");
        auto now = doing_at(x, c);
        auto first = count_;
        say(x, x.self->turn([&] { p_.erase(*x.self, now); }), first);
        must(!x.self->live(), "something that was seen survives an erase");
    }
    void absorb(one& x, sealed const& s) {
        auto what = x.self->absorb(s.e);
        must(x.shadow->absorb(s.e) == what, "the shadow has seen something else");
        if (what != absorbed::yes) return;
        told_.push_back(x.name + " hears of " + s.name);
        x.seen.add(s.operations);
    }
    void join(one& x, one& y) {
        if (&x == &y) return;
        told_.push_back(x.name + " joins all of " + y.name);
        auto theirs = y.self->save();
        x.self->join(theirs), x.shadow->join(theirs);
        x.seen.add(y.seen);
    }
    void check(one& x) {
        if (x.self->size() == 1) told_.push_back("  " + x.name + " shows " + boost::json::serialize(x.self->json()));
        p_.compare(*x.self, x.seen);
        auto now = x.self->save();
        must(now.object_bytes() <= p_.state_bytes, "the bound of a state's bytes", std::to_string(now.object_bytes()) + " bytes");
        must(x.shadow->save() == now, "the shadow, which has only the bytes, differs");
        auto [it, fresh] = met_.emplace(now.vector_bytes(), now);
        must(fresh || it->second == now, "equal vectors, other bytes");
    }
    void laws(chance& c) {
        auto x = any(c).self->save(), y = any(c).self->save(), z = any(c).self->save();
        auto j = [&](state const& s, state const& t) { return join_states(s, t, p_.types, unsigned(c.below(5)), p_.kinds); };
        must(j(x, x) == x, "join is not idempotent");
        must(j(x, y) == j(y, x), "join is not commutative");
        must(j(j(x, y), z) == j(x, j(y, z)), "join is not associative");
    }
    /// What one who has seen nothing of the others does is all that is left of two when the other erases his.
    void unseen(chance& c) {
        one x{"x", std::make_unique<replica>(writer(60), p_.types, 0, p_.kinds), nullptr, {}};
        one y{"y", std::make_unique<replica>(writer(61), p_.types, 1, p_.kinds), nullptr, {}};
        told_.push_back("y changes it, and x another that it erases then; y joins all of x");
        for (auto each : {&x, &y}) {
            auto now = doing_at(*each, c);
            each->self->turn([&] { operate(*each, now, c); });
        }
        if (!x.self->may_erase()) return;
        auto now = doing_at(x, c);
        x.self->turn([&] { p_.erase(*x.self, now); });
        must(!x.self->live(), "something that was seen survives an erase");
        auto before = y.self->json();
        y.self->join(x.self->save());
        must(y.self->json() == before, "an erase takes what it has not seen, or leaves what it has");
    }
    void step(std::uint64_t seed) {
        chance c(seed);
        auto& x = any(c);
        auto what = c.below(20);
        if (what < 8)
            turn(x, c);
        else if (what < 10)
            atomic(x, c);
        else if (what < 17 && !log_.empty())
            for (auto n = 1 + c.below(6); n; --n) absorb(x, log_[c.below(log_.size())]);
        else if (what == 19 && p_.erase)
            erase(x, c);
        else
            join(x, any(c));
        check(x);
        if (c.below(12)) return;
        laws(c);
        if (p_.erase) unseen(c);
    }
    /// Everything reaches everybody, in another order for each.
    void settle() {
        chance c(plan_.seed, "settle");
        told_.push_back("then everything reaches everybody");
        for (auto& x : all_) {
            shuffle(log_, c);
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
    run(subject const& p, plan const& with) : p_(p), plan_(with) {
        chance c(with.seed, "replicas");
        auto n = 2 + c.below(4);
        std::vector<unsigned> numbers = {0, 1, 2, 3, 4};
        shuffle(numbers, c);
        for (unsigned k = 0; k < std::min(n, with.replicas); ++k)
            all_.push_back({std::string(1, char('a' + k)),
                            std::make_unique<replica>(writer(numbers[k]), p.types, unsigned(c.below(4)), p.kinds),
                            std::make_unique<replica>(writer(50 + k), p.types, unsigned(c.below(4)), p.kinds),
                            {}});
    }
    /// An entry was made.
    bool said() const { return !log_.empty(); }
    /// The step at which it fails is put into `at`.
    std::optional<failure> operator()(std::size_t& at) {
        failure f;
        try {
            p_.begin();
            for (auto seed : plan_.steps) at = ++step_, step(seed);
            settle();
            return {};
        } catch (broken const& b) {
            f.law = b.what(), f.detail = b.detail;
        } catch (std::exception const& e) {
            f.law = "something is thrown", f.detail = e.what();
        } catch (...) {
            f.law = "something is thrown", f.detail = "which is no std::exception";
        }
        f.seed = plan_.seed, f.history = std::move(told_);
        return f;
    }
};

/// Takes away what the failure does not need: operations of a turn, replicas, steps.
failure shortest(subject const& p, plan now, failure found) {
    auto left = p.shorter;
    auto fails = [&](plan const& with) {
        std::size_t at = 0;
        if (!left) return false;
        --left;
        auto f = run(p, with)(at);
        if (!f || f->law != found.law) return false;
        found = std::move(*f), now = with;
        now.steps.resize(at);
        return true;
    };
    auto with = now;
    with.operations = 1;
    fails(with);
    for (std::uint64_t few : {2, 3}) {
        with = now, with.replicas = few;
        if (fails(with)) break;
    }
    for (auto size = now.steps.size() / 2; size && left;) {
        bool any = false;
        for (std::size_t at = 0; at < now.steps.size();) {
            with = now;
            auto from = with.steps.begin() + std::ptrdiff_t(at);
            with.steps.erase(from, from + std::ptrdiff_t(std::min(size, with.steps.size() - at)));
            if (fails(with))
                any = true;
            else
                at += size;
        }
        if (!any || size > 1) size /= 2;
    }
    return found;
}

std::optional<failure> play_one(subject const& p, std::uint64_t seed, bool& said) {
    chance c(seed, "steps");
    plan all{seed, {}};
    for (auto n = p.steps / 2 + c.below(p.steps + 1); n; --n) all.steps.push_back(c());
    std::size_t at = 0;
    run whole(p, all);
    auto f = whole(at);
    said |= whole.said();
    if (!f) return {};
    all.steps.resize(at);
    return shortest(p, std::move(all), std::move(*f));
}

} // namespace

std::optional<failure> play(subject const& p, std::uint64_t first_seed, std::uint64_t count) {
    bool said = false;
    for (auto seed = first_seed; seed - first_seed < count; ++seed)
        if (auto f = play_one(p, seed, said)) return f;
    if (said) return {};
    return failure{"nothing was ever changed, so nothing was tried", {}, first_seed, {}};
}

std::ostream& operator<<(std::ostream& out, failure const& f) {
    out << f.law << (f.detail.empty() ? "" : ": ") << f.detail << "\n";
    if (!f.history.empty()) out << "seed " << f.seed << ", and as short as it could be made:\n";
    for (auto& line : f.history) out << "    " << line << "\n";
    return out;
}

} // namespace dunlin::sim::rig
