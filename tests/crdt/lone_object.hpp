// One object without a space: what its turns say, and what a space would show in it.
#pragma once
#include "rig.hpp"
#include <gtest/gtest.h>

namespace rig {

template <class T> struct lone_object {
    std::vector<object*> touched;
    dunlin::undo_log* log = nullptr;
    object o{dunlin::struct_of<T>(), &touched, &log};
    std::uint64_t number = 0;

    T& operator*() { return *static_cast<T*>(o.value()); }
    T* operator->() { return &**this; }
    struct said {
        std::string delta;
        std::vector<dunlin::aside> asides;
    };
    said seal(std::uint64_t stamp) {
        said all;
        dunlin::encoder out;
        dunlin::entry_writers writers;
        writers.begin(0);
        dunlin::flushing f{out, writers, dunlin::dot(0, ++number), stamp};
        f.asides = &all.asides;
        if (!std::exchange(touched, {}).empty()) must(o.type().flush(o.value(), f) == (out.size() > 0), "flush");
        all.delta = out.take();
        EXPECT_EQ(o.head().dirty, 0u);
        return all;
    }
    void erase() { o.type().erase(o.value()); }
    /// As a space that has heard it.
    void show(char const* name, char const* kind, dunlin::bytes_view path, std::optional<std::string> value, std::uint64_t stamp) {
        auto& m = *dunlin::struct_of<T>().aside_at(dunlin::field_id(name, kind));
        dunlin::decoder below(path);
        m.type->show(static_cast<char*>(o.value()) + m.offset, {below, value ? std::optional(dunlin::bytes_view(*value)) : std::nullopt, stamp, std::int64_t(stamp >> 16)});
    }
};

template <class V> std::string bytes_of(V const& x) {
    dunlin::encoder out;
    dunlin::value_codec<V>::put(out, x);
    return out.take();
}

} // namespace rig
