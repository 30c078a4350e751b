// Extras: fields of a struct that this program does not have: kept, joined, stored and relayed like its own.
//
// A value is held by its shape (crdt/shape.hpp): the ordinary types over values that stay bytes. It is never attached,
// since nobody here can change it; only an erase of the whole struct takes it along.
#pragma once
#include "part.hpp"
#include <algorithm>

namespace dunlin {

class extras {
public:
    struct item {
        std::uint32_t id;
        std::string const* name; // lives in shapes
        part const* type;
        void* value;
    };
    extras() = default;
    extras(extras const&) = delete;
    extras& operator=(extras const&) = delete;
    ~extras() {
        for (auto& x : items_) forget(x);
    }
    void* make(std::uint32_t id, std::string const& name, part const& type) {
        auto it = std::lower_bound(items_.begin(), items_.end(), id, [](item const& x, auto i) { return x.id < i; });
        if (it != items_.end() && it->id == id) return it->value;
        auto v = ::operator new(type.size());
        type.make(v);
        return items_.insert(it, item{id, &name, &type, v})->value;
    }
    item const* find(std::uint32_t id) const {
        auto it = std::lower_bound(items_.begin(), items_.end(), id, [](item const& x, auto i) { return x.id < i; });
        return it != items_.end() && it->id == id ? &*it : nullptr;
    }
    /// Those in which nothing is left.
    void tidy() {
        std::erase_if(items_, [](item& x) { return x.type->vacant(x.value) && (forget(x), true); });
    }
    auto begin() const { return items_.begin(); }
    auto end() const { return items_.end(); }

private:
    std::vector<item> items_; // by id
    static void forget(item& x) {
        x.type->destroy(x.value);
        ::operator delete(x.value);
    }
};

} // namespace dunlin
