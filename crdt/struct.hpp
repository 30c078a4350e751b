// Struct: a user's struct of fields as one part: a list of members by name, kind and place.
//
//   delta := u 2 * n + erased | [u m, m x {u writer, u number}] | n x {id 4, bytes delta}, by id
//   state := u n, n x {id 4, bytes state}, by id
//
// Always stands behind a header: [header][struct]. A struct inside a struct is flattened: its members are the outer
// one's, called "outer.inner". Members that the program does not have go to the owner's extras and take part in
// everything. An empty member is nowhere in the bytes: adding one to a program changes no state.
#pragma once
#include "extras.hpp"
#include "part.hpp"
#include "shape.hpp"
#include <vector>

namespace dunlin {

class struct_part final : public part {
public:
    struct member {
        std::string name;
        std::uint32_t id;
        std::size_t offset;
        part const* type;
        unsigned number; // in order of declaration: the bit of `dirty`
    };
    /// A type without members of its own: everything is extras.
    explicit struct_part(std::string name);
    /// `make` and `destroy` of the C++ struct.
    struct_part(std::string name, std::size_t size, void (*maker)(void*), void (*destroyer)(void*),
                std::vector<member> members);

    std::string const& name() const { return name_; }
    std::vector<member> const& members() const { return members_; } // by id
    /// The member at this offset.
    member const& at_offset(std::size_t offset) const;
    unsigned number_at(std::size_t offset) const { return at_offset(offset).number; }

    struct_part const* nested() const override { return this; }
    void make(void* at) const override { make_(at); }
    void destroy(void* v) const override { destroy_(v); }
    void attach(void* v, header& h, unsigned member) const override;
    bool live(void const* v) const override;
    bool may_end() const override { return may_end_; }
    /// By expiries among its members; of several the earliest.
    std::int64_t deadline_ms(void const* v, deadline_setters* set_by = nullptr) const override;
    /// All of it goes, by this turn, and with it the deadline: what is written now has none until one is set.
    void begin_anew(void* v) const;
    /// Since begin_anew something is held again, or a deadline was set.
    bool has_begun(void const* v) const;
    bool shows(void const* v, std::int64_t now_ms) const override;
    void end(void* v, ending& e) const override;
    bool vacant(void const* v) const override;
    bool flush(void* v, flushing& f) const override;
    std::size_t weigh(void const* v) const override;
    void rollback(void* v) const override;
    void erase(void* v) const override;
    bool may_erase(void const* v) const override;
    void collect(void const* v, removal& r) const override;
    void check(checking& c) const override;
    void join_delta(void* v, absorbing& a) const override;
    void drop(void* v, removal const& r) const override;
    void join(void* v, void const* other, joining const& j) const override;
    void each_slot(void const* v, slot_set& s) const override;
    void encode(void const* v, saving& s) const override;
    void decode(void* v, loading& l) const override;
    void to_json(void const* v, boost::json::value& out) const override;
    std::size_t heap_bytes(void const* v) const override;

    /// Members as a watch is told of them: a bit each, those from the 62nd on share one.
    static std::uint64_t bit(unsigned number) { return std::uint64_t(1) << (number < 62 ? number : 62); }
    std::uint64_t touched_by(bytes_view delta) const;
    /// Of its asides: the marks that only they make; as watches are told of what has any; the member in which one lies.
    std::uint32_t aside_marks() const { return aside_marks_; }
    std::uint64_t aside_members() const { return aside_members_; }
    member const* aside_at(std::uint32_t id) const;
    ephemeral_part const* aside_at(decoder& below, unsigned depth = 0) const override;
    bool is_aside_alone() const override;
    bool tells(void const* v) const override;
    void show(void* v, showing const& s) const override;
    void copy_asides(void const* from, void* to) const override;
    /// By a turn with these marks; members that share a mark may all have been.
    static std::uint64_t touched_in(std::uint32_t dirty);

private:
    static constexpr std::uint64_t all_members = ~std::uint64_t(0) >> 1;
    std::string name_;
    void (*make_)(void*);
    void (*destroy_)(void*);
    std::vector<member> members_;
    bool may_end_;
    std::uint32_t aside_marks_ = 0;
    std::uint64_t aside_members_ = 0;

    member const* find(std::uint32_t id) const;
    template <class F> void each(void const* v, F f) const; // f(part, value) over members and extras
    static header& head(void const* v) { return const_cast<header*>(static_cast<header const*>(v))[-1]; }
    static extras* unknown(void const* v, bool make = false);
    static bool is_deadline(part const& p);
    static bool is_life(part const& p) { return p.asides() != asides_in::all; }
    template <class One> void say_deadline(void* v, flushing& f, std::size_t from, One one) const;
};

} // namespace dunlin
