// What a node does when its disk fails or its file is damaged, with a peer beside it: nothing that was confirmed is
// gone, nothing is deleted elsewhere by a loss here, and it says what happened.
#include "crash_model.hpp"
#include "damage.hpp"

using namespace crash_points;
using sim::disk_fault;

namespace {

/// Two nodes that write by the model of crash_model.hpp; node 1 has the disk that fails.
struct two_writers {
    cluster c;
    int made[2] = {0, 0}, confirmed = 0;

    explicit two_writers(std::uint64_t s, cluster::adjuster const& adjust = narrow) : c(2, s, adjust) { EXPECT_SETTLES(c); }

    /// False: not made, because the file is closed or there is no room.
    bool change(std::size_t w) {
        int n = made[w] + 1;
        try {
            c.run(w, [this, n, w](dunlin::node& node) -> awaitable<void> {
                std::function<void()> nothing = [] {};
                made_handler note = [this, n, w](dunlin::receipt const& r) {
                    if (w == 1) r.saved([this, n](boost::system::error_code ec) { if (!ec) confirmed = std::max(confirmed, n); });
                };
                auto number = co_await make_change(node, int(w), n, nothing, note);
                static_cast<void>(number);
            });
        } catch (boost::system::system_error const&) { return false; }
        return ++made[w], true;
    }
    void changes(int count, std::size_t w) {
        for (int k = 0; k < count; ++k) change(w), c.advance(3ms);
    }
    void both(int count) {
        for (int k = 0; k < count; ++k) change(0), change(1), c.advance(3ms);
    }
    bool told(std::string const& text) {
        for (auto& a : c.alarms(1))
            if (a.find(text) != a.npos) return true;
        return false;
    }
    /// Both hold all that was made.
    void expect_all(std::string const& when) {
        EXPECT_SETTLES(c) << when;
        for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(compare(c, i, made), "") << when << ", n" << i;
    }
    /// Node 1 alone holds whole changes, at least those that were confirmed.
    void expect_confirmed_alone(std::string const& when) {
        c.partition({0}, {1});
        c.crash(1);
        c.restart(1);
        c.advance(100ms);
        int m[2];
        count_by_total(c, 1, m);
        EXPECT_GE(m[1], confirmed) << when;
        EXPECT_LE(m[1], made[1]) << when;
        EXPECT_EQ(compare(c, 1, m), "") << when;
        c.heal();
    }
};

/// A digest reads everything, and may be what finds the damage.
bool settles_once_read(cluster& c) {
    for (int k = 0; k < 80; ++k) {
        try {
            if (c.converged()) return true;
        } catch (boost::system::system_error const& e) { EXPECT_EQ(e.code().category(), dunlin::store_category()); }
        c.advance(500ms);
    }
    return false;
}

struct fault_kind {
    char const* name;
    disk_fault fault;
    char const* says; // in an alarm, if it struck the file
    int most;         // the last n-th call that is tried
};

std::vector<fault_kind> all_faults() {
    using namespace dunlin::sim;
    return {{"xSync EIO", {on_sync, 1}, "unknown_outcome", 40},
            {"xSync EIO for ever", disk_fault(on_sync, 1).for_good(), "unknown_outcome", 40},
            {"xSync EIO that drops pages", disk_fault(on_sync, 1).dropping(), "unknown_outcome", 40},
            {"xSync EIO that drops pages for ever", disk_fault(on_sync, 1).dropping().for_good(), "unknown_outcome", 40},
            {"xSync ENOSPC", disk_fault(on_sync, 1).no_room(), "the file: ", 40},
            {"xWrite EIO", {on_write, 1}, "unknown_outcome", 160},
            {"xWrite EIO for ever", disk_fault(on_write, 1).for_good(), "unknown_outcome", 160},
            {"xWrite EIO after 700 bytes", disk_fault(on_write, 1).short_by_all_but(700), "unknown_outcome", 160},
            {"xWrite ENOSPC for ever", disk_fault(on_write, 1).no_room().for_good(), "disk_full", 160},
            {"xRead EIO", {on_read, 1}, "unknown_outcome", 40}};
}

void fail(fault_kind const& kind, int n, int& struck) {
    auto when = std::string(kind.name) + ", call " + std::to_string(n);
    two_writers t(std::uint64_t(n) + 70);
    t.both(20);
    auto fault = kind.fault;
    fault.at = std::uint64_t(n);
    t.c.disk(1).add(fault);
    t.both(40);
    t.c.advance(4s);
    bool fired = t.c.disk(1).counts.fired > 0;
    struck += fired;
    if (fired) { EXPECT_TRUE(t.told(kind.says)) << when << ": nobody was told"; }
    EXPECT_EQ(t.made[0], 60) << when;
    t.c.disk(1).clear_faults();
    t.c.advance(20s);
    EXPECT_TRUE(t.change(1)) << when;
    t.c.advance(1s);
    EXPECT_EQ(t.confirmed, t.made[1]) << when << ": saving works again, and of what was made nothing is missing";
    t.expect_all(when);
    t.expect_confirmed_alone(when);
    t.expect_all(when + ", after a power cut");
}

struct log_of_file {
    std::uint64_t floor = 0, last = 0;
    explicit log_of_file(cluster& c) {
        dunlin::store_options o;
        o.path = "node.db", o.vfs = c.disk(1).vfs_name();
        dunlin::store_file file;
        EXPECT_FALSE(file.open(o));
        floor = file.floor(), last = file.last_row();
    }
    std::uint64_t above() const { return last - floor; }
};
/// Nothing is checkpointed: all rows stand above the floor.
void rows_above(std::size_t, dunlin::options& o) { o.memory(8 << 20).log_budget(256 << 20); }
/// The log is not cut, and soon checkpointed.
void long_log(std::size_t, dunlin::options& o) { o.memory(24 << 10).log_budget(1 << 20); }

/// A page that holds something: turns it into noise, in the file of node 1.
void spoil_page(cluster& c, std::string const& path, std::size_t page) {
    auto files = c.disk(1).contents();
    auto& file = files.files.at(path);
    ASSERT_GT(file.size(), (page + 1) * 4096);
    for (std::size_t k = 0; k < 4096; ++k) file[page * 4096 + k] = char(k * 31 + 7);
    c.disk(1).load(files);
}
std::size_t pages(cluster& c) { return c.disk(1).contents().files.at("node.db").size() / 4096; }

} // namespace

