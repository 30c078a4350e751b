// Bench space: one object and its turn, as a space does it, without log and links: what remains is the cost of crdt/.
#pragma once
#include "../common.hpp"
#include <benchmark/benchmark.h>

namespace bench {

template <class T> class space final : public dunlin::owner {
    struct block {
        dunlin::header h;
        T value;
    } all_;
    bool touched_ = false;
    std::uint64_t number_ = 0;
    dunlin::encoder out_;
    dunlin::entry_writers table_;

public:
    dunlin::struct_part const& type = dunlin::struct_of<T>();
    std::uint32_t self = 0;

    space() {
        all_.h.up = this;
        type.attach(&all_.value, all_.h, 0);
    }
    T& operator*() { return all_.value; }
    T* operator->() { return &all_.value; }
    void touched(dunlin::header&) override { touched_ = true; }
    dunlin::undo_log* undo(dunlin::header&) override { return nullptr; }
    dunlin::extras* unknown(dunlin::header&, bool) override { return nullptr; }

    /// The turn's delta; good until the next.
    dunlin::bytes_view seal() {
        out_.clear();
        table_.begin(self);
        dunlin::flushing f{out_, table_, dunlin::dot(self, ++number_), 1000};
        if (touched_) type.flush(&all_.value, f);
        touched_ = false;
        return out_.view();
    }
    /// What the other side does: checked, then joined.
    void absorb(dunlin::bytes_view delta, dunlin::dot at) {
        std::uint32_t const slots[] = {at.slot(), self};
        dunlin::decoder in(delta);
        dunlin::checking c{in, 2, at.number()};
        type.check(c);
        if (!in.finished()) std::abort();
        dunlin::decoder again(delta);
        dunlin::absorbing a{again, slots, at, 1000, self};
        type.join_delta(&all_.value, a);
    }
    std::size_t bytes() const { return sizeof(dunlin::header) + sizeof(T) + type.heap_bytes(&all_.value); }
};

/// Time for one of the many changes of an iteration.
inline void each(benchmark::State& state, std::int64_t changes) {
    state.SetItemsProcessed(state.iterations() * changes);
    state.counters["each"] = benchmark::Counter(double(state.iterations() * changes),
                                                benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

} // namespace bench
