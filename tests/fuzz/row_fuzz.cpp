// Row: what the store reads out of its file, each behind the right checksum, down to the object that comes of it.
//
//   input := mode u8 | ...                    mode mod 8
//     0  row u8 | runs                        heads of a log row          1  directory of parts
//     2  piece runs | bytes                   a log row                   3  records, as in a tail
//     4  kind u8 | state | records            as 5, of a field alone: by slots, without a file
//     5, 6  piece state | records             an object's row, written by the store and opened by a space
//     7  piece half | piece heads | piece runs | bytes     what a space finds at its start
//
// What is accepted is written again as the same bytes. A row that cannot be read is unknown: it stays so, is no
// absence, and stops nothing else.
#include "../lib/lone_space.hpp"
#include "parts.hpp"
#include <boost/asio/post.hpp>
#include <dunlin/lib/cold.hpp>
#include <dunlin/lib/entry_delta.hpp>
#include <dunlin/lib/log_row.hpp>
#include <dunlin/lib/sim/disk.hpp>
#include <dunlin/lib/store_file.hpp>
#include <dunlin/lib/store_format.hpp>

namespace {
using namespace fuzz;

std::string with_sum(std::uint64_t row, bytes_view runs) {
    auto sum = row_summer().number(row).bytes(runs).finish();
    return std::string(view_of(sum).substr(0, 8)).append(runs);
}
bool runs_of(bytes_view bytes, std::vector<log_run>& runs) { return decode_heads(1, with_sum(1, bytes), runs); }

int log_heads(std::uint64_t row, bytes_view bytes) {
    std::vector<log_run> runs;
    auto summed = with_sum(row, bytes);
    if (!decode_heads(row, summed, runs)) {
        must(runs.empty(), "runs of heads that were refused");
        return -1;
    }
    must(encode_heads(row, runs) == summed, "heads are written otherwise than they were read");
    must(!decode_heads(row + 1, summed, runs), "heads of another row are taken");
    return 0;
}

int directory_of(bytes_view bytes) {
    part_directory d;
    if (!decode_directory(bytes, d)) {
        must(d.parts.empty() && d.base_count == 0, "a part of a directory that was refused");
        return -1;
    }
    must(d.base_bytes() + d.delta_bytes() <= 2 * state_bytes_max, "a directory of more than may be");
    must(d.parts.empty() || encode_directory(d) == bytes, "a directory is written otherwise than it was read");
    return 0;
}

int log_row_of(bytes_view said, bytes_view bytes) {
    std::vector<log_run> runs;
    if (!runs_of(said, runs)) return -1;
    encoder again;
    if (!each_series(runs, bytes, [&](std::uint32_t, series const& s) { s.write(again); })) return -1;
    must(again.view() == bytes, "a log row is written otherwise than it was read");
    return 0;
}

int records_of(bytes_view bytes) {
    encoder again;
    if (!cold_deltas::read(bytes, [&](cold_deltas::record const& r) { return cold_deltas::write(again, r), true; })) return -1;
    must(again.size() <= bytes.size(), "records grow by being read");
    must(cold_deltas::read(again.view(), [](auto&) { return true; }), "records that were written are refused");
    return 0;
}

int field_row(input& in) {
    auto& p = *known().kind(kinds[in.u8() % std::size(kinds)]);
    held value(p);
    if (!value.load(in.piece(), known())) return -1;
    bool whole = cold_deltas::read(in.rest(), [&](cold_deltas::record const& r) {
        std::vector<std::uint32_t> named{r.writer};
        named.insert(named.end(), r.writers.begin(), r.writers.end());
        for (auto w : named)
            if (w >= writers_here) return false;
        decoder look(r.delta), bytes(r.delta);
        checking c{look, named.size(), r.number, 0, &known()};
        p.check(c);
        if (!look.finished() || r.number == 0 || r.number > dot::number_max) return false;
        absorbing a{bytes, named, dot(r.writer, r.number), r.stamp, 0, &known()};
        p.join_delta(value.get(), a);
        return true;
    });
    stays(p, value, known());
    return whole ? 0 : -1;
}

// ---- the store, and a space over it ---------------------------------------------------------------------------------

struct at_once final : store_runner {
    boost::asio::io_context& io;
    step work;
    bool woken = false;
    explicit at_once(boost::asio::io_context& i) : io(i) {}
    void start(step w) override { work = std::move(w); }
    void wake() override {
        if (std::exchange(woken, true)) return;
        boost::asio::post(io, [this] {
            woken = false;
            for (int n = 0; n < 100 && work().count() == 0; ++n) {}
        });
    }
    void deliver(std::function<void()> done) override { boost::asio::post(io, std::move(done)); }
};

struct file {
    boost::asio::io_context io;
    lone::still_clock clock;
    lone::same_chance chance;
    sim::disk disk{"fuzz", 1};
    store rows{io.get_executor(), clock, std::make_unique<at_once>(io)};
    std::uint32_t space = 0, type = 0, writers[3] = {};