TEST(heavy_procedures, of_calls_that_fail_lose_nothing_wherever_they_fail) {
    for (auto& kind : all_faults()) {
        int struck = 0;
        for (int n = 1; n <= kind.most && !HasFailure(); n += kind.most / 20) fail(kind, n, struck);
        EXPECT_GT(struck, 5) << kind.name;
    }
}

TEST(procedures, of_calls_that_fail_lose_nothing) {
    int struck = 0;
    for (auto& kind : all_faults()) fail(kind, 5, struck);
    EXPECT_GT(struck, 5);
}

// SQLite shortens a file only while it makes it: later its WAL keeps its size and the database its free pages.
TEST(procedures, of_a_truncate_that_fails_refuse_to_start_and_start_when_it_works) {
    cluster c(2, seed(71), narrow, false);
    c.restart(0);
    change(c, 0, "alice", fill_player);
    c.disk(1).add(disk_fault(dunlin::sim::on_truncate, 1).for_good());
    bool refused = false;
    try {
        c.restart(1);
    } catch (boost::system::system_error const& e) { refused = e.code().category() == dunlin::store_category(); }
    EXPECT_TRUE(refused || c.disk(1).counts.fired == 0);
    c.disk(1).clear_faults();
    c.kill(1);
    c.restart(1);
    ASSERT_SETTLES(c);
    EXPECT_EQ(score(c, 1, "alice"), 7);
}

TEST(procedures, of_a_full_disk_go_on_in_memory_and_save_all_when_there_is_room) {
    two_writers t(seed(72));
    t.both(20);
    t.c.advance(2s);
    auto before = t.confirmed;
    t.c.disk(1).set_room(t.c.disk(1).used_bytes());
    t.both(40);
    t.c.advance(5s);
    EXPECT_TRUE(t.told("disk_full"));
    EXPECT_EQ(t.made[0], 60);
    EXPECT_GE(t.confirmed, before);
    int m[2];
    count_by_total(t.c, 0, m);
    EXPECT_EQ(m[1], t.made[1]) << "gossip goes on";
    t.expect_confirmed_alone("full");
    t.c.disk(1).set_room(std::uint64_t(-1));
    t.expect_all("room again");
}

TEST(procedures, of_log_rows_at_or_below_the_floor_give_the_state_to_who_needs_them) {
    two_writers t(seed(73), long_log);
    t.both(10);
    EXPECT_SETTLES(t.c);
    t.c.partition({0}, {1});
    t.changes(60, 1);
    t.c.advance(3s);
    t.c.stop(1);
    auto floor = log_of_file(t.c).floor;
    ASSERT_GT(floor, 20u);
    EXPECT_GT(change_file(t.c, 1, "UPDATE log SET bytes = zeroblob(length(bytes)) WHERE id > 5 AND id <= " + std::to_string(floor)), 10);
    t.c.restart(1);
    t.c.heal();
    t.expect_all("rows below the floor are damaged");
    EXPECT_EQ(t.confirmed, t.made[1]);
}

