// Check type: does a type keep what a replicated type must keep? In random histories, for a test of one's own types.
//
//   auto change = [](histogram& h, dunlin::chance& c) {              one random change; returns what it did, for a specification
//       auto ms = c.below(500);
//       h.add(ms);
//       return ms;
//   };
//   auto right = [](histogram const& h, dunlin::done<std::uint64_t> const& seen) { return h.count() == seen.standing().size(); };
//   EXPECT_TRUE(dunlin::check_type<histogram>(change, right, dunlin::checks().delta_bytes(40)));
//
// T is a field (of the catalogue, or a class over one), a struct with DUNLIN_OBJECT, or a lattice, which is tried as joined<T>.
//
// Laws        a join of states is idempotent, commutative and associative; entries and states lead to the same bytes;
//             equal vectors, equal bytes; what is written is read back; an atomic that is undone leaves no trace; an erase
//             takes all it has seen and nothing else. Of a lattice also: its join, its bottom, its bytes, and damaged ones.
// Then, as they are given, in any order, each answering true or false, or a text that says what is wrong (empty: nothing):
//   rule(T const&)                      an invariant: holds after every step
//   rule(T const&, done<Op> const&)     a specification: what is shown is what those operations mean. Of a lattice there is one
//                                       without: the join of all that was said
//   checks                              how many seeds and steps, and bounds of bytes
// `change` returns an Op, a std::optional<Op> (nothing: nothing was changed), or nothing at all. Its chance is its only source of
// chance, and it keeps nothing from one call to the next.
//
// The report is false where something is broken, and says the law, the seed, and the shortest history that was found: in
// EXPECT_TRUE by itself, elsewhere by <<. DUNLIN_SEED=n in the environment plays that seed alone.
// Cost    100 seeds of some 60 steps: half a second where optimised, some three under AddressSanitizer. Bounds  as checks says; see play.hpp.
#pragma once
#include <algorithm>
#include "../../crdt/joined.hpp"
#include "play.hpp"
#include <boost/core/demangle.hpp>
#include <sstream>

namespace dunlin {

class checks {
public:
    std::uint64_t first_seed = 1, seed_count = 100;
    unsigned step_count = 60;
    std::size_t most_state_bytes = ~std::size_t(0), most_delta_bytes = ~std::size_t(0);

