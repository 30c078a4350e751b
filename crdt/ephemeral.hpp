// type: kind T
// Ephemeral: one value that is told and not kept: the newest wins, and nothing of it is ever logged or stored.
//
//   struct avatar {
//       dunlin::latest<std::string> name;
//       dunlin::ephemeral<point> position;                        sixty times a second: no entry, no row, no commit
//   };
//   alice->position = point{3, 4};
//   if (alice->position.age() < 2s) draw(alice->position.value());
//   room->cursors["alice"] = point{3, 4};                         dunlin::map<std::string, dunlin::ephemeral<point>>
//
// Concurrent  the newest stamp wins, at equal stamps the greater writer: all that have heard the same show the same. Who has
//             seen a value beats it, whatever the clocks say.
//
// The last write of a turn is told to the linked nodes as a cell (object, field, stamp, writer, value); one that is newer takes the
// place of one that still waits for its link (net/cells.hpp). It stays until a newer one comes, until reset(), until
// its object is erased, or until the space, which keeps a bounded table of them, drops the oldest; who joins later is told
// what is known. It is in no delta, state or digest; an entry or a state that names this kind is malformed. It is no life: an
// object with nothing else does not exist, nor does an element of a map that is a struct of nothing else. A map of ephemerals is
// one itself: its keys are those that hold something. An atomic that is undone takes it back.
// Size    24 bytes and the value; in the table of the space about 400 and the value (lib/space_cells.cpp).
// Cost    a write: O(1), and the cell: type, key, about 40 bytes, and the value, a link.
// Errors  out_of_bound above 16 KiB; so are the keys above it, together.   Source  newest-wins awareness as in y-protocols, with hybrid stamps; conflation.
#pragma once
#include "part.hpp"
#include "value.hpp"
#include <chrono>
#include <concepts>
#include <optional>

namespace dunlin {

constexpr std::size_t ephemeral_bytes_max = 16 << 10, ephemeral_path_max = 16 << 10;

/// How a part reaches the value whose type it does not know.
struct ephemeral_access {
    char kind;
    std::size_t size;
    void (*make)(void* at);
    void (*destroy)(void* v);
    void (*put)(void const* v, encoder& out);
    void (*get)(void* v, bytes_view bytes);
    void (*clear)(void* v); // T()
    void (*drop)(void* v);  // a change: its object is erased
};

/// Everything of an ephemeral but the value.
class ephemeral_body : public field {
    friend class ephemeral_part;
    enum class change : std::uint8_t { none, said, dropped };
    change change_ = change::none;
    bool held_ = false;
    std::uint64_t stamp_ = 0;  // of what is shown, or was: a write is said to be later
    std::int64_t told_ms_ = 0; // when it was written, and not after it was heard; since 1970

    template <class T> class step final : public undo_step {
        ephemeral_body& of_;
        T& value_;
        T old_;
        bool held_;

    public:
        step(ephemeral_body& of, T& value) : of_(of), value_(value), old_(value), held_(of.held_) {}
        void undo() override { value_ = std::move(old_), of_.held_ = held_; }
    };
    template <class T> void change_to(T& value, T&& with, change what) {
        if (touch())
            if (auto log = undo(); log && !mutant("undo_forgets_an_ephemeral")) log->push_back(std::make_unique<step<T>>(*this, value));
        value = std::move(with);
        change_ = what;
    }

protected:
    ephemeral_body() = default;
    ephemeral_body(ephemeral_body&&) noexcept = default;

    template <class T> void say(T& value, T&& with) {
        if (!fits(with)) throw_out_of_bound("an ephemeral value is at most 16 KiB");
        if (is_attached() && !is_dirty()) check_place();
        change_to(value, std::move(with), change::said);
        held_ = true;
    }
    template <class T> void say_nothing(T& value) {
        if (empty()) return;
        change_to(value, T(), change::said);
        held_ = false;
    }
    template <class T> void drop(T& value) { // also of nothing: what begins anew is taken back to this
        change_to(value, T(), held_ ? change::dropped : change_);
        held_ = false;
    }
    template <class T> static bool fits(T const& x) {
        if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) return true;
        encoder out;
        value_codec<T>::put(out, x);
        return out.size() <= ephemeral_bytes_max;
    }

private:
    void check_place();

public:
    /// Of the keys above one.
    static void check_path(std::size_t bytes);
    /// Nothing was said, or it was taken back or dropped.
    bool empty() const { return !held_; }
    /// Since it was written, by this node's clock; nothing in the turn that writes it, and detached. The longest time there
    /// is where there is nothing.
    std::chrono::milliseconds age() const;
    /// When that was, in milliseconds since 1970: by the writer's clock, but not after it was heard.
    std::int64_t told_ms() const { return told_ms_; }
};


