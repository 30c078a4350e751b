#include "dots.hpp"
#include "mutant.hpp"

namespace dunlin {

namespace {
auto at(std::vector<dot>& v, std::uint32_t slot) {
    return std::lower_bound(v.begin(), v.end(), slot, [](dot d, std::uint32_t s) { return d.slot() < s; });
}
} // namespace

void dot_set::shrink() {
    auto& v = array();
    if (v.size() > 1) return;
    auto left = v.empty() ? 0 : word(v.front());
    delete &v;
    word_ = left;
}

dot dot_set::find(std::uint32_t slot) const {
    if (!is_many()) return word_ && one().slot() == slot ? one() : dot();
    auto it = at(array(), slot);
    return it != array().end() && it->slot() == slot ? *it : dot();
}

void dot_set::put(dot d) {
    if (!word_) return void(word_ = word(d));
    if (!is_many()) {
        auto mine = one();
        if (mine.slot() == d.slot()) return void(word_ = word(std::max(mine, d)));
        auto both = new many{std::min(mine, d), std::max(mine, d)};
        word_ = reinterpret_cast<std::uint64_t>(both) | 1;
        return;
    }
    auto& v = array();
    auto it = at(v, d.slot());
    if (it != v.end() && it->slot() == d.slot())
        *it = std::max(*it, d);
    else
        v.insert(it, d);
}

void dot_set::assign(dot d) {
    clear();
    word_ = word(d);
}

void dot_set::drop(removal const& r) {
    if (is_many()) {
        std::erase_if(array(), [&](dot d) { return r.covers(d); });
        shrink();
    } else if (word_ && r.covers(one()))
        word_ = 0;
}

void dot_set::join(dot_set const* theirs, version_vector const& my_vector, version_vector const& their_vector) {
    if (theirs && !is_many() && word_ == theirs->word_) return; // the usual case: the same single dot
    many result;
    each([&](dot d) {
        auto other = theirs ? theirs->find(d.slot()) : dot();
        if (other == d || !their_vector.covers(d) || mutant("set_join_keeps_removed")) result.push_back(d);
    });
    if (theirs)
        theirs->each([&](dot d) {
            if (my_vector.covers(d) && !mutant("set_join_revives_removed")) return; // kept above if both have it
            if (auto it = at(result, d.slot()); it != result.end() && it->slot() == d.slot())
                *it = std::max(*it, d);
            else
                result.insert(it, d);
        });
    clear();
    if (result.size() == 1)
        word_ = word(result.front());
    else if (!result.empty())
        word_ = reinterpret_cast<std::uint64_t>(new many(std::move(result))) | 1;
}

} // namespace dunlin