    checks() = default;
    checks& seeds(std::uint64_t first, std::uint64_t count) { return first_seed = first, seed_count = count, *this; }
    checks& steps(unsigned n) { return step_count = n, *this; }
    /// Of T alone, and 6 bytes; writers are named by their place in a table that counts elsewhere.
    checks& state_bytes(std::size_t n) { return most_state_bytes = n, *this; }
    /// Of one turn of up to four changes, likewise; not of an erase.
    checks& delta_bytes(std::size_t n) { return most_delta_bytes = n, *this; }
};

class type_report {
    std::optional<sim::rig::failure> failed_;

public:
    explicit type_report(std::optional<sim::rig::failure> f) : failed_(std::move(f)) {}
    explicit operator bool() const { return !failed_; }
    /// What is broken; empty if nothing is.
    std::string law() const { return failed_ ? failed_->law : std::string(); }
    std::uint64_t seed() const { return failed_ ? failed_->seed : 0; }
    std::vector<std::string> history() const { return failed_ ? failed_->history : std::vector<std::string>(); }
    std::string message() const;
    friend std::ostream& operator<<(std::ostream& out, type_report const& r) { return out << r.message(); }
    /// What EXPECT_TRUE of GoogleTest makes of it, so that it prints the report.
    template <class Result>
    requires requires(Result const& r) {
        { r.failure_message() } -> std::convertible_to<char const*>;
    }
    operator Result() const { return Result(bool(*this)) << message(); }
};

/// What has been done, as one replica sees it. Of a lattice each operation is what was joined.
template <class Op> class done {
public:
    class operation {
        friend class done;
        Op const* what_;
        std::size_t number_;
        operation(Op const& what, std::size_t n) : what_(&what), number_(n) {}

    public:
        operator Op const&() const { return *what_; }
        Op const& operator*() const { return *what_; }
        Op const* operator->() const { return what_; }
    };
    struct record {
        std::optional<Op> what; // none: an erase of everything
        sim::rig::moment past;
        sim::rig::moment carried; // of what it has seen, and that stood then, all; and itself
    };

    done(std::vector<record> const& all, sim::rig::moment const& seen) : all_(all), seen_(seen) {}

    /// What no erase in sight has seen.
    std::vector<operation> standing() const { return listed(standing_numbers()); }
    /// And what those had in sight: each join of a lattice is one write of all that its author saw.
    std::vector<operation> carried() const {
        sim::rig::moment all;
        for (auto n : standing_numbers()) all.add(all_[n].carried);
        std::vector<std::size_t> numbers;
        for (std::size_t n = 0; n < all_.size(); ++n)
            if (all.has(n)) numbers.push_back(n);
        return listed(numbers);
    }
    /// b was done by somebody who had seen a.
    bool before(operation a, operation b) const { return all_[b.number_].past.has(a.number_); }

    /// One more, by somebody who has seen this.
    record next(std::optional<Op> what) const {
        record r{std::move(what), seen_, {}};
        r.carried.add(all_.size());
        for (auto n : standing_numbers()) r.carried.add(all_[n].carried);
        return r;
    }

private:
    std::vector<record> const& all_;
    sim::rig::moment const& seen_;

    std::vector<std::size_t> standing_numbers() const {
        sim::rig::moment erased;
        for (std::size_t n = 0; n < all_.size(); ++n)
            if (seen_.has(n) && !all_[n].what) erased.add(all_[n].past);
        std::vector<std::size_t> numbers;
        for (std::size_t n = 0; n < all_.size(); ++n)
            if (seen_.has(n) && all_[n].what && !erased.has(n)) numbers.push_back(n);
        return numbers;
    }
    std::vector<operation> listed(std::vector<std::size_t> const& numbers) const {
        std::vector<operation> list;
        for (auto n : numbers) list.push_back(operation(*all_[n].what, n));
        return list;
    }
};

namespace sim::rig {

/// An object of one field.
template <class T> struct checked {
    T value;
};

std::optional<failure> play(subject p, checks const& with);
std::string hex(bytes_view bytes);

template <class T> std::string text(T const& x) {
    if constexpr (requires(std::ostream& out) { out << x; })
        return (std::ostringstream() << x).str();
    else if constexpr (value<T>) {
        encoder out;
        value_codec<T>::put(out, x);
        return "bytes " + hex(out.view());
    } else
        return boost::core::demangle(typeid(T).name());
}

/// The laws of a lattice, over the values that a history meets.
template <class L> class lattice_laws {
    std::vector<L> met_;  // the last few
    std::vector<L> some_; // of all histories

    static L join(L a, L const& b) { return a.join(b), a; }
    static std::string bytes(L const& x) {
        encoder out;
        value_codec<L>::put(out, x);
        return out.take();
    }
    static std::string told(L const& a) { return "a = " + text(a); }
    static std::string told(L const& a, L const& b) { return told(a) + ", b = " + text(b); }

public:
    static void alone(L const& a) {
        must(join(a, a) == a, "the lattice's join is not idempotent: a with a is not a", told(a));
        must(join(a, L()) == a && join(L(), a) == a, "L() is not the lattice's bottom: a with L() is not a", told(a));
        auto b = bytes(a);
        L back{};
        must(value_codec<L>::get(b, back) != fit::none, "the lattice's decode refuses what encode wrote", told(a));
        must(back == a, "the lattice's decode reads another value than encode wrote", told(a, back));
        must(bytes(back) == b, "the lattice's encode writes one value in two ways", told(a));
    }

private:
    static void of_two(L const& a, L const& b) {
        auto ab = join(a, b), ba = join(b, a);
        must(ab == ba, "the lattice's join is not commutative", told(a, b));
        must(bytes(ab) == bytes(ba), "the lattice's encode writes one value in two ways", told(a, b));
        must(!(a == b) || bytes(a) == bytes(b), "the lattice's encode writes one value in two ways", told(a, b));
        must(join(ab, b) == ab && join(ab, a) == ab, "the lattice's join is not idempotent: (a with b) with b is not a with b", told(a, b));
    }
    static void damage(L const& a) {
        auto whole = bytes(a);
        chance c(std::hash<std::string>()(whole));
        for (int k = 0; k < 24 && !whole.empty(); ++k) {
            auto b = whole;
            if (k == 0)
                b += whole;
            else if (k < 3)
                b.resize(c.below(b.size()));
            else
                for (auto n = 1 + c.below(2); n; --n) b[c.below(b.size())] = char(c());
            L x{};
            if (value_codec<L>::get(b, x) > fit::whole) continue;
            bool fine = join(x, x) == x && join(x, L()) == x && join(L(), x) == x && join(x, a) == join(a, x);
            must(fine, "the lattice's decode takes what is no value", "bytes " + hex(b));
        }
    }

public:
    void begin() { met_.clear(); }
    void operator()(L const& a) {
        alone(a);
        for (auto& b : met_) {
            of_two(a, b);
            for (auto& c : met_)
                must(join(join(a, b), c) == join(a, join(b, c)), "the lattice's join is not associative", told(a, b) + ", c = " + text(c));
        }
        if (met_.size() == 5) met_.erase(met_.begin());
        met_.push_back(a);
        if (some_.size() < 64 && std::find(some_.begin(), some_.end(), a) == some_.end()) some_.push_back(a);
    }
    /// Where all else holds: bytes of an enemy that are taken are a value like others.
    std::optional<failure> damaged() const {
        try {
            for (auto& a : some_) damage(a);
            return {};
        } catch (broken const& b) { return failure{b.what(), b.detail, 0, {}};
        } catch (std::exception const& e) { return failure{"the lattice throws at what its decode has taken", e.what(), 0, {}}; }
    }
};
struct no_laws {
    void begin() {}
    std::optional<failure> damaged() const { return {}; }
};
template <class T> struct laws_of { using type = no_laws; };
template <class T> requires requires { typename T::lattice_type; }
struct laws_of<T> { using type = lattice_laws<typename T::lattice_type>; };

template <class X> struct operation_of { using type = X; };
template <class X> struct operation_of<std::optional<X>> { using type = X; };
template <> struct operation_of<void> { using type = std::monostate; };

/// A bool says that it holds, a text what is wrong; a literal is a text.
template <class Answer> void hold(Answer const& answer, char const* law) {
    if constexpr (std::same_as<Answer, bool>)
        must(answer, law);
    else {
        std::string wrong(answer);
        must(wrong.empty(), law, wrong);
    }
}

template <class T, class Op, class Rule> void hold_rule(Rule& rule, T const& x, done<Op> const& seen) {
    if constexpr (std::invocable<Rule&, T const&, done<Op> const&>)
        hold(rule(x, seen), "the specification says something else");
    else if constexpr (std::invocable<Rule&, T const&>)
        hold(rule(x), "the invariant does not hold");
    else
        static_assert(std::same_as<Rule, checks>, "a rule is called with (T const&) or (T const&, done<Op> const&), where Op is what the "
                                                  "change returns; or it is a dunlin::checks");
}
/// A rule for L as one for joined<L>.
template <class L, class Rule> auto of_value(Rule rule) {
    if constexpr (std::same_as<Rule, checks>)
        return rule;
    else if constexpr (std::invocable<Rule&, L const&, done<L> const&>)
        return [rule](joined<L> const& x, done<L> const& seen) mutable { return rule(x.value(), seen); };
    else
        return [rule](joined<L> const& x) mutable { return rule(x.value()); };
}

template <class T, class Change, class... Rules> std::optional<failure> check_field(Change& change, Rules&... rules) {
    using returned = std::invoke_result_t<Change&, T&, chance&>;
    using op = typename operation_of<returned>::type;
    std::vector<typename done<op>::record> history;
    typename laws_of<T>::type laws;
    subject p;
    p.types = {&struct_of<checked<T>>()};
    p.begin = [&] { history.clear(), laws.begin(); };
    auto note = [&](doing& now, std::optional<op> what) {
        history.push_back(done<op>(history, now.seen).next(std::move(what)));
        now.seen.add(now.count++);
    };
    p.act = [&](replica& r, doing& now, chance& c) {
        T& x = r.get<checked<T>>().value;
        if constexpr (std::is_void_v<returned>)
            change(x, c), note(now, op());
        else {
            std::optional<op> what = change(x, c);
            if (!what) return;
            now.told.push_back("  " + text(*what));
            if constexpr (requires { laws(*what); }) laws(*what);
            note(now, std::move(what));
        }
    };
    p.erase = [&](replica& r, doing& now) { r.erase(), note(now, std::nullopt); };
    p.compare = [&](replica& r, moment const& seen) {
        T const& x = r.get<checked<T>>().value;
        if constexpr (requires { laws(x.value()); }) laws(x.value());
        (hold_rule<T>(rules, x, done<op>(history, seen)), ...);
    };
    checks with;
    [[maybe_unused]] auto chosen = [&](auto& rule) {
        if constexpr (std::same_as<std::remove_cvref_t<decltype(rule)>, checks>) with = rule;
    };
    (chosen(rules), ...);
    auto broken_law = play(std::move(p), with);
    return broken_law ? broken_law : laws.damaged();
}

} // namespace sim::rig

template <class T> inline constexpr auto fields_of<sim::rig::checked<T>> = fields("checked", named("value", &sim::rig::checked<T>::value));

/// See above.
template <class T, class Change, class... Rules> type_report check_type(Change change, Rules... rules) {
    static_assert(std::invocable<Change&, T&, sim::generator&>, "the change is called with (T&, dunlin::sim::generator&)");
    if constexpr (field_type<T> || described<T>)
        return type_report(sim::rig::check_field<T>(change, rules...));
    else {
        static_assert(lattice<T>, "a type to check is a field, a struct with DUNLIN_OBJECT, or a lattice: joined<T> says what it lacks");
        auto join = [&](joined<T>& x, sim::generator& c) -> std::optional<T> {
            T one{};
            change(one, c);
            sim::rig::lattice_laws<T>::alone(one);
            return x.join(one) ? std::optional<T>(std::move(one)) : std::nullopt;
        };
        auto all_that_was_said = [](joined<T> const& x, done<T> const& seen) {
            T all{};
            for (T const& one : seen.carried()) all.join(one);
            return x.value() == all ? std::string() : "shown is " + sim::rig::text(x.value()) + ", and was said " + sim::rig::text(all);
        };
        return [&](auto... adapted) {
            return type_report(sim::rig::check_field<joined<T>>(join, all_that_was_said, adapted...));
        }(sim::rig::of_value<T>(rules)...);
    }
}

} // namespace dunlin