TEST(procedures, of_log_rows_above_the_floor_take_their_entries_from_peers) {
    for (int which = 1; which < 12; ++which) {
        two_writers t(seed(74), rows_above);
        t.both(40 + which);
        EXPECT_SETTLES(t.c);
        t.c.kill(1);
        log_of_file log(t.c);
        ASSERT_GT(log.above(), 3u);
        auto row = std::to_string(log.floor + 1 + std::uint64_t(which) * 5 % log.above());
        auto sql = "UPDATE log SET bytes = zeroblob(length(bytes)) WHERE id = " + row;
        if (which % 3 == 0) sql = "UPDATE log SET heads = zeroblob(length(heads)) WHERE id = " + row;
        if (which % 5 == 0) sql = "DELETE FROM log WHERE id = " + row;
        ASSERT_EQ(change_file(t.c, 1, sql), 1) << "row " << row;
        t.c.partition({0}, {1});
        t.c.restart(1);
        EXPECT_TRUE(t.told("a row of the file is damaged")) << which;
        t.c.heal();
        t.expect_all("row " + row + " above the floor is damaged");
        t.both(5);
        t.expect_all("and after that");
    }
}

// Entries that nobody else has are gone with their row, and so is what came after them from the same writer: no node
// has a part of it.
TEST(procedures, of_log_rows_above_the_floor_that_nobody_else_has_leave_equal_nodes) {
    for (int which = 1; which < 14; ++which) {
        two_writers t(75 + std::uint64_t(which), rows_above);
        t.both(40);
        EXPECT_SETTLES(t.c);
        t.c.partition({0}, {1});
        t.changes(30, 1);
        t.c.advance(10ms);
        t.c.kill(1);
        log_of_file log(t.c);
        ASSERT_GT(log.above(), 3u);
        auto row = std::to_string(log.floor + 1 + std::uint64_t(which) % log.above());
        ASSERT_EQ(change_file(t.c, 1, "UPDATE log SET bytes = zeroblob(length(bytes)) WHERE id = " + row), 1);
        t.c.restart(1);
        EXPECT_TRUE(t.told("a row of the file is damaged"));
        t.c.heal();
        ASSERT_SETTLES(t.c);
        int m[2];
        count_by_total(t.c, 0, m);
        EXPECT_EQ(m[0], t.made[0]) << "nothing of node 0 is gone";
        EXPECT_GE(m[1], 40) << "nor of what it knew";
        for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(compare(t.c, i, m), "") << "row " << row << ", n" << i;
    }
}

TEST(procedures, of_a_damaged_page_move_the_file_aside_and_begin_empty) {
    int moved = 0, refused = 0;
    for (std::size_t page = 1; page < 40; page += 3) {
        two_writers t(seed(76));
        t.both(60);
        EXPECT_SETTLES(t.c);
        t.c.stop(1);
        if (page >= pages(t.c) - 1) break;
        spoil_page(t.c, "node.db", page);
        auto spoilt = t.c.disk(1).contents().files.at("node.db");
        auto when = "page " + std::to_string(page);
        auto const before = t.c.digest(0);
        try {
            t.c.restart(1);
        } catch (boost::system::system_error const& e) {
            ADD_FAILURE() << when << ": " << e.what();
            break;
        }
        EXPECT_EQ(t.c.digest(0), before) << when << ": the damage of one node is nobody's deletion";
        for (int k = 0; k < 30 && t.told("was moved to") && !t.told("begins empty and its peers"); ++k) t.c.advance(1s);
        try { // what is damaged may be found only when it is read
            static_cast<void>(t.c.digest(1));
        } catch (boost::system::system_error const&) {}
        t.c.advance(10s);
        if (t.told("restart this node")) t.c.kill(1), t.c.restart(1), ++refused;
        t.c.advance(10s);
        t.expect_all(when);
        if (t.told("was moved to")) {
            ++moved;
            auto files = t.c.disk(1).contents().files;
            ASSERT_TRUE(files.contains("node.db.damaged-1")) << when;
            EXPECT_EQ(files.at("node.db.damaged-1").size(), spoilt.size()) << when << ": nothing of it is deleted";
        }
        t.both(5);
        t.expect_confirmed_alone(when);
        t.expect_all(when + ", later");
    }
    EXPECT_GT(moved, 3);
    EXPECT_GT(refused, 0) << "none was found while the node ran";
}

