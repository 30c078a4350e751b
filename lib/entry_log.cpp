#include "entry_log.hpp"
#include "../crdt/mutant.hpp"

namespace dunlin {

std::uint64_t entry_log::append(dot at, std::uint64_t stamp, std::uint64_t prior, bytes_view body) {
    tail_.push_back({at, stamp, prior, std::string(body)});
    tail_bytes_ += cost(tail_.back()), unsaved_bytes_ += cost(tail_.back());
    return next_position() - 1;
}

void entry_log::row_found(std::uint64_t id, std::vector<run> const& runs) {
    if (rows_.empty() || rows_.back().id != id) rows_.push_back({id, {}});
    auto& known = rows_.back().runs;
    for (auto& r : runs) {
        if (!known.empty() && known.back().slot == r.slot && known.back().last + 1 == r.first)
            known.back().last = r.last;
        else
            known.push_back(r);
    }
}

entry_log::item const& entry_log::saved(std::uint64_t position, std::uint64_t id) {
    auto& e = tail_[position - first_position_];
    saved_ = position + 1;
    unsaved_bytes_ -= cost(e);
    row_found(id, {run{e.at.slot(), e.at.number(), e.at.number()}});
    if (row_of_.empty() || row_of_.back().row != id) row_of_.push_back({position, id});
    while (first_position_ < position && tail_bytes_ - unsaved_bytes_ > kept_saved_bytes) pop_front();
    return e;
}

void entry_log::reopened(std::vector<file_row> const& rows) {
    rows_.clear();
    version_vector held;
    for (auto& r : rows) {
        row_found(r.id, r.runs);
        for (auto& x : r.runs) held.raise(x.slot, x.last);
    }
    while (!row_of_.empty() && row_of_.back().position >= first_position_) row_of_.pop_back();
    auto const before = saved_; // what was saved stays so, though its row may have been cut since
    saved_ = first_position_, unsaved_bytes_ = tail_bytes_;
    auto holds = [](row const& r, dot d) {
        return std::any_of(r.runs.begin(), r.runs.end(), [&](run const& x) {
            return x.slot == d.slot() && x.first <= d.number() && d.number() <= x.last;
        });
    };
    auto at_row = rows_.begin();
    for (auto& e : tail_) { // they were written in this order
        if ((saved_ >= before || mutant("recovery_writes_again_what_was_cut")) && !held.covers(e.at)) break;
        auto found = std::find_if(at_row, rows_.end(), [&](row const& r) { return holds(r, e.at); });
        if (found != rows_.end() && (row_of_.empty() || row_of_.back().row != found->id))
            at_row = found, row_of_.push_back({saved_, found->id});
        ++saved_, unsaved_bytes_ -= cost(e);
    }
}

void entry_log::pop_front() {
    tail_bytes_ -= cost(tail_.front());
    tail_.pop_front();
    ++first_position_;
}

void entry_log::cut(std::uint64_t first_row) {
    while (!rows_.empty() && rows_.front().id < first_row) {
        for (auto& r : rows_.front().runs)
            if (!mutant("log_cut_leaves_the_floor")) floor_.raise(r.slot, r.last);
        rows_.pop_front();
    }
}

void entry_log::forget_above(version_vector const& heads) {
    if (mutant("log_answers_above_a_hole")) return;
    for (auto& held : rows_) {
        std::erase_if(held.runs, [&](run const& r) { return r.first > heads[r.slot]; });
        for (auto& r : held.runs) r.last = std::min(r.last, heads[r.slot]);
    }
}

void entry_log::lost(std::uint64_t first, std::uint64_t last) {
    for (auto& held : rows_)
        if (first <= held.id && held.id <= last && !mutant("log_waits_for_a_lost_row"))
            for (auto& r : held.runs) floor_.raise(r.slot, r.last);
}

std::uint64_t entry_log::row_of(std::uint64_t position) const {
    if (position >= saved_) return 0;
    auto it =
        std::upper_bound(row_of_.begin(), row_of_.end(), position, [](auto p, auto& r) { return p < r.position; });
    return it == row_of_.begin() ? 0 : std::prev(it)->row;
}

void entry_log::forget_rows_before(std::uint64_t position) {
    while (row_of_.size() > 1 && row_of_[1].position <= position) row_of_.pop_front();
}

std::uint64_t entry_log::first_row_above(version_vector const& have) const {
    for (auto& r : rows_)
        for (auto& x : r.runs)
            if (x.last > have[x.slot]) return r.id;
    return 0;
}

std::uint64_t entry_log::first_of(std::uint32_t slot) const {
    std::uint64_t first = 0, last = 0;
    for (auto& r : rows_)
        for (auto& x : r.runs) {
            if (x.slot != slot) continue;
            if (x.first > last + 1 || !first) first = x.first; // what came as state in between is in no row
            last = std::max(last, x.last);
        }
    return first;
}

void entry_log::trim(std::size_t bytes_max) {
    while (tail_bytes_ > bytes_max && tail_.size() > 1) {
        floor_.see(tail_.front().at);
        unsaved_bytes_ -= cost(tail_.front());
        pop_front();
        saved_ = std::max(saved_, first_position_);
    }
}

bool entry_log::reaches(version_vector have, version_vector const& applied) const {
    for (auto& e : tail_) {
        if (have.covers(e.at)) continue;
        if (have[e.at.slot()] + 1 != e.at.number()) return false;
        have.see(e.at);
    }
    return have.covers(applied);
}

void entry_log::add(std::vector<series>& out, writer_id const& w, item const& e) {
    bool follows =
        !out.empty() && out.back().writer == w && out.back().last() + 1 == e.at.number() && out.back().count < 1024;
    if (!follows) {
        auto& s = out.emplace_back();
        s.writer = w, s.first = e.at.number(), s.first_stamp = e.stamp, s.prior = e.prior;
    }
    out.back().add(e.body);
}

bool entry_log::collect(version_vector& have, writers const& table, std::size_t& budget,
                        std::vector<series>& out) const {
    for (auto& e : tail_) {
        if (have.covers(e.at)) continue;
        if (cost(e) > budget && !out.empty()) return false;
        budget -= std::min(budget, cost(e));
        add(out, table.id(e.at.slot()), e);
        have.see(e.at);
    }
    return true;
}

} // namespace dunlin