    file() {
        store_options o;
        o.path = "fuzz.db", o.vfs = disk.vfs_name(), o.log_budget_bytes = 1 << 20;
        boost::system::error_code failed = store_errc::reopen_needed;
        rows.open(o, std::make_shared<store_sink>(), [&](boost::system::error_code ec, store_summary) { failed = ec; });
        poll();
        must(!failed, "the file does not open");
        space = rows.intern(name_kind::space, "main");
        type = rows.intern(name_kind::type, "every");
        for (std::uint8_t n = 1; n <= 3; ++n) writers[n - 1] = rows.intern(name_kind::writer, view_of_writer(lone::writer_of(n)));
        poll();
    }
    void poll() { io.restart(), io.poll(); }
    object_name name(std::string const& key) const { return {space, type, object_hash("every", key), key}; }
    void write(store_write w) {
        bool answered = false;
        rows.write(std::move(w), [&](write_result const& r) {
            answered = true;
            must(!r.error, "a write fails");
        });
        poll();
        must(answered, "a write is not answered");
    }
};
/// A new one now and then: a store keeps every name that it has ever met, and inputs name writers that nobody has.
file& disk(bool may_renew = false) {
    static auto& f = *new std::unique_ptr<file>; // not destroyed at the end: what parts refer to is static, too
    static unsigned used = 0;
    if (may_renew && ++used % 5000 == 0) f.reset();
    if (!f) f = std::make_unique<file>();
    return *f;
}

struct over_file {
    std::vector<std::string> alarms;
    std::shared_ptr<space_body> body;
    bool started = false;

    over_file(bytes_view half, bytes_view heads, std::vector<log_run> const& runs, bytes_view bytes) {
        auto& f = disk();
        space_setup s;
        s.name = "main", s.executor = f.io.get_executor(), s.clock = &f.clock, s.chance = &f.chance, s.store = &f.rows;
        s.node = lone::writer_of(9).node;
        s.send = [](peer_number, space_message&&) {};
        s.alarm = [this](std::string const& text) { alarms.push_back(text); };
        body = std::make_shared<space_body>(std::move(s));
        body->own(lone::writer_of(9));
        body->set_store_number(f.space);
        (void)body->type_of(struct_of<sampled::every>(), true);
        body->found(half, 0, heads, false);
        body->row_found(1, runs);
        each_series(runs, bytes, [&](std::uint32_t n, series const& one) {
            if (n == f.space) body->replay(1, one);
        });
        body->start([this] { started = true; });
        f.poll();
    }
    ~over_file() {
        body->stop();
        disk().poll();
    }
    object* open(std::string const& key, boost::system::error_code& ec) {
        object* found = nullptr;
        bool answered = false;
        body->open(*body->find_type("every"), key, [&](boost::system::error_code e, object* o) { answered = true, ec = e, found = o; });
        disk().poll();
        must(answered, "an open is not answered");
        must(bool(ec) != bool(found), "neither an object nor an error");
        return found;
    }
};

int object_row_of(bytes_view state, bytes_view records) {
    auto& f = disk();
    f.write(state_write{f.name("k"), std::string(state)});
    if (!records.empty()) f.write(delta_write{f.name("k"), std::string(records), 0});
    over_file s({}, {}, {}, {});
    must(s.started, "a space does not start");
    boost::system::error_code ec;
    auto o = s.open("k", ec);
    boost::system::error_code other;
    must(s.open("another", other) && !other, "another object does not open");
    if (!o) {
        must(ec == make_error_code(node_errc::object_unknown), "a row that cannot be read has another error");
        must(!s.open("k", ec) && ec == make_error_code(node_errc::object_unknown), "what was unknown is absent");
        return -1;
    }
    auto names = full_names(s.body->table());
    auto once = encode_object(*o, s.body->table(), names);
    std::shared_ptr<object> again(object::make(*s.body, *o->type, "k"), object::destroy);
    must(decode_object(*again, once, names, s.body->self(), s.body->kinds()), "a state that was written is refused");
    must(encode_object(*again, s.body->table(), names) == once, "a state is written otherwise than it was read");
    must(digest_object(*o, s.body->table()) == digest_object(*again, s.body->table()), "one state has two digests");
    sampled::change(*static_cast<sampled::every*>(o->value()), 3);
    return 0;
}

int start_of(input& in) {
    auto half = in.piece(), heads = in.piece(), said = in.piece();
    std::vector<log_run> runs;
    if (!said.empty() && !runs_of(said, runs)) return -1;
    auto& f = disk();
    f.write(erase_write{f.name("k")});
    over_file s(half, heads, runs, in.rest());
    boost::system::error_code ec;
    auto before = s.alarms.size();
    if (!s.started) return -1; // it waits for a peer, or for rows that are not there
    if (auto o = s.open("new", ec)) {
        sampled::change(*static_cast<sampled::every*>(o->value()), 1);
        must(s.body->seal() != 0, "a turn says nothing");
    }
    return before || ec ? -1 : 0;
}
} // namespace

