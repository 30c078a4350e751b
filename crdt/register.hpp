// Register: the writes that no other has replaced. Under `latest`, `maximum`, `minimum`, `siblings`, `joined`,
// `expiry`, `presence`.
//
//   writes    dot -> value, at most one a writer; one of them is shown, the others lie beside it
//
// Concurrent  all writes are kept until one that has seen them replaces them, by their dots. Who forgot a beaten write
//             would be empty when the winner is removed, and who met it later would not, at equal vectors. Which one
//             is shown is the view's business, and so is when a write is one at all:
//
//   latest     the greatest (stamp, bytes); every write is one
//   maximum    the greatest bytes; a write above what is shown is one          minimum   likewise below
//   siblings   all of them; every write is one                            joined    their join
//   expiry     the greatest bytes; every write is one
//   presence   as latest, of the writes whose writer is there
//
//   delta := u 2 * removed + written | removed x {u writer, u number} | [R, P: u stamp - entry's stamp] [value]
//   state := u n, n x {u writer, u number, [R, P: u stamp], value}
//
// Bytes of values compare as the values do, so no view needs to know T.
// Size    32 bytes and the value; 48 and the bytes for each write beside it, and 80 for the first.
// Cost    O(1) and the value's assignment; O(n) with n concurrent writes.
// Errors  out_of_bound above 1 MiB.   Source  multi-value register: Shapiro et al. 2011 (RR-7506).
#pragma once
#include "part.hpp"
#include "value.hpp"
#include <optional>

namespace dunlin {

/// The letter of the kind.
enum class register_view : char { latest = 'R', maximum = 'X', minimum = 'N', siblings = 'V', expiry = 'E', presence = 'P' };

/// How a register reaches a value whose type it does not know.
struct value_access {
    char kind;
    std::size_t size;
    void (*make)(void* at);
    void (*destroy)(void* v);
    void (*put)(void const* v, encoder& out);
    fit (*get)(void* v, bytes_view bytes); // empty: T()
    void (*reset)(void* v);
    /// A write that adds replaces these bytes, since all of them is in it. Null: each write replaces whatever it has seen.
    bool (*holds)(bytes_view bytes) = nullptr;
};
std::unique_ptr<part const> make_register_part(value_access const& access, register_view view);

/// Everything of a register but the value that is shown.
class register_body : public field {
    friend class register_part;
    struct write {
        dot at;
        std::uint64_t stamp;
        std::string value;
    };
    struct beside {
        std::vector<write> losers;
        std::string exact; // the shown one's bytes, where the type holds them only nearly
        bool near = false;
        std::shared_ptr<void const> together{}; // of `joined`: what all are, once somebody has asked
    };
    enum class change : std::uint32_t { none, written, added, erased };
    change change_ = change::none;
    dot at_; // of the write that is shown; none: empty
    std::uint64_t stamp_ = 0;
    std::unique_ptr<beside> beside_;

    template <class T> class step final : public undo_step {
        T& of_;
        T old_;

    public:
        explicit step(T& of) : of_(of), old_(of) {}
        void undo() override { of_ = std::move(old_); }
    };

protected:
    register_body() = default;
    register_body(register_body&&) noexcept = default;

    bool pending() const { return change_ != change::none; }
    /// Of a presence: the value beside the greatest stamp's whose writer is there while that one's is not; else none.
    std::optional<bytes_view> shown_by_lease() const;
    std::int64_t lease_ms(dot of, std::uint64_t stamp) const {
        return is_attached() ? head().up->lease_ms(head(), of.slot(), stamp) : never_ms;
    }
    /// What is there is said again, by the entry that is being made.
    void say_again() {
        if (!pending() && at_) change_ = change::written;
    }
    bool holds_nothing() const { return pending() ? change_ == change::erased : !at_; }
    /// All that is kept, each value once, in the order of their bytes. `shown`: those of the face's value, where it
    /// holds it exactly.
    std::vector<bytes_view> values_of(bytes_view shown) const;

    /// `value` is what the face shows: noted for an undo, then changed.
    template <class T> void write_to(T& value, T&& with) {
        if (!value_fits(with)) throw_out_of_bound("a register's value is at most 1 MiB");
        note(value);
        value = std::move(with);
        change_ = change::written;
    }
    /// The same, but what the face could not read whole stays beside it, unless it was forgotten in this turn.
    template <class T> void add_to(T& value, T&& with) {
        bool adds = change_ == change::none || change_ == change::added;
        write_to(value, std::move(with));
        if (adds && !mutant("joined_takes_what_it_cannot_read")) change_ = change::added;
    }
    bool shows_all() const { return pending() || !beside_ || beside_->losers.empty(); }
    /// Where more is kept than is shown: `shown`, with f(it, bytes) for each write beside it; made once, until one of them changes.
    template <class T, class F> T const& together(T const& shown, F f) const {
        auto& kept = beside_->together;
        if (!kept) {
            auto all = std::make_shared<T>(shown);
            for (auto& l : beside_->losers) f(*all, bytes_view(l.value));
            kept = std::move(all);
        }
        return *static_cast<T const*>(kept.get());
    }
    /// The value stays for an undo, and is not looked at.
    template <class T> void forget(T& value) {
        note(value);
        change_ = change::erased;
    }
    template <class T> void reset_of(T& value) {
        forget(value);
        // Nobody reads a field that this program does not have; nobody notes its old value for an undo either.
        if constexpr (!std::same_as<T, raw_value>) value = T();
    }
    template <class T> void note(T& value) {
        if (!touch()) return;
        auto log = undo();
        if (log && !mutant("undo_forgets_a_register")) log->push_back(std::make_unique<step<T>>(value));
    }
    /// Of a face with a member `value_` and reset().
    template <class Face, class T> static value_access access_of(char kind) {
        return {kind,
                sizeof(Face),
                [](void* at) { new (at) Face; },
                [](void* v) { static_cast<Face*>(v)->~Face(); },
                [](void const* v, encoder& out) { value_codec<T>::put(out, static_cast<Face const*>(v)->value_); },
                [](void* v, bytes_view b) { return value_codec<T>::get(b, static_cast<Face*>(v)->value_); },
                [](void* v) { static_cast<Face*>(v)->reset(); }};
    }
};

} // namespace dunlin
