// Object: a struct of fields in memory, with what its space knows of it. Users hold it through ref<T>.
//
//   [object: type, key, pins, lists][header][struct of fields]      one block; never moves
//
// pinned (a ref, a watch, a running turn) -> stays in memory; else the least recently used leaves first.
// `dirty`: changed since its state was last queued for the file; `since` is the first entry its stored state lacks.
// Size    about 130 bytes before the struct.   Threads  the executor of its space.
#pragma once
#include "../crdt/struct.hpp"
#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>
#include <string>

namespace dunlin {

class space_body;
class object_watch;
struct indexed_type;

class object;

struct by_hash { // the order of listings, the same on all nodes
    bool operator()(object const& a, object const& b) const;
    bool operator()(object const& a, std::uint64_t h) const;
    bool operator()(std::uint64_t h, object const& b) const;
};
using order_hook = boost::intrusive::set_member_hook<boost::intrusive::optimize_size<true>>;

/// One type of objects in one space.
struct object_type {
    std::string name;
    std::uint64_t name_hash = 0;
    struct_part const* part = nullptr;  // of the program's struct, or a shape
    bool known = false;                 // the program has a struct for it
    bool described = false;             // its lines stand in the schema of the space
    std::uint32_t number = 0;           // in the file; 0: none yet
    std::vector<object_watch*> watches; // of the type
    std::size_t resident = 0;
    bool holds_rights = false;       // it has bounded counters, as far as this program or the schema says
    std::vector<std::size_t> rights; // where they lie in the program's struct
    bool may_end = false, may_end_below = false; // deadlines (crdt/expiry.hpp) may lie in it; in elements of its maps
    indexed_type* indexes = nullptr; // none are kept (indexes.hpp)
    struct order;
    std::shared_ptr<order> by_hash; // its objects in memory
};

/// One object, in memory or not. Ordered by names, never by address: equal runs in equal order.
struct type_and_key {
    object_type* type;
    std::string key;
    friend bool operator==(type_and_key const&, type_and_key const&) = default;
    friend bool operator<(type_and_key const& a, type_and_key const& b) {
        return a.type != b.type ? a.type->name < b.type->name : a.key < b.key;
    }
};

class object final : public owner {
public:
    using hook = boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

    space_body& space;
    object_type* type;
    struct_part const* made_by; // its type may get another one, and this object goes as it came
    std::string key;
    order_hook place;          // among its type's
    std::uint64_t hash;        // object_hash(type name, key)
    hook used;                 // among the unpinned, least recently used first
    hook unsaved;              // among the dirty, oldest `since` first
    std::uint64_t since = 0;   // position in the log of the first entry that the stored state lacks
    std::uint64_t changed = 0; // members touched by what is being made known to watches
    std::uint32_t pins = 0;
    bool in_turn = false;
    bool dirty = false;
    bool leaving = false;       // its state is queued; it goes when that is saved
    std::uint32_t unpinned = 0; // how often
    std::uint32_t writing = 0;  // its states that are queued and not answered: a load would overtake them
    std::size_t counted_bytes = 0;
    std::vector<object_watch*>* watches = nullptr;
    std::unique_ptr<extras> extra;
    std::unique_ptr<undo_log> past; // what it held when this turn, after its deadline, began to use it
    bool past_kept = false;         // it was erased since: that is a change, whatever is in it
    std::unique_ptr<std::string> records; // of a large object: what its stored state lacks, if that is less to write

    static object* make(space_body& s, object_type& t, std::string_view key);
    static void destroy(object* o);

    header& head() { return *reinterpret_cast<header*>(this + 1); }
    void* value() { return &head() + 1; }
    void const* value() const { return const_cast<object*>(this)->value(); }
    part const& fields() const { return *made_by; }
    bool live() const { return made_by->live(value()); }
    /// Live, and its deadline has not passed.
    bool shows() const { return made_by->may_end() || extra ? made_by->shows(value(), now_ms()) : live(); }
    bool is_over() const { return (made_by->may_end() || extra) && made_by->deadline_ms(value()) <= now_ms(); }
    /// Whoever uses it after its deadline finds it empty. Nothing is said of that unless something is written in this turn.
    void begin_anew();
    /// What it says in this turn is more than ephemerals.
    bool makes_entry() { return head().dirty & ~made_by->aside_marks(); }
    bool was_only_looked_at() const;
    void take_past_back();
    std::int64_t now_ms() const;
    std::size_t bytes() const;

    void touched(header& of) override;
    undo_log* undo(header& of) override;
    extras* unknown(header& of, bool make) override;
    void rights_changed(header& of) override;
    std::int64_t now_ms(header& of) override;
    std::int64_t lease_ms(header& of, std::uint32_t writer, std::uint64_t stamp) override;
    void announced(header& of) override;

private:
    bool beginning_ = false;

    object(space_body& s, object_type& t, std::string_view k);
    ~object() = default;
};
static_assert(sizeof(object) % 8 == 0);

using used_list = boost::intrusive::list<object, boost::intrusive::member_hook<object, object::hook, &object::used>,
                                         boost::intrusive::constant_time_size<false>>;
using unsaved_list =
    boost::intrusive::list<object, boost::intrusive::member_hook<object, object::hook, &object::unsaved>,
                           boost::intrusive::constant_time_size<false>>;

using order_list =
    boost::intrusive::multiset<object, boost::intrusive::member_hook<object, order_hook, &object::place>,
                               boost::intrusive::compare<by_hash>, boost::intrusive::constant_time_size<false>>;
struct object_type::order {
    order_list list;
};
inline bool by_hash::operator()(object const& a, object const& b) const { return a.hash < b.hash; }
inline bool by_hash::operator()(object const& a, std::uint64_t h) const { return a.hash < h; }
inline bool by_hash::operator()(std::uint64_t h, object const& b) const { return h < b.hash; }

} // namespace dunlin
