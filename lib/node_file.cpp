// The node and its file: opened, told to the spaces, opened again after it failed, closed.
//
//   thread of the store   scan ──> file_content
//   node's executor                    └─ opened: spaces are made, and each is posted its part
//   space's executor                                └─ heads, rows, series above the floor a row at a time; own; start
//
// Only what a space's own executor tells it needs no lock: so nothing that reads the file knows a space.
#include "../crdt/mutant.hpp"
#include "log_row.hpp"
#include "node_body.hpp"
#include <boost/asio/post.hpp>

namespace dunlin {

namespace {
constexpr std::uint32_t meta_run = 16; // u: the number of this node's latest run
}

/// What a scan tells, by space. Its size is that of the log above the floor, and less as the spaces hear of it.
struct node_body::file_content final : store_sink {
    struct row_heads {
        std::uint64_t row;
        std::vector<log_run> runs; // of the space
    };
    struct of_space {
        std::string half_joined, heads;
        std::uint64_t as_of = 0; // the row that they are as of
        std::vector<row_heads> rows;
        std::deque<log_row> above; // the floor: with their bytes

        /// A row, and the next one later: there may be many, and others have to do on this executor.
        static void replay(std::shared_ptr<space_body> const& s, std::shared_ptr<of_space> const& held,
                           std::function<void()> const& then) {
            if (s->stopped()) return; // and the file may be gone
            if (held->above.empty()) return then();
            auto row = std::move(held->above.front());
            held->above.pop_front();
            each_series(row.runs, row.bytes, [&](std::uint32_t, series const& one) { s->replay(row.row, one); });
            boost::asio::post(s->executor(), [s, held, then] { replay(s, held, then); });
        }
    };
    bool entries; // false: of those only which there are
    std::map<std::uint32_t, std::string> names;
    std::map<std::uint32_t, of_space> spaces;
    std::uint32_t run = 0;
    std::vector<store_damage> damage;
    std::uint64_t floor = 0;

    explicit file_content(bool with_entries) : entries(with_entries) {}
    void on_name(name_kind kind, std::uint32_t number, bytes_view bytes) override {
        if (kind == name_kind::space && !bytes.starts_with(space_body::staging_prefix)) names[number] = bytes;
    }
    void on_meta(std::uint32_t key, bytes_view value) override {
        if (key == meta_run) run = std::uint32_t(decoder(value).u());
    }
    void on_space(std::uint32_t space, std::uint64_t at, bytes_view half_joined, bytes_view heads) override {
        auto& s = spaces[space];
        s.half_joined = half_joined, s.heads = heads, s.as_of = at;
    }
    void on_log_heads(std::uint64_t row, std::vector<log_run> const& runs, std::size_t) override {
        for (auto& r : runs) {
            auto& of = spaces[r.space].rows;
            if (of.empty() || of.back().row != row) of.push_back({row, {}});
            of.back().runs.push_back(r);
        }
    }
    /// A row is of one space, or taken apart.
    void on_log_row(std::uint64_t row, std::vector<log_run> const& runs, bytes_view bytes) override {
        if (!entries || runs.empty()) return;
        auto keep = [&](std::uint32_t space, std::string&& of_it) {
            auto& to = spaces[space];
            to.above.push_back({row, 0, false, to.rows.back().runs, std::move(of_it)});
        };
        auto first = runs.front().space;
        if (std::all_of(runs.begin(), runs.end(), [&](auto& r) { return r.space == first; }))
            return keep(first, std::string(bytes));
        std::map<std::uint32_t, encoder> parts;
        each_series(runs, bytes, [&](std::uint32_t space, series const& s) { s.write(parts[space]); });
        for (auto& [space, part] : parts) keep(space, part.take());
    }
    void on_damage(store_damage const& d) override { damage.push_back(d); }

