// Toy replica: the shipped replication machine over a log in memory whose disk answers when complete() is called.
//
// What breaks a promise is put into violations(), so that a scheduler can add its seed.
#pragma once
#include <algorithm>
#include <deque>
#include <dunlin/net/replication.hpp>
#include <gtest/gtest.h>
#include <random>
#include <set>

namespace dunlin::toys {

struct seeded : chance {
    std::mt19937_64 random;
    explicit seeded(std::uint64_t s) : random(s) {}
    void fill(std::span<std::uint8_t> bytes) override {
        for (auto& b : bytes) b = std::uint8_t(random());
    }
};

inline node_id node_named(std::size_t i) {
    node_id n{};
    n[0] = std::uint8_t(i + 1);
    return n;
}

inline std::set<std::string>& violations() {
    static std::set<std::string> list;
    return list;
}

struct toy : replica {
    writers table;
    heads known_{table};
    version_vector durable_, floor_, last_dependencies;
    writer_id own;
    std::uint64_t stamp = 0;
    std::vector<series> log; // single entries in the order of their application, above the floor
    std::map<std::pair<writer_id, std::uint64_t>, std::string> contents;
    replication machine;
    actions out;
    instant* now = nullptr;
    bool was_first = true, stopped = false, is_full = false;
    std::size_t chunks_served = 0;

    struct request {
        std::uint64_t id;
        id_vector have;
        std::size_t budget = 0;
        bool state = false, stage = false, finish = false;
        std::uint64_t token = 0;
        std::string cursor;
    };
    std::deque<request> pending;
    std::map<std::uint64_t, std::vector<std::string>> snapshots; // by token, in chunks
    std::uint64_t last_token = 0;
    std::string staged;

    explicit toy(writer_id const& w, instant* t, replication_bounds b = {}) : own(w), machine(*this, w, b), now(t) {}

    heads const& known() const override { return known_; }
    version_vector const& durable() const override { return durable_; }
    version_vector const& floor() const override { return floor_; }
    bool full() const override { return is_full; }

    /// The delta says the author's whole vector, so that causality is checked by what is written and not by heads.
    bool absorb(entry const& e, entry_body const& body) override {
        if (body.delta == "poison") return false;
        decoder in(body.delta);
        for (auto n = in.count(); n--;) {
            auto w = read_writer(in);
            auto number = in.u();
            if (known_.of(w).number < number) violations().insert("applied before its cause");
        }
        if (known_.of(e.writer).number + 1 != e.number) violations().insert("applied out of order");
        if (e.writer == own) violations().insert("absorbed its own");
        if (is_full) violations().insert("absorbed although full");
        keep(e, body);
        return true;
    }
    void keep(entry const& e, entry_body const& body) {
        auto prior = known_.of(e.writer).prior();
        encoder kept;
        kept.u64(e.stamp), kept.raw(e.body);
        if (!contents.emplace(std::pair(e.writer, e.number), kept.take()).second) violations().insert("one dot twice");
        series s;
        s.writer = e.writer, s.first = e.number, s.first_stamp = e.stamp, s.prior = e.number > 1 ? prior : 0;
        s.add(e.body);
        log.push_back(std::move(s));
        known_.advance(e, body);
        stamp = std::max(stamp, e.stamp);
    }
    void write(bytes_view text, bool roster = false, std::size_t padding = 0) {
        entry_builder b;
        auto self = table.intern(own);
        b.begin(self);
        encoder delta;
        std::vector<std::uint32_t> seen;
        for (std::uint32_t s = 0; s < known_.size(); ++s)
            if (known_[s].number) seen.push_back(s);
        delta.u(seen.size());
        for (auto s : seen) write_writer(delta, table.id(s)), delta.u(known_[s].number);
        delta.raw(text), delta.raw(std::string(padding, 'p'));
        b.delta().raw(text == "poison" ? text : delta.view());
        for (auto s : seen)
            if (s != self && known_[s].number > last_dependencies[s]) {
                EXPECT_TRUE(b.depend(s, known_[s].number, table));
                last_dependencies.raise(s, known_[s].number);
            }
        auto& h = known_[self];
        auto before = h.stamp;
        ++stamp;
        encoder bytes;
        b.finish(h.number ? stamp - before : 0, bytes);
        entry_body body;
        EXPECT_TRUE(body.read(bytes.view()));
        entry e{own, h.number + 1, stamp, bytes.view()};
        keep(e, body);
        machine.sealed(log.back(), std::exchange(was_first, false) || roster, out);
    }