int fuzz_one(std::uint8_t const* data, std::size_t size) {
    input in(data, size);
    disk(true);
    switch (in.u8() % 8) {
    case 0: {
        auto row = in.u8();
        return log_heads(row, in.rest());
    }
    case 1:
        return directory_of(in.rest());
    case 2: {
        auto runs = in.piece();
        return log_row_of(runs, in.rest());
    }
    case 3:
        return records_of(in.rest());
    case 4:
        return field_row(in);
    case 7:
        return start_of(in);
    }
    auto state = in.piece();
    return object_row_of(state, in.rest());
}

std::vector<std::string> fuzz_samples() {
    std::vector<std::string> out;
    auto& f = disk();
    auto runs_text = [&](std::vector<log_run> const& runs) { return encode_heads(1, runs).substr(8); };
    std::vector<log_run> two{{1, 1, 1, 7}, {f.space, f.writers[1], 300, 70000}};
    out.push_back(std::string("\0\1", 2) + runs_text(two)), out.push_back("\1" + encode_directory({1, {{7, 9000}, {8, 300}}}));
    lone::space a(2), b(3);
    auto record = [&](series const& s, std::uint64_t row, bool by_slot) {
        std::string all;
        series_cursor at(s);
        entry_body body;
        while (at.next() && body.read(at.entry().body))
            each_object_delta(body.delta, [&](object_delta const& one) {
                if (one.type != "every") return true;
                auto number = [&](writer_id const& w) { return by_slot ? w.run : f.writers[w.run - 1]; };
                cold_deltas::record r{row, number(s.writer), at.entry().number, at.entry().stamp, {}, one.delta};
                for (auto& w : body.writers) r.writers.push_back(number(w));
                encoder bytes;
                cold_deltas::write(bytes, r);
                all.append(bytes.view());
                return true;
            });
        return all;
    };
    std::string tail;
    for (int n = 1; n < 4; ++n) {
        sampled::change(a.get<sampled::every>(), n);
        auto one = a.seal();
        must(b.take(one), "the sample history");
        b.get<sampled::every>().bag["sword"] += 1;
        auto other = b.seal();
        must(a.take(other), "the sample history");
        encoder bytes;
        one.write(bytes);
        auto runs = runs_text({{f.space, f.writers[1], one.first, one.last()}});
        out.push_back("\2" + piece(runs).append(bytes.view()));
        out.push_back("\7" + piece("") + piece(n == 1 ? "" : a.heads()) + piece(runs) + std::string(bytes.view()));
        out.push_back("\7" + piece("\1" + a.heads()) + piece(b.heads()) + piece(""));
        tail += record(one, 0, false) + record(other, 0, false);
        out.push_back("\3" + tail), out.push_back("\5" + piece("") + tail);
        writer_names by_number{[&](encoder& o, std::uint32_t slot) { o.u(f.writers[a.body->table().id(slot).run - 1]); }, {}};
        auto state = encode_object(a.of<sampled::every>(), a.body->table(), by_number);
        out.push_back("\5" + piece(state)), out.push_back("\5" + piece(state) + record(one, 0, false));
    }
    each_sample([&](std::size_t kind, bool is_state, bytes_view bytes) {
        if (is_state) out.push_back(std::string{'\4', char(kind)} + piece(bytes));
        cold_deltas::record r{0, 1, 300, 5, {0, 2, 3}, bytes};
        encoder records;
        cold_deltas::write(records, r);
        if (!is_state) out.push_back(std::string{'\4', char(kind)} + piece("\0") + std::string(records.view()));
    });
    return out;
}