    /// Its heads count entries that may be in no row, and in no object either; or what its rows name is lost. The last
    /// row of which that is so; 1 if it is so of something else; 0 if of nothing.
    std::uint64_t last_hole(std::uint32_t space) {
        using place = store_damage::place;
        auto& s = spaces[space];
        auto folded = std::max(floor, space_body::joined_until(s.half_joined, s.as_of));
        std::uint64_t last = 0;
        for (auto& d : damage) {
            bool names_it = d.where == place::name || (d.where == place::space && d.number == space);
            if (names_it) last = std::max<std::uint64_t>(last, 1);
            if ((d.where != place::log_heads && d.where != place::log_bytes) || d.number <= folded) continue;
            bool of_it = d.runs.empty() || std::any_of(d.runs.begin(), d.runs.end(), [&](auto& r) { return r.space == space; });
            if (of_it) last = std::max(last, d.number);
        }
        return last;
    }
};

store_options node_body::file_options() const {
    store_options o;
    o.path = options_.data();
    o.vfs = outside_ ? outside_->vfs : "";
    o.log_budget_bytes = options_.log_budget();
    o.cache_bytes = std::min<std::size_t>(64u << 20, options_.memory() / 4);
    o.moves_damaged = !alone(); // who knows nobody does not begin empty by itself
    return o;
}

void node_body::open_file() {
    store_->on_state([weak = weak_from_this()](store_state s, boost::system::error_code ec) {
        auto self = weak.lock(); // a space with an executor of its own may keep the file longer than the node lives
        if (!self) return;
        if (s == store_state::disk_full || s == store_state::broken) self->alarm("the file: " + ec.message());
        if (s == store_state::broken) self->file_failed(ec);
        if (s == store_state::disk_full)
            for (auto& [name, full] : self->spaces_) boost::asio::post(full->executor(), [full = full] { full->file_full(); });
    });
    read_file();
}

void node_body::read_file() {
    auto found = std::make_shared<file_content>(true);
    store_->open(file_options(), found,
                 [weak = weak_from_this(), found](boost::system::error_code ec, store_summary s) {
                     found->floor = s.floor;
                     if (auto self = weak.lock()) self->opened(found, ec, s.moved_to);
                 });
}

void node_body::opened(std::shared_ptr<file_content> const& found, boost::system::error_code ec, std::string const& moved_to) {
    if (stopped_) return; // drop() answers
    if (ec && !moved_to.empty() && !std::exchange(file_moved_, true)) { // an empty one then, and a new writer
        alarm("the file is damaged: it was moved to " + moved_to + ", this node begins empty and its peers refill it");
        return read_file();
    }
    if (ec) return finish_start(ec);
    file_moved_ = false;
    for (auto& d : found->damage)
        alarm("a row of the file is damaged: place " + std::to_string(int(d.where)) + ", number " +
              std::to_string(d.number));
    for (auto& [number, name] : found->names) make_space(name, executor_);
    writer_ = {id_, found->run + 1, std::uint32_t(seams_->chance.next())};
    encoder run;
    run.u(writer_.run);
    store_->write(meta_write{meta_run, run.take()});
    start_spaces(found);
}

/// Tells it what the file holds of it, if anything, and starts it.
void node_body::start_space(std::shared_ptr<space_body> const& s, std::shared_ptr<file_content> const& found,
                            std::function<void()> done) {
    auto number = store_->intern(name_kind::space, s->name());
    auto held = std::make_shared<file_content::of_space>();
    auto hole = found ? found->last_hole(number) : 0;
    if (found) *held = std::move(found->spaces[number]);
    auto then = [s, me = writer_, done = std::move(done)] {
        s->own(me);
        s->start(done);
    };
    boost::asio::post(s->executor(), [s, number, held, hole, then = std::move(then)] {
        if (s->stopped()) return;
        s->set_store_number(number);
        s->found(held->half_joined, held->as_of, held->heads, hole > 0);
        for (auto& r : held->rows) s->row_found(r.row, r.runs);
        s->row_lost(hole);
        file_content::of_space::replay(s, held, then);
    });
}

// ---- after it failed

/// An outcome is unknown: the file is closed. It is opened again, later and later while that fails.
void node_body::file_failed(boost::system::error_code ec) {
    if (stopped_ || !writer_.run) return;
    for (auto& [name, s] : spaces_)
        boost::asio::post(s->executor(), [s = s, ec] { s->file_lost(ec); });
    if (!reopen_timer_) reopen_timer_ = seams_->clock.make_timer(executor_);
    reopen_timer_->expires_after(reopen_delay_, [this] { reopen(); });
    reopen_delay_ = std::min(reopen_delay_ * 2, std::chrono::seconds(60));
}

void node_body::reopen() {
    if (reopening_ || file_moved_ || !store_ || store_->state() != store_state::broken) return;
    reopening_ = true;
    auto found = std::make_shared<file_content>(false);
    store_->open(file_options(), found,
                 [weak = weak_from_this(), found](boost::system::error_code ec, store_summary s) {
                     auto self = weak.lock();
                     if (!self || !self->store_) return;
                     self->reopening_ = false;
                     self->reopened(*found, ec, s);
                     if (auto then = std::exchange(self->after_reopening_, nullptr)) then();
                 });
}

void node_body::reopened(file_content& found, boost::system::error_code ec, store_summary const& summary) {
    // What is not in memory is in no file any more: this run has nothing that it could go on from.
    if (!summary.moved_to.empty() && !mutant("recovery_goes_on_in_a_new_file")) {
        file_moved_ = true;
        return alarm("pages of the file are damaged: it was moved to " + summary.moved_to +
                     ", nothing more is saved; restart this node, it begins empty and its peers refill it");
    }
    if (!ec && summary.fresh && !mutant("recovery_goes_on_in_a_new_file")) {
        file_moved_ = true;
        return alarm("the file is gone: nothing more is saved; restart this node, it begins empty and its peers refill it");
    }
    auto const floor = summary.floor;
    if (ec) {
        alarm("the file could not be opened again: " + ec.message());
        return file_failed(ec);
    }
    if (summary.is_short && !mutant("recovery_believes_a_file_that_is_shorter"))
        return alarm("the file has lost what was saved: nothing more is saved; restart this node, and peers refill it");
    if (found.run > writer_.run) // another process has run on it: its entries are not ours to go on from
        return alarm("another process has used the file meanwhile: nothing more is saved; restart this node");
    if (found.run < writer_.run) {
        encoder run;
        run.u(writer_.run);
        store_->write(meta_write{meta_run, run.take()});
    }
    reopen_delay_ = std::chrono::seconds(1);
    for (auto& [name, space] : spaces_) {
        auto held = std::make_shared<file_content::of_space>(
            std::move(found.spaces[store_->find(name_kind::space, name)]));
        boost::asio::post(space->executor(), [space = space, held, floor] {
            std::vector<entry_log::file_row> here;
            for (auto& r : held->rows) here.push_back({r.row, space->runs_here(r.runs)});
            space->reopened(std::move(here), floor, held->half_joined, held->as_of);
        });
    }
    alarm("the file is open again: what it lacked is being written");
}

/// Before it is closed for good: what it lacks since it failed is in memory only. Tried once more, not again and again.
void node_body::mend_file(std::function<void()> then) {
    if (store_ && writer_.run) reopen();
    if (!reopening_) return then();
    after_reopening_ = std::move(then);
}

void node_body::close_file() {
    auto finish = [this, weak = weak_from_this()] {
        auto self = weak.lock();
        if (!self) return;
        stop_spaces([this, weak] {
            auto alive = weak.lock();
            if (!alive) return;
            answer_all(stopping_, {});
            drop();
        });
    };
    if (store_ && store_->state() == store_state::open)
        store_->stop(finish);
    else
        finish();
}

} // namespace dunlin
