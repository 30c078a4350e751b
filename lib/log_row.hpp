// Log row: series of several spaces back to back; the row's runs say whose they are, in the same order.
#pragma once
#include "../net/entry.hpp"
#include "store_rows.hpp"

namespace dunlin {

/// f(space, series) for each series. False if the bytes are not what the runs say.
template <class F> bool each_series(std::vector<log_run> const& runs, bytes_view bytes, F f) {
    decoder in(bytes);
    for (auto& r : runs)
        for (auto next = r.first; next <= r.last;) {
            series s;
            if (!s.read(in) || s.first != next || s.count == 0) return false;
            f(r.space, s);
            next = s.last() + 1;
        }
    return in.finished();
}

} // namespace dunlin
