// Entry delta: the objects that an entry changes, by name, each with its struct's delta.
//
//   delta := n x { u type: 0 and bytes name for one not yet named here, else its position + 1 | bytes key | bytes struct delta }
//
// The schema object comes first, so that what follows can be read.
#pragma once
#include "../crdt/codec.hpp"
#include <vector>

namespace dunlin {

struct object_delta {
    bytes_view type, key, delta;
};

/// f(object_delta) -> bool. False if the bytes are not a delta or f said so.
template <class F> bool each_object_delta(bytes_view delta, F f) {
    decoder in(delta);
    std::vector<bytes_view> types;
    while (in.ok() && !in.done()) {
        auto t = in.u();
        if (t == 0) types.push_back(in.bytes(512)), t = types.size();
        if (t > types.size()) return false;
        object_delta one{types[t - 1], in.bytes(512), in.bytes()};
        if (!in.ok() || one.type.empty() || one.key.empty() || !f(one)) return false;
    }
    return in.ok();
}

} // namespace dunlin
