// Remove wins: a set in which an erase is not overruled by who has not seen it. What set<T, remove_wins> works on.
//
//   row    element -> dots of inserts, dots of erases            in: an insert and no erase
//
//   delta := u 2 * n + cleared | [removal] | n x {element, u 2 * removed + inserted, removed x dot}
//   state := u n, n x {element, dots of inserts, dots of erases}, by element
//
// Each insert or erase takes away the dots that it has seen, of both sorts, and leaves its own. So an erased element
// leaves a row behind (a residue: no life, not in digests): only so can it beat an insert that is on its way. A reset,
// or an erase of what holds the set, forgets all rows and is no erase of their elements.
// Size    16 bytes; an element, erased or not, about 50, and the bytes of those longer than 14.
// Cost    insert, erase, contains O(1), clear O(n); delta of a change 2 bytes and the element.
// Source  remove-wins set: Bieniusa et al. 2012 (arXiv 1210.3368), section 2, and AntidoteDB (set_rw).
#pragma once
#include "part.hpp"
#include "table.hpp"

namespace dunlin {

class remove_wins_body : public field {
    friend class remove_wins_part;
    enum mark : unsigned { settled, added, removed };
    struct dots {
        dot_set inserts, erases;
        bool in() const { return !inserts.empty() && erases.empty(); }
        bool empty() const { return inserts.empty() && erases.empty(); }
        template <class F> void each(F f) const { inserts.each(f), erases.each(f); }
        void drop(removal const& r) { inserts.drop(r), erases.drop(r); }
    };
    struct rows {
        table<dots> elements;
        std::vector<std::uint32_t> changed; // positions marked in this turn
        std::unique_ptr<rows> before;       // what was there when it was forgotten in this turn
        bool forgotten = false;
    };
    std::uint32_t size_ = 0; // of what is in
    std::unique_ptr<rows> rows_;

    bool change(bytes_view element, mark to);

protected:
    remove_wins_body() = default;
    remove_wins_body(remove_wins_body&& other) noexcept
        : field(std::move(other)), size_(std::exchange(other.size_, 0)), rows_(std::move(other.rows_)) {}

    bool insert_bytes(bytes_view element) { return !change(element, added); }
    bool erase_bytes(bytes_view element) { return change(element, removed); }
    bool contains_bytes(bytes_view element) const;
    void clear_all();
    std::uint32_t row_count() const { return rows_ ? rows_->elements.size() : 0; }
    bool shown(std::uint32_t at) const;
    bytes_view bytes(std::uint32_t at) const { return rows_->elements[at].key.view(); }

public:
    /// As if nothing had been said, of what has been seen here: nothing is in, and no insert on its way is beaten.
    void reset();
    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
};
static_assert(sizeof(remove_wins_body) == 16);

} // namespace dunlin
