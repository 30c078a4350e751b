// How things are made to go wrong in a history, one step at a time; each leaves a note in the trace.
#include "history.hpp"

namespace clusters {

using std::chrono::hours, std::chrono::milliseconds, std::chrono::seconds;

namespace {
bool is_damage(boost::system::error_code ec) {
    return ec == dunlin::make_error_code(dunlin::store_errc::damaged_file) ||
           ec == dunlin::make_error_code(dunlin::store_errc::not_a_database);
}
} // namespace

void history::step() {
    struct {
        int weight;
        void (history::*does)();
    } const menu[] = {
        {what.weight_partition, &history::partition},
        {what.weight_faults, &history::wire_faults},
        {what.weight_mass, &history::die_all},
        {what.weight_rot, &history::rot},
        {what.weight_copy, &history::copy_trouble},
    };
    release_due();
    tend();
    int roll = int(chance.below(100));
    for (auto& m : menu)
        if (roll >= 0 && (roll -= m.weight) < 0) (this->*m.does)();
    auto i = any();
    auto takes = [&](int weight) { return roll >= 0 && (roll -= weight) < 0; };
    if (takes(what.weight_heal)) c.time().note("network", "heals"), c.heal();
    if (takes(what.weight_death)) die(i);
    if (takes(what.weight_restart)) start(i);
    if (takes(what.weight_pause)) pause(i);
    if (takes(what.weight_disk)) disk_trouble(i);
    if (takes(what.weight_clock)) clock_trouble(i);
    if (roll >= 0) c.advance(milliseconds(chance.below(1500)));
    c.advance(milliseconds(chance.below(200)));
}

void history::partition() {
    std::vector<std::size_t> side;
    if (chance.happens(0.4)) // of one; else of random halves
        side.push_back(any());
    else
        for (std::size_t i = 0; i < c.size(); ++i)
            if (chance.happens(0.5)) side.push_back(i);
    bool one_way = chance.happens(what.one_way), in = chance.happens(0.5);
    c.time().note("network", one_way ? "is cut one way around" : "is cut around", side.empty() ? 0 : side.front(), side.size());
    for (auto a : side)
        for (std::size_t b = 0; b < c.size(); ++b) {
            if (std::find(side.begin(), side.end(), b) != side.end()) continue;
            if (!one_way || in) c.wire().block(name_of(b), name_of(a));
            if (!one_way || !in) c.wire().block(name_of(a), name_of(b));
        }
}

void history::wire_faults() {
    auto a = any(), b = any();
    switch (chance.below(6)) {
    case 0: c.time().note("network", "is good"), c.wire().set_faults(dunlin::sim::faults()); break;
    case 1:
        note(a, "has a bad path to", b);
        c.wire().set_faults(name_of(a), name_of(b), dunlin::sim::faults::harsh(chance));
        break;
    case 2: note(a, "is cut off from", b), c.wire().reset(name_of(a), name_of(b)); break;
    case 3: note(a, "is half open to", b), c.wire().half_open(name_of(a), name_of(b)); break;
    case 4: note(a, "is clogged to", b), c.wire().clog(name_of(a), name_of(b), milliseconds(chance.below(8000))); break;
    default: c.time().note("network", "is bad"), c.wire().set_faults(dunlin::sim::faults::harsh(chance));
    }
}

void history::die(std::size_t i) {
    if (!c.running(i)) return;
    auto midst = chance.happens(0.3) && !c.held(i);
    if (midst) {
        note(i, "loses power soon");
        c.disk(i).cut_power_after(1 + chance.below(40));
        c.advance(milliseconds(chance.below(400)));
    }
    dunlin::sim::cut_style style;
    style.noise = chance.happens(0.5) ? 0 : chance.between(0.8, 1);
    if (midst || chance.happens(0.6))
        note(i, "loses power"), c.crash(i, style);
    else
        note(i, "is killed"), c.kill(i);
    lives_[i].record = nullptr;
}

void history::die_all() {
    bool power = chance.happens(0.7);
    for (std::size_t i = 0; i < c.size(); ++i) {
        if (!c.running(i)) continue;
        note(i, power ? "loses power with all" : "is killed with all");
        power ? c.crash(i) : c.kill(i);
        lives_[i].record = nullptr;
    }
    for (std::size_t i = 0; i < c.size(); ++i) start(i);
}

/// A disk that fails may keep a node from starting: then it stays down.
void history::start(std::size_t i) {
    if (c.running(i) || std::find(twins_.begin(), twins_.end(), i) != twins_.end()) return;
    try {
        note(i, "starts");
        if (c.restart(i, seconds(60))) return live(i);
        c.kill(i);
        if (!what.disks && !what.rot) fail(name_of(i) + " does not start in a minute");
    } catch (boost::system::system_error const& e) {
        c.kill(i);
        if (!is_damage(e.code())) return tolerate(e.code());
        move_file_aside(i);
    }
}

/// What the text of damaged_file says to do.
void history::move_file_aside(std::size_t i) {
    if (is_safe(i)) return fail(name_of(i) + " has a damaged file");
    note(i, "has its damaged file moved aside");
    c.disk(i).load({});
}

/// As its operator would: what an alarm asks for is done.
void history::tend() {
    for (std::size_t i = 0; i < lives_.size(); ++i) {
        if (!c.running(i) || c.held(i)) continue;
        auto& alarms = c.alarms(i);
        auto told = [&](char const* text) {
            return std::any_of(alarms.begin() + long(lives_[i].alarms_before), alarms.end(),
                               [&](auto& a) { return a.find(text) != a.npos; });
        };
        bool damaged = told("dunlin.store.damaged_file"), restart = told("restart this node");
        if (!damaged && !restart) continue;
        if (is_safe(i)) return fail(name_of(i) + " has lost what was on its disk");
        c.kill(i), lives_[i].record = nullptr;
        lives_[i].alarms_before = alarms.size();
        if (damaged) move_file_aside(i);
        start(i);
    }
}

void history::pause(std::size_t i) {
    if (!c.running(i) || c.held(i)) return;
    auto length = milliseconds(chance.below(chance.happens(0.2) ? 120'000 : 5'000));
    note(i, "stands still for ms", std::uint64_t(length.count()));
    lives_[i].held_until = c.time().now() + length;
    c.hold(i);
}

void history::release_due() {
    for (std::size_t i = 0; i < lives_.size(); ++i)
        if (c.running(i) && c.held(i) && lives_[i].held_until <= c.time().now()) c.release(i);
}

void history::disk_trouble(std::size_t i) {
    using namespace dunlin::sim;
    auto& d = c.disk(i);
    auto soon = 1 + chance.below(20);
    auto often = 1 + std::uint64_t(1 / std::max(what.failing, 0.001));
    auto add = [&](disk_fault f, char const* text) {
        if (chance.happens(0.3)) f.again_every(often);
        note(i, text, soon), d.add(f);
    };
    switch (chance.below(9)) {
    case 0: add(disk_fault(on_sync, soon), "fails to sync, at the n-th"); break;
    case 1: add(disk_fault(on_sync, soon).dropping(), "fails to sync and drops pages, at the n-th"); break;
    case 2: add(disk_fault(on_write, soon), "fails to write, at the n-th"); break;
    case 3: add(disk_fault(on_write, soon).short_by_all_but(chance.below(1000)), "writes short, at the n-th"); break;
    case 4: add(disk_fault(on_write, soon).no_room(), "says full, at the n-th write"); break;
    case 5: add(disk_fault(on_truncate | on_read, soon), "fails to read or truncate, at the n-th"); break;
    case 6: note(i, "has no room"), d.set_room(d.used_bytes() + chance.below(20'000)); break;
    case 7: {
        auto mean = nanoseconds(std::int64_t(std::min(1e9, chance.exponential(what.sync_ms * 1e7))));
        note(i, "syncs slowly, in us", std::uint64_t(mean.count() / 1000)), d.timing.sync_mean = mean;
        break;
    }
    default: note(i, "has a good disk"), d.clear_faults(), d.set_room(~std::uint64_t(0));
    }
}

void history::rot() {
    auto& d = c.disk(menu::victim);
    if (chance.happens(0.4)) return note(menu::victim, "reads a flipped bit"), d.flip_read(1 + chance.below(50));
    auto files = d.contents().files;
    for (char const* name : {"node.db", "node.db-wal"}) {
        auto it = files.find(name);
        if (it == files.end() || it->second.empty() || chance.happens(0.4)) continue;
        auto bit = chance.below(it->second.size() * 8);
        note(menu::victim, name[7] ? "has a bit flipped in its log" : "has a bit flipped in its file", bit);
        d.flip_at_rest(name, bit);
    }
}

void history::clock_trouble(std::size_t i) {
    auto& k = c.clock(i);
    auto day = std::chrono::duration_cast<nanoseconds>(hours(24));
    switch (chance.below(5)) {
    case 0:
        note(i, "has its clock moved");
        k.jump(nanoseconds(std::int64_t(chance.between(-1, 1) * double(day.count()))));
        break;
    case 1: note(i, "has its clock put a day wrong"), k.skew(chance.happens(0.5) ? day : -day); break;
    case 2: note(i, "has its clock stopped"), k.freeze(); break;
    case 3: note(i, "has its clock go wrongly"), k.drift(std::int64_t(chance.below(2'000'000)) - 500'000); break;
    default: note(i, "has its clock put right"), k.thaw(), k.drift(0), k.skew(nanoseconds(0));
    }
}

/// The victim's file: copied, put back later, or started beside it.
void history::copy_trouble() {
    auto v = menu::victim;
    if (!copy_ || chance.happens(0.3)) {
        note(v, "has its file copied");
        copy_ = c.disk(v).contents();
    } else if (chance.happens(0.5)) {
        if (c.running(v)) c.kill(v), lives_[v].record = nullptr;
        note(v, "has its old file put back");
        c.disk(v).load(*copy_);
        start(v);
    } else if (twins_.empty()) {
        auto t = c.twin(v, chance.happens(0.5) ? *copy_ : c.disk(v).contents());
        note(t, "starts from a copy of the file of", v);
        try {
            if (c.restart(t, seconds(60))) live(t);
        } catch (boost::system::system_error const& e) {
            tolerate(e.code());
            c.kill(t);
        }
        twins_.push_back(t);
    } else
        end_twins();
}

void history::end_twins() {
    for (auto t : twins_)
        if (c.running(t)) note(t, "ends"), c.kill(t), lives_[t].record = nullptr;
}

} // namespace clusters