/// What a space does with it, beside what all parts can.
class ephemeral_part final : public part {
    ephemeral_access access_;
    static ephemeral_body& at(void* v) { return *static_cast<ephemeral_body*>(v); }
    static ephemeral_body const& at(void const* v) { return *static_cast<ephemeral_body const*>(v); }

public:
    explicit ephemeral_part(ephemeral_access const& a) : part(std::string{'T', a.kind}, a.size, asides_in::all), access_(a) {}

    ephemeral_part const* aside_at(decoder& below, unsigned) const override { return below.finished() ? this : nullptr; }
    bool tells(void const* v) const override { return !at(v).empty(); }
    void show(void* v, showing const& s) const override;
    void copy_asides(void const* from, void* to) const override;
    /// It may be shown: what somebody sends is looked at before.
    bool fits(bytes_view value) const { return value.size() <= ephemeral_bytes_max && check_value(access_.kind, value); }

    void make(void* v) const override { access_.make(v); }
    void destroy(void* v) const override { access_.destroy(v); }
    void attach(void* v, header& h, unsigned member) const override { at(v).attach(h, member); }
    bool live(void const* v) const override { return !at(v).empty(); } // that is what a key of a map of them goes by
    bool vacant(void const*) const override { return true; }
    bool flush(void* v, flushing& f) const override;
    std::size_t weigh(void const*) const override { return 0; }
    void rollback(void* v) const override;
    void erase(void* v) const override { access_.drop(v); }
    void to_json(void const* v, boost::json::value& out) const override;
    std::size_t heap_bytes(void const*) const override { return 0; }

    // No entry and no state has anything of it.
    void collect(void const*, removal&) const override {}
    void check(checking& c) const override { c.in.fail(); }
    void join_delta(void*, absorbing& a) const override { a.in.fail(); }
    void drop(void*, removal const&) const override {}
    void join(void*, void const*, joining const&) const override {}
    void each_slot(void const*, slot_set&) const override {}
    void encode(void const*, saving&) const override {}
    void decode(void*, loading& l) const override { l.in.fail(); }
};

template <value T> class ephemeral : public ephemeral_body {
    T value_{};

public:
    ephemeral() = default;
    ephemeral(ephemeral&&) = default;

    ephemeral& operator=(T v) {
        say(value_, std::move(v));
        return *this;
    }
    void set(T v) { say(value_, std::move(v)); }
    /// Taken back, everywhere: reads give T().
    void reset() { say_nothing(value_); }
    T const& value() const { return value_; }
    operator T const&() const { return value_; }
    T const* operator->() const { return &value_; }
    template <class U>
    requires(!std::derived_from<U, field> && requires(T const& x, U const& y) { x == y; }) friend bool
    operator==(ephemeral const& x, U const& y) {
        return x.value_ == y;
    }

    static part const& of() {
        static ephemeral_part const one(access(value_codec<T>::kind));
        return one;
    }
    static ephemeral_access access(char kind) {
        return {kind,
                sizeof(ephemeral),
                [](void* v) { new (v) ephemeral; },
                [](void* v) { static_cast<ephemeral*>(v)->~ephemeral(); },
                [](void const* v, encoder& out) { value_codec<T>::put(out, static_cast<ephemeral const*>(v)->value_); },
                [](void* v, bytes_view b) { value_codec<T>::get(b, static_cast<ephemeral*>(v)->value_); },
                [](void* v) { static_cast<ephemeral*>(v)->value_ = T(); },
                [](void* v) {
                    auto& x = *static_cast<ephemeral*>(v);
                    x.drop(x.value_);
                }};
    }
};

} // namespace dunlin
