// What a program does with its node in a history: it opens, changes, trades, waits, erases, lists and watches, and
// takes errors as users do: it tries again later.
#include "history.hpp"

namespace clusters {

using dunlin::ref;
using std::chrono::milliseconds;

/// A new run of node i lives: it writes and waits, and watches.
void history::live(std::size_t i) {
    if (lives_.size() < c.size()) lives_.resize(c.size());
    auto& l = lives_[i];
    auto key = name_of(i) + "/" + std::to_string(l.runs++);
    auto& mine = promised.runs[key];
    mine.key = key;
    l.record = &mine;
    l.alarms_before = c.alarms(i).size();
    c.spawn(i, [this, i, &mine](dunlin::node& n) { return unless_dead(i, writes(n, i, mine)); });
    c.spawn(i, [this, i, &mine](dunlin::node& n) { return unless_dead(i, watches(n, mine)); });
}

/// What an error may be while disks fail; anything else is a broken promise.
void history::tolerate(boost::system::error_code ec) {
    using dunlin::node_errc, dunlin::store_errc;
    ++refused;
    for (auto may : {node_errc::overloaded, node_errc::memory_full, node_errc::timed_out, node_errc::object_unknown,
                     node_errc::unsaved, node_errc::rights_elsewhere})
        if (ec == make_error_code(may)) return;
    for (auto may : {store_errc::disk_full, store_errc::unknown_outcome, store_errc::reopen_needed, store_errc::busy,
                     store_errc::object_damaged})
        if (ec == make_error_code(may) && (what.disks || what.rot || what.deaths)) return;
    if (what.rot && ec == make_error_code(store_errc::damaged_file)) return;
    promised.fail("an error that nothing explains: " + ec.message());
}

awaitable<void> history::unless_dead(std::size_t i, awaitable<void> work) {
    try {
        co_await std::move(work);
    } catch (boost::system::system_error const& e) { promised.fail(name_of(i) + " ended with " + e.what()); }
}

template <class T> awaitable<ref<T>> history::try_open(dunlin::node& n, std::string key) {
    try {
        ref<T> found = co_await n.open<T>(key);
        co_return found;
    } catch (boost::system::system_error const& e) { tolerate(e.code()); }
    co_return ref<T>();
}

awaitable<void> history::watches(dunlin::node& n, run_record& mine) {
    ref<books> b = co_await try_open<books>(n, "books");
    if (!b) co_return;
    auto saved_ones = b.watch(dunlin::saved);
    auto all = b.watch();
    mine.watching = true;
    for (bool turn = false;; turn = !turn) {
        if (turn) {
            auto one = co_await saved_ones.next();
            if (!one) break;
            auto r = one->receipt();
            if (!r.is_saved()) promised.fail(mine.key + ": watch(saved) tells of what is not saved");
            continue;
        }
        auto one = co_await all.next();
        if (!one) break;
        mine.told = 0;
        for (auto [key, count] : b->made) mine.told += long(count);
    }
}

awaitable<void> history::writes(dunlin::node& n, std::size_t i, run_record& mine) {
    bool pinned = chance.happens(what.open_pinned);
    ref<books> b;
    for (;;) {
        if (!writing_) { // the time after healing: nobody writes
            co_await c.time().sleep(milliseconds(100));
            continue;
        }
        try {
            co_await n.ready();
        } catch (boost::system::system_error const& e) { tolerate(e.code()); }
        if (!b) b = co_await try_open<books>(n, "books");
        if (b) {
            co_await turn(n, i, mine, b);
            co_await play(n, i);
        }
        if (!pinned) b = {};
        auto pause = milliseconds(std::int64_t(chance.exponential(what.writes_ms)));
        co_await c.time().sleep(pause);
    }
}

/// One turn over the books and, sometimes, the wait for it.
awaitable<void> history::turn(dunlin::node& n, std::size_t i, run_record& mine, ref<books> b) {
    promised.observe(mine, *b);
    written w;
    auto r = write(n, mine, *b, w);
    if (!r) co_return;
    bool waits = chance.happens(0.5);
    if (!waits) co_return;
    auto patience = std::chrono::seconds(1 + chance.below(20));
    try {
        // What the victim alone has on disk may be lost with it.
        if (!is_safe(i) || chance.happens(what.copies_p))
            co_await r->copies(2, patience);
        else
            co_await r->saved();
        mine.confirmed = std::max(mine.confirmed, w.made);
        if (!w.line.empty()) promised.lines[w.line].saved = true;
        if (!w.erased.empty()) promised.lines[w.erased].erased = true;
    } catch (boost::system::system_error const& e) { tolerate(e.code()); }
}

std::optional<dunlin::receipt> history::write(dunlin::node& n, run_record& mine, books& b, written& w) {
    try {
        b.made[mine.key] += 1; // the turn begins here, or not at all
    } catch (boost::system::system_error const& e) {
        tolerate(e.code());
        return std::nullopt;
    }
    w.made = ++mine.attempted;
    b.seen[mine.key] += long(b.clock) - long(b.seen[mine.key]);
    b.clock += 1;
    if (chance.happens(0.5)) b.last = mine.key + ":" + std::to_string(++serial_);
    if (chance.happens(0.3)) {
        w.line = mine.key + ":" + std::to_string(++serial_);
        promised.lines[w.line];
        b.lines.insert(w.line);
        mine.present.insert(w.line);
    }
    if (!mine.present.empty() && chance.happens(mine.present.size() > 20 ? 0.6 : 0.2)) {
        auto it = std::next(mine.present.begin(), long(chance.below(mine.present.size())));
        w.erased = *it;
        promised.lines[w.erased].erasing = true;
        b.lines.erase(w.erased);
        if (w.line == w.erased) w.line.clear();
    }
    auto r = n.seal();
    promised.observe(mine, b);
    trade(n, b);
    return r;
}

void history::trade(dunlin::node& n, books& b) {
    auto sum = long(chance.below(100));
    auto how = chance.below(4);
    try {
        auto r = n.atomic([&] {
            b.left -= sum;
            if (how == 1) return false;
            if (how == 2) throw 1;
            b.right += sum;
            return true;
        });
        if (bool(r) != (how != 1)) promised.fail("an atomic says the wrong thing");
    } catch (int) {
    } catch (boost::system::system_error const& e) { tolerate(e.code()); }
    if (long(b.left) + long(b.right) != 0) promised.fail("an atomic was not undone");
}

awaitable<void> history::play(dunlin::node& n, std::size_t i) {
    auto key = any_of(chance, "p", what.keys);
    bool ends = chance.happens(0.2);
    if (build_of(i) == 1 && ends)
        co_await play_with<one::session>(n, key);
    else if (ends)
        co_await play_with<two::session>(n, key);
    else if (build_of(i) == 1)
        co_await play_with<one::thing>(n, key);
    else if (chance.happens(0.2))
        co_await play_with<two::novelty>(n, key);
    else
        co_await play_with<two::thing>(n, key);
    if (!chance.happens(0.02)) co_return;
    try {
        if (build_of(i) == 1) co_await n.all<one::session>().order_by(&one::session::uses).read(); // kept from now on
        auto page = co_await n.list<books>(dunlin::page_cursor(), 10);
        if (page.first.size() > 1) promised.fail("a listing has objects that nobody made");
    } catch (boost::system::system_error const& e) { tolerate(e.code()); }
}

template <class T> awaitable<void> history::play_with(dunlin::node& n, std::string key) {
    ref<T> some = co_await try_open<T>(n, key);
    if (!some) co_return;
    bool gives_up = chance.happens(0.15), in_atomic = gives_up || chance.happens(0.2);
    auto many = 1 + chance.below(4);
    auto before = gives_up ? some.json() : std::string();
    auto change = [&] {
        if (chance.happens(0.03)) return some.erase();
        for (auto k = many; k--;) change_thing(*some, chance);
    };
    try {
        if (in_atomic)
            n.atomic([&] { return change(), !gives_up; });
        else
            change();
    } catch (boost::system::system_error const& e) { tolerate(e.code()); }
    if constexpr (requires { some->ways.purse; })
        if (some->ways.purse < 0 || some->ways.purse.available() > some->ways.purse) promised.fail("a purse is below zero");
    if constexpr (requires { some->tickets; })
        if (some->tickets < 0 || some->tickets.available() > some->tickets) promised.fail("more tickets were spent than there are");
    if (gives_up && some.json() != before) promised.fail("an atomic that says no leaves something behind");
}

} // namespace clusters