TEST(procedures, of_a_damaged_page_leave_the_file_of_a_node_that_joins_nobody_where_it_is) {
    cluster c(1, seed(77), narrow);
    for (int k = 0; k < 50; ++k) change(c, 0, "p" + std::to_string(k), fill_player, true);
    c.stop(0);
    auto files = c.disk(0).contents();
    auto& db = files.files.at("node.db");
    for (std::size_t k = 4096; k < db.size(); ++k) db[k] = char(k * 31 + 7);
    auto spoilt = db;
    c.disk(0).load(files);
    boost::system::error_code said;
    try {
        c.restart(0);
    } catch (boost::system::system_error const& e) { said = e.code(); }
    EXPECT_EQ(said, dunlin::make_error_code(dunlin::store_errc::damaged_file));
    c.kill(0);
    EXPECT_EQ(c.disk(0).contents().files.at("node.db"), spoilt) << "nobody could give it back";
    for (auto& [name, bytes] : c.disk(0).contents().files) EXPECT_EQ(name.find("damaged"), name.npos) << name;
}

// A WAL that rots loses its tail without a word. What was lost comes back from the peer; what is written meanwhile has
// dots of a new run.
TEST(procedures, of_a_damaged_wal_take_the_tail_from_peers_and_use_no_dot_twice) {
    int lost = 0;
    for (std::uint64_t at = 0; at < 20; ++at) {
        two_writers t(seed(78));
        t.both(30);
        EXPECT_SETTLES(t.c);
        auto const before = t.c.digest(0);
        t.c.kill(1);
        auto size = t.c.disk(1).contents().files.at("node.db-wal").size();
        ASSERT_GT(size, 10'000u);
        t.c.disk(1).flip_at_rest("node.db-wal", (size * at / 20) * 8 + at % 8);
        t.c.partition({0}, {1});
        t.c.restart(1);
        int m[2];
        count_by_total(t.c, 1, m);
        lost += m[1] < t.confirmed;
        EXPECT_EQ(compare(t.c, 1, m), "") << "a prefix, at " << at;
        for (int k = 0; k < 5; ++k) change(t.c, 1, "after", [](player& p) { p.score += 1; }, true);
        EXPECT_EQ(t.c.digest(0), before);
        t.c.heal();
        t.expect_all("a bit of the WAL, at " + std::to_string(at));
        for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(score(t.c, i, "after"), 5);
    }
    EXPECT_GT(lost, 5) << "no flip took anything";
}

// A random bit of a node's file at rest, with a peer: whatever it hit, nothing wrong is shown by any node, and both end
// with everything.
TEST(heavy_rot, of_one_bit_anywhere_is_never_believed_and_deletes_nothing) {
    sim::generator chance(seed(79), "rot");
    two_writers base(79);
    base.both(60);
    EXPECT_SETTLES(base.c);
    base.c.advance(3s);
    auto zero = base.c.disk(0).contents(), with_wal = base.c.disk(1).contents();
    base.c.stop(1);
    auto checked_in = base.c.disk(1).contents();
    base.c.kill(0);
    int refused = 0, moved = 0, unharmed = 0, trials = 0;
    for (; trials < 400 && !HasFailure(); ++trials) {
        bool wal = trials % 4 == 0;
        cluster c(2, 79, narrow, false);
        c.skip_runs(1);
        auto image = wal ? with_wal : checked_in;
        std::string file = wal && image.files.contains("node.db-wal") ? "node.db-wal" : "node.db";
        auto bit = chance.below(image.files.at(file).size() * 8);
        auto when = "bit " + std::to_string(bit) + " of " + file;
        c.disk(0).load(zero), c.disk(1).load(image);
        c.disk(1).flip_at_rest(file, bit);
        c.restart(0);
        auto const before = c.digest(0);
        try {
            c.restart(1);
        } catch (boost::system::system_error const& e) { // what is no database of ours any more is not touched
            EXPECT_EQ(e.code().category().name(), std::string("dunlin.store"));
            ++refused;
            c.kill(1);
            c.disk(1).load({});
            c.restart(1);
        }
        EXPECT_EQ(c.digest(0), before) << when << ": the damage of one node is nobody's deletion";
        auto told = [&](char const* what) {
            return std::any_of(c.alarms(1).begin(), c.alarms(1).end(), [&](auto& a) { return a.find(what) != a.npos; });
        };
        bool settled = settles_once_read(c);
        if (!settled && told("restart this node")) c.kill(1), c.restart(1), settled = settles_once_read(c);
        EXPECT_TRUE(settled) << when << "\n" << c.describe();
        for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(compare(c, i, base.made), "") << when << ", n" << i;
        moved += told("was moved to");
        unharmed += c.alarms(1).empty();
    }
    std::cout << "[      ROT ] " << trials << " bits: " << refused << " files refused, " << moved << " moved aside, "
              << unharmed << " without an alarm\n";
}
