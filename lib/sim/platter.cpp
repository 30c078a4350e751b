#include "platter.hpp"

#include <algorithm>
#include <cstring>

namespace dunlin::sim {

platter::platter(image const& start) {
    for (auto const& [name, bytes] : start.files) {
        names_[name] = {inodes_.size()};
        inodes_.push_back({bytes, bytes, {}, true});
        used_ += bytes.size();
    }
}

std::size_t platter::find(std::string_view name) const {
    auto it = names_.find(name);
    return it == names_.end() ? none : it->second.back();
}

void platter::put(std::string& file, change const& c) {
    if (c.truncates) return file.resize(c.at);
    if (file.size() < c.at + c.bytes.size()) file.resize(c.at + c.bytes.size());
    std::memcpy(file.data() + c.at, c.bytes.data(), c.bytes.size());
}

void platter::change_file(std::size_t file, change c) {
    auto& n = inodes_[file];
    std::uint64_t const before = n.current.size();
    put(n.current, c);
    if (n.named) used_ = used_ - before + n.current.size();
    n.pending.push_back(std::move(c));
    if (n.pending.size() < pending_max) return;
    for (auto const& p : n.pending) put(n.sure, p);
    n.pending.clear();
}

void platter::sure_names() {
    for (auto it = names_.begin(); it != names_.end();) {
        auto& bound = it->second;
        for (std::size_t k = 0; k + 1 < bound.size(); ++k)
            if (bound[k] != none && bound[k] != bound.back()) inodes_[bound[k]].sure.clear();
        bound.erase(bound.begin(), bound.end() - 1);
        if (bound.back() == none)
            it = names_.erase(it);
        else
            ++it;
    }
}

void platter::apply(disk_event const& e) {
    switch (e.what) {
    case disk_op::create: {
        auto& bound = names_[e.bytes];
        if (bound.empty()) bound.push_back(none);
        bound.push_back(inodes_.size());
        inodes_.emplace_back();
        return;
    }
    case disk_op::remove:
        used_ -= inodes_[e.file].current.size();
        inodes_[e.file].named = false;
        names_[e.bytes].push_back(none);
        if (e.folder) sure_names();
        return;
    case disk_op::write:
        return change_file(e.file, {e.at, e.bytes, false});
    case disk_op::truncate:
        return change_file(e.file, {e.at, {}, true});
    case disk_op::sync: {
        auto& n = inodes_[e.file];
        for (auto const& p : n.pending) put(n.sure, p);
        n.pending.clear();
        if (e.folder) sure_names();
        return;
    }
    case disk_op::lose:
        inodes_[e.file].pending.clear();
        return;
    case disk_op::mark:
        return;
    }
}

void platter::flip(std::size_t file, std::uint64_t bit) {
    auto& n = inodes_[file];
    auto const turn = [bit](std::string& s) {
        if (bit / 8 < s.size()) s[bit / 8] = char(s[bit / 8] ^ 1 << bit % 8);
    };
    turn(n.current);
    turn(n.sure);
}

image platter::contents() const {
    image out;
    for (auto const& [name, bound] : names_)
        if (bound.back() != none) out.files[name] = inodes_[bound.back()].current;
    return out;
}

image platter::cut(generator& chance, cut_style style) const {
    using keep = cut_style::keep;
    image out;
    for (auto const& [name, bound] : names_) {
        std::size_t const pick = style.what == keep::any         ? bound[chance() % bound.size()]
                                 : style.what == keep::only_sure ? bound.front()
                                                                 : bound.back();
        if (pick != none) out.files[name] = cut_file(inodes_[pick], chance, style);
    }
    return out;
}

namespace {

/// How far in time each sector got: the number of pending changes that reached it, from 0 to all.
class progress {
    enum class shape : std::uint8_t { each_its_own, one_prefix, all_or_none, few_lost } shape_;
    std::uint64_t salt_, all_, prefix_;

public:
    progress(generator& chance, std::size_t changes)
        : shape_(shape(chance() % 4)), salt_(chance()), all_(changes), prefix_(chance() % (changes + 1)) {}

    std::uint64_t of(std::uint64_t sector) const {
        std::uint64_t const h = scramble(salt_ ^ sector * 0x9E3779B97F4A7C15u);
        switch (shape_) {
        case shape::each_its_own:
            return h % (all_ + 1);
        // In order, but the sectors of the change at the edge are torn.
        case shape::one_prefix:
            return std::min(all_, prefix_ + (h & 1));
        case shape::all_or_none:
            return h & 1 ? all_ : 0;
        case shape::few_lost:
            return h % 8 ? all_ : (h >> 8) % (all_ + 1);
        }
        return all_;
    }
    std::uint64_t prefix() const { return shape_ == shape::one_prefix ? prefix_ : all_ + 1; }
    bool noisy(std::uint64_t sector, double probability) const {
        return probability > 0 && double(scramble(salt_ + sector) >> 11) * 0x1.0p-53 < probability;
    }
};

} // namespace

std::string platter::cut_file(inode const& n, generator& chance, cut_style style) const {
    if (style.what == cut_style::keep::everything) return n.current;
    if (style.what == cut_style::keep::only_sure || n.pending.empty()) return n.sure;
    progress const got(chance, n.pending.size());
    std::string out = n.sure;
    std::vector<std::uint64_t> sizes{out.size()};
    std::uint64_t size = out.size();
    for (std::size_t i = 0; i < n.pending.size(); ++i) {
        auto const& c = n.pending[i];
        std::uint64_t const from = c.at, to = c.truncates ? std::max<std::uint64_t>(size, c.at) : c.at + c.bytes.size();
        size = c.truncates ? c.at : std::max(size, to);
        sizes.push_back(size);
        if (out.size() < to) out.resize(to);
        for (std::uint64_t s = from / sector_bytes; s * sector_bytes < to; ++s) {
            if (got.of(s) <= i) continue;
            std::uint64_t first = std::max(from, s * sector_bytes), last = std::min(to, (s + 1) * sector_bytes);
            if (c.truncates) {
                std::memset(out.data() + first, 0, last - first);
            } else if (got.noisy(s, style.noise)) {
                if (style.wide_noise)
                    first = s * sector_bytes, last = std::min<std::uint64_t>(out.size(), (s + 1) * sector_bytes);
                for (auto k = first; k < last; ++k) out[k] = char(chance());
            } else {
                std::memcpy(out.data() + first, c.bytes.data() + (first - from), last - first);
            }
        }
    }
    out.resize(got.prefix() < sizes.size() ? sizes[got.prefix()] : sizes[chance() % sizes.size()]);
    return out;
}

} // namespace dunlin::sim