    void read_log(std::uint64_t id, id_vector const& have, std::size_t budget) override {
        pending.push_back({id, have, budget, false, false, false, 0, {}});
    }
    void read_state(std::uint64_t id, std::uint64_t token, std::string const& cursor) override {
        pending.push_back({id, {}, 0, true, false, false, token, cursor});
    }
    void stage_state(std::string bytes) override {
        staged += bytes;
        pending.push_back({0, {}, 0, false, true, false, 0, {}});
    }
    void finish_state() override { pending.push_back({0, {}, 0, false, false, true, 0, {}}); }
    void abandon_state() override {
        staged.clear();
        std::erase_if(pending, [](auto& r) { return r.stage || r.finish; });
    }

    void complete() {
        auto r = std::move(pending.front());
        pending.pop_front();
        if (r.stage) return machine.state_staged(true, *now, out);
        if (r.finish) return machine.state_finished(join_state(), *now, out);
        if (r.state) return serve_state(r);
        log_range range;
        std::size_t bytes = 0;
        for (std::uint32_t s = 0; s < floor_.size(); ++s)
            if (floor_[s] && number_in(r.have, table.id(s)) < floor_[s]) range.behind = true;
        for (auto& s : log) {
            if (s.last() <= number_in(r.have, s.writer)) continue;
            if (bytes > r.budget) {
                range.more = true;
                break;
            }
            bytes += s.size(), range.list.push_back(s);
        }
        machine.log_read(r.id, std::move(range), *now, out);
    }
    void serve_state(request const& r) {
        state_piece piece;
        piece.token = r.token ? r.token : ++last_token;
        if (!r.token) {
            encoder e;
            known_.write(e);
            e.u(contents.size());
            for (auto& [dot, text] : contents) write_writer(e, dot.first), e.u(dot.second), e.bytes(text);
            auto all = e.take();
            auto& chunks = snapshots[piece.token];
            for (std::size_t i = 0; i < all.size(); i += 200) chunks.push_back(all.substr(i, 200));
        }
        auto it = snapshots.find(piece.token);
        std::size_t index = r.cursor.empty() ? 0 : std::stoul(r.cursor);
        if (it == snapshots.end() || index >= it->second.size()) {
            piece.gone = true;
        } else {
            ++chunks_served;
            piece.bytes = it->second[index], piece.last = index + 1 == it->second.size();
            piece.next = std::to_string(index + 1);
        }
        machine.state_read(r.id, std::move(piece), *now, out);
    }
    bool join_state() {
        decoder in(staged);
        EXPECT_TRUE(known_.read(in)) << "a state was put together wrongly";
        for (auto n = in.count(); n--;) {
            auto w = read_writer(in);
            auto number = in.u();
            auto text = in.bytes();
            auto [it, fresh] = contents.emplace(std::pair(w, number), text);
            if (!fresh && it->second != text) violations().insert("one dot, two contents");
        }
        EXPECT_TRUE(in.finished());
        staged.clear();
        // The log has holes now below what came: it answers only above.
        for (std::uint32_t s = 0; s < known_.size(); ++s)
            if (known_[s].number) floor_.raise(s, known_[s].number);
        log.clear();
        return true;
    }
    void commit() {
        durable_ = known_.applied();
        machine.committed(out);
    }
    void cut_log(std::size_t rows) {
        for (rows = std::min(rows, log.size()); rows--;) {
            floor_.raise(table.find(log.front().writer), log.front().last());
            log.erase(log.begin());
        }
    }
};

} // namespace dunlin::toys
