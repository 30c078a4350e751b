// type: kind R
// Latest: one value, the last write wins (last-writer-wins register with causal stamps).
//
// Concurrent  the write with the greater stamp wins, at equal stamps the greater value in bytes; a write that has seen
//             another always beats it, whatever the clocks say.
//
//   delta := u 2 * removed + written | removed x {u writer, u number} | [u stamp - entry's stamp, value]
//   state := u n, n x {u writer, u number, u stamp, value}
//
// Stamps are hybrid clocks' times: max(the entry's, greatest seen here + 1), saturating. A write replaces what it has
// seen by dots. Concurrent losers are kept until a write replaces them: who forgets them is empty when the winner is
// removed, who met them later is not, at equal vectors. State   the winner; losers beside it, allocated only while
// there are any. Size    32 bytes and the value; 24 and the bytes for each loser. Cost    O(1) and the value's
// assignment; delta 2 bytes and the value.   Errors  out_of_bound above 1 MiB. Source  LWW register: Shapiro et al.
// 2011 (RR-7506), here over a multi-value register (causal).
#pragma once
#include "part.hpp"
#include "value.hpp"

namespace dunlin {

/// Everything of a register but its value: what latest_part works on.
class register_body : public field {
protected:
    register_body() = default;
    register_body(register_body&&) noexcept = default;
    bool begin_write();

private:
    friend class latest_part;
    struct write {
        dot at;
        std::uint64_t stamp;
        std::string value;
    };
    struct beside {
        std::vector<write> losers;
        std::string exact; // the winner's bytes, where the type holds them only nearly
        bool near = false;
    };
    enum class change : std::uint32_t { none, written, erased };
    change change_ = change::none;
    dot at_; // of the winner; none: empty
    std::uint64_t stamp_ = 0;
    std::unique_ptr<beside> beside_;

protected:
    bool pending() const { return change_ != change::none; }
    void mark(bool erased) { change_ = erased ? change::erased : change::written; }
};

/// How latest_part reaches a value whose type it does not know.
struct value_access {
    char kind;
    std::size_t size;
    void (*make)(void* at);
    void (*destroy)(void* v);
    void (*put)(void const* v, encoder& out);
    fit (*get)(void* v, bytes_view bytes); // empty: T()
    void (*reset)(void* v);
};
std::unique_ptr<part const> make_latest_part(value_access const& access);

template <value T> class latest : public register_body {
    T value_{};

    /// What a decoder would take. A described struct has no size of its own: its bytes are counted.
    static bool fits(T const& v) {
        if constexpr (value_codec<T>::kind == 'v') {
            encoder out;
            value_codec<T>::put(out, v);
            return out.size() <= value_bytes_max;
        } else if constexpr (requires { v.size(); })
            return v.size() <= value_bytes_max;
        else
            return true;
    }

    class step final : public undo_step {
        latest& of_;
        T old_;

    public:
        step(latest& of) : of_(of), old_(of.value_) {}
        void undo() override { of_.value_ = std::move(old_); }
    };
    void write() {
        if (!begin_write()) return;
        if (auto log = undo(); log && !mutant("undo_forgets_a_register")) log->push_back(std::make_unique<step>(*this));
    }

public:
    latest() = default;
    latest(latest&&) = default;

    latest& operator=(T v) {
        if (!fits(v)) throw_out_of_bound("latest: a value is at most 1 MiB");
        write();
        value_ = std::move(v);
        mark(false);
        return *this;
    }
    /// Nothing is held any more; reads give T().
    void reset() {
        write();
        // Nobody reads a field that this program does not have; nobody notes its old value for an undo either.
        if constexpr (!std::same_as<T, raw_value>) value_ = T();
        mark(true);
    }
    T const& value() const { return value_; }
    operator T const&() const { return value_; }
    T const* operator->() const { return &value_; }
    template <class U>
    requires(!std::derived_from<U, field> && requires(T const& x, U const& y) { x == y; }) friend bool
    operator==(latest const& x, U const& y) {
        return x.value_ == y;
    }

    static part const& of() {
        static auto const one = make_latest_part(access(value_codec<T>::kind));
        return *one;
    }
    static value_access access(char kind);
};

template <value T> value_access latest<T>::access(char kind) {
    using self = latest<T>;
    return {kind,
            sizeof(self),
            [](void* at) { new (at) self; },
            [](void* v) { static_cast<self*>(v)->~self(); },
            [](void const* v, encoder& out) { value_codec<T>::put(out, static_cast<self const*>(v)->value_); },
            [](void* v, bytes_view b) { return value_codec<T>::get(b, static_cast<self*>(v)->value_); },
            [](void* v) { static_cast<self*>(v)->reset(); }};
}

} // namespace dunlin
