// type: kind M
// Once: which requests were done already, so that one that is tried again does nothing (idempotency guard).
//
// Concurrent  one request at two nodes that have not seen each other's: accepted twice. Where it was seen it is refused.
//
//   once<std::string, std::chrono::hours, 24>  :=  map of slices of time to sets of ids          slice = 1/8 of the time
//
//       node.atomic([&] {
//           if (!account->requests.accept(request_id)) return false;      // done already, here or at a peer
//           account->balance.deposit(n);
//           return true;
//       });
//
// An id is kept for the time that is declared, and at most a quarter longer where something is accepted meanwhile: who
// accepts takes the slices away that are over, by an ordinary erase. So what is kept is the same on all nodes whatever
// their clocks; a clock that is wrong by less than an eighth of the time makes no id be forgotten early.
// State   a set for each slice that has ids.   Size  16 bytes; about 40 and the id an id, 200 a slice.
// Cost    accept: up to ten looks into tables; delta 5 bytes and the id, a slice that is over 3 bytes a writer.
// Errors  as set.
// Source  idempotent receiver (Hohpe, Woolf 2003); time is the owner's (field.hpp), detached it stands still.
#pragma once
#include "map.hpp"
#include "set.hpp"
#include <chrono>

namespace dunlin {

template <value T = std::string, class Unit = std::chrono::hours, std::int64_t Count = 24> class once : public map<std::int64_t, set<T>> {
    using slices = map<std::int64_t, set<T>>;
    static_assert(Count > 0, "a time of nothing keeps nothing");

public:
    using argument = typename set<T>::argument;
    static constexpr std::chrono::milliseconds keep = Unit(Count);
    static constexpr std::int64_t slice_ms = keep.count() < 8 ? 1 : keep.count() / 8;
    /// A slice older than that is over: the time itself, and a slice for clocks that differ.
    static constexpr std::int64_t slices_kept = 9;

    /// True if nobody that this node has seen has accepted it within the time. Else nothing changes.
    bool accept(argument id) {
        if (contains(id)) return false;
        auto now = slice();
        forget(now);
        slices::operator[](now)->insert(id);
        return true;
    }
    bool contains(argument id) const {
        for (auto [slice, ids] : static_cast<slices const&>(*this))
            if (ids.contains(id)) return true;
        return false;
    }
    /// How many are kept. O(slices).
    std::size_t size() const {
        std::size_t n = 0;
        for (auto [slice, ids] : static_cast<slices const&>(*this)) n += ids.size();
        return n;
    }

    // Written by accept alone.
    void operator[](std::int64_t) = delete;
    void erase(std::int64_t) = delete;

private:
    std::int64_t slice() const {
        return this->is_attached() ? this->head().up->now_ms(this->head()) / slice_ms : 0;
    }
    void forget(std::int64_t now) {
        std::vector<std::int64_t> over;
        for (auto [slice, ids] : static_cast<slices const&>(*this))
            if (slice < now - slices_kept) over.push_back(slice);
        for (auto slice : over) slices::erase(slice);
    }
};

} // namespace dunlin
