// length: one class, whose functions lie in ten files; its state is to be seen at once
// Space body: the life of one space on this node: its objects, its turn, its log, its side of the gossip.
//
//   user -> touched ... -> seal: one entry -> log, file, machine (net/replication.hpp) -> links
//   links -> machine -> absorb: check whole, seal our turn, join, log, file, tell watches
//
// A turn begins with the first change and ends when the seal posted by it runs, at an atomic, at seal(), or before
// anything is absorbed: so marks of a turn and foreign changes never meet, and number, stamp and dependencies taken at
// the end are those of the beginning. An object is present (in memory, or cold: its row and the deltas that wait for
// it), absent, or unknown (damaged): then its open fails, it is never hashed or erased, and it is fetched from peers.
// Files  space_turn, _absorb, _schema, _objects, _list, _disk, _state, _stage, _join, _reopen, _rights, _ends,
//        _cells
// Threads  its executor, which may differ from the node's; the store answers through `on_executor`.
#pragma once
#include "../crdt/stamp.hpp"
#include "../net/cells.hpp"
#include "../net/replication.hpp"
#include "cold.hpp"
#include "endings.hpp"
#include "entry_log.hpp"
#include "error.hpp"
#include "indexes.hpp"
#include "leases.hpp"
#include "object.hpp"
#include "object_state.hpp"
#include "rights.hpp"
#include "store.hpp"
#include "watches.hpp"
#include <boost/asio/any_completion_handler.hpp>
#include <boost/json/fwd.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <map>
#include <set>

namespace dunlin {

using done_handler = boost::asio::any_completion_handler<void(boost::system::error_code)>;
using open_handler = boost::asio::any_completion_handler<void(boost::system::error_code, object*)>; // pinned

struct space_setup {
    std::string name;
    any_io_executor executor;
    dunlin::clock* clock = nullptr;
    dunlin::chance* chance = nullptr;
    dunlin::store* store = nullptr; // null: in memory
    node_id node;                   // ours
    std::size_t memory_bytes = std::size_t(256) << 20;
    std::size_t log_bytes = std::size_t(256) << 20;
    std::size_t piece_objects = 512; // of a state, in one piece of it
    std::chrono::milliseconds sync_deadline{3000};
    bool alone = true;                                            // nobody to ask: synced at once
    std::function<void(peer_number, space_message&&)> send;       // to a link, from the space's executor
    std::function<void(peer_number)> when_idle; // idle() is called when that link has nothing to send; empty: at once
    std::function<void(std::string const&)> alarm = [](auto&) {}; // for a person
    std::function<void()> on_long_log; // the floor is the file's: the other spaces are to checkpoint too
    std::shared_ptr<void const> keep; // what the pointers above point into, as far as the space outlives its node
    /// Runs something on the space's executor, from the store's; empty: they are the same.
    std::function<void(std::function<void()>)> on_executor;
};

/// The 24 bytes of a writer, as the file names it.
std::string view_of_writer(writer_id const& w);

class space_body final : public replica, public std::enable_shared_from_this<space_body> {
public:
    /// Of the space of the file in which the state of a space is staged.
    static constexpr char const* staging_prefix = "dunlin.staged ";

    explicit space_body(space_setup setup);
    ~space_body();

    // ---- types and objects (space_objects.cpp)
    /// The type of a struct of this program; adopts what was known of it by its schema alone.
    object_type& type_of(struct_part const& part, bool reserved = false);
    object_type* find_type(std::string_view name);
    object* find(object_type& type, std::string_view key);
    void open(object_type& type, std::string key, open_handler handler);
    /// In memory already, or made without asking the file where there is none; else null. Pinned.
    object* local(object_type& type, std::string_view key);
    void pin(object& o);
    void unpin(object& o);
    /// Throws rights_elsewhere where a bounded counter in it has rights that are not in the pocket here.
    void erase(object& o);
    using object_page = std::function<void(boost::system::error_code, std::vector<std::shared_ptr<object>> const&,
                                           std::int64_t last, bool end)>;
    /// Objects of a type, or of all, wherever they are, by hash; those not in memory as copies. Also what is not live.
    void each_object(object_type* type, std::int64_t after, std::size_t limit, object_page done);
    void list(object_type& type, std::int64_t after, std::size_t limit,
              std::function<void(boost::system::error_code, std::vector<std::string> keys, std::int64_t last, bool end)>
                  done);
    /// What types and fields there are, of which kind, and who says so.
    void schema_json(boost::json::object& out) const;
    /// 64 hex digits over everything live. Loads what is cold, one page at a time.
    void digest(std::function<void(boost::system::error_code, std::string)> done);
    std::size_t resident() const { return objects_.size(); }
    std::size_t resident_bytes() const { return resident_bytes_; }
    /// Of deltas that wait for objects that are not in memory.
    std::size_t cold_bytes() const { return cold_.bytes(); }

    // ---- turns (space_turn.cpp)
    void touched(object& o);
    undo_log* undo() { return in_atomic_ ? &undo_ : nullptr; }
    /// Makes the entry of the running turn. The number to wait for; 0: nothing was changed.
    std::uint64_t seal();
    void begin_atomic();
    std::uint64_t commit_atomic();
    void roll_back();
    bool in_atomic() const { return in_atomic_; }

    // ---- rights of bounded counters (rights.hpp)
    void rights_changed(object& o) { rights_.moved(o); }
    rights& moves() { return rights_; }
    /// Nothing may be changed just now.
    bool is_busy() const { return stopped_ || in_atomic_ || absorbing_ || rebuilding(); }
    /// It is known who else has to witness a move of rights.
    bool may_move_rights() const { return !store_ || (others_ && synced()); }
    /// Enough of them have. What one run of a node moves, no other run of it moves: see rights.hpp.
    bool is_witnessed(std::uint64_t number, std::vector<std::pair<std::uint32_t, std::uint64_t>> const& seen) const;
    /// What is put into the reserve could be moved out of it again.
    bool reaches_witnesses() const { return others_ && (*others_ == 0 || machine_->counted_links() > *others_ / 2); }
    bool is_near(node_id const& node) const { return machine_ && machine_->is_near(node); }
    /// The node stops: what lies in pockets is for its next run.
    void put_all_back();
    /// So many other members with a file the roster names.
    void members_are(std::size_t others);

    // ---- what ends (endings.hpp, space_ends.cpp)
    /// Not where another space's atomic looks at it, nor where no entry could say what it takes away.
    bool may_begin_anew(object& o) const;
    /// As touched, but that nothing is refused: it may be that it is only looked at.
    void take_in_turn(object& o);
    /// So many there may be who take something away.
    std::size_t members() const;
    bool reaches_members() const;
    /// It knows what others know, as far as it is linked to any; or there is nobody else.
    bool hears_somebody() const;
    bool is_linked(node_id const& node) const { return machine_ && machine_->is_linked(node); }
    void tell_over(object& o);
    std::int64_t lease_ms(std::uint32_t writer, std::uint64_t stamp) const { return leases_.of(writer, stamp); }
    void announced() { leases_.announced(); }
    void leave();
    bool is_runs(object const& o) const { return leases_.is(o); }
    /// In memory, though its row could not be read: what a space cannot be without.
    bool is_unknown(object const& o) const { return !unknown_.empty() && unknown_.contains({o.type, o.key}); }
    void end_step();
    /// Null: the file cannot be read just now.
    void find_due(due_query query, std::function<void(std::vector<due_item> const*)> done);
    void load_due(due_item const& item, std::function<void()> done);
    std::vector<type_and_key> cold_that_ends();
    void load_cold(type_and_key const& name, std::function<void()> done);

    // ---- objects in the order of a field (indexes.hpp)
    indexes& orders() { return indexes_; }
    /// Who looks at all objects sees what this turn has changed; inside an atomic what was before it.
    void end_turn_before_a_look() {
        if (!stopped_ && !in_atomic_ && !absorbing_) seal();
    }
    std::size_t memory_bytes() const { return setup_.memory_bytes; }
    /// When it may be that nothing in it is there any more, if nothing is changed.
    std::int64_t next_end_ms(object const& o) const;
    /// There is room again, or whoever held it back does not any more: what was left out is pulled.
    void take_in_again();
    /// Nothing that is not in memory can be told, and no entry meets it, before a peer's state has been joined.
    bool rows_mislead() const { return half_joined_is(rows_ahead) || half_joined_is(rows_behind); }
    /// A state is being joined, or the file is read again: then what is not in memory is not to be touched.
    bool rebuilding() const { return joining_ || rereading_; }

    // ---- values that are told and not kept (net/cells.hpp, space_cells.cpp)
    void idle(peer_number p);
    /// What is known of fields that the program's struct does not have, as the schema names them.
    void show_unknown_cells(object const& o, boost::json::object& out) const;
    cells const& told() const { return cells_; }

    // ---- waiting
    void wait_saved(dot d, done_handler handler);
    void wait_copies(dot d, std::size_t k, std::chrono::nanoseconds deadline, done_handler handler);
    void wait_synced(std::chrono::nanoseconds deadline, done_handler handler);
    void wait_ready(done_handler handler);
    bool synced() const { return machine_ && machine_->synced(); }
    bool is_saved(dot d) const { return !store_ || durable_.covers(d); }
    /// What is applied now; nothing of it is missing on disk.
    version_vector const& applied() const { return heads_.applied(); }
    bool all_saved() const { return !store_ || durable_.covers(heads_.applied()); }
    bool overloaded() const;
    /// How many wait for a save, for copies, for the cluster, for room.
    std::size_t waits() const { return savers_.size() + copiers_.size() + syncers_.size() + ready_waiters_.size(); }
    void add_watch(object_watch* w, object* o, object_type* t);
    void remove_watch(object_watch* w, object* o, object_type* t);

    // ---- replica, for the machine (space_absorb.cpp, space_disk.cpp, space_state.cpp)
    heads const& known() const override { return heads_; }
    version_vector const& durable() const override { return durable_; }
    version_vector const& floor() const override { return log_.floor(); }
    bool absorb(entry const& e, entry_body const& body) override;
    bool full() const override;
    void read_log(std::uint64_t request, id_vector const& have, std::size_t budget_bytes) override;
    void read_state(std::uint64_t request, std::uint64_t token, std::string const& cursor) override;
    void drop_state(std::uint64_t token) override;
    void stage_state(std::string bytes) override;
    void finish_state() override;
    void abandon_state() override;

    // ---- life (space_body.cpp)
    /// The writer of this run: before anything is changed.
    void own(writer_id const& w);
    void set_store_number(std::uint32_t n) { store_space_ = n; }
    std::uint32_t store_number() const { return store_space_; }
    /// What the file holds, told in this order: heads, rows, series above the floor; then start.
    void found(bytes_view half_joined, std::uint64_t as_of, bytes_view heads, bool damaged);
    /// By what its row in the file says: log rows up to this one are in every object since a state was joined.
    static std::uint64_t joined_until(bytes_view half_joined, std::uint64_t as_of);
    void row_found(std::uint64_t row, std::vector<log_run> const& runs);
    void row_lost(std::uint64_t row); // the last one that is damaged, if it is the last of all
    void replay(std::uint64_t row, series const& s);
    void start(std::function<void()> done);
    void stop();
    /// The roster names no other member: what the file has lost nobody has.
    void nobody_else();
    /// The file failed: nothing goes to it, and what waits to be saved is told so, until it is open again.
    void file_lost(boost::system::error_code why);
    /// The disk is full: who waits for an object whose changes wait for it is told so.
    void file_full();
    /// The file is open again, with these rows; entries above `floor` may not be in the states of their objects.
    void reopened(std::vector<entry_log::file_row> rows, std::uint64_t floor, bytes_view half_joined, std::uint64_t as_of);
    /// At once, or when what the file lacked is queued for it, or that was given up.
    void after_reopening(std::function<void()> then) {
        if (!rereading_ || !store_error_) return then();
        after_joining_.push_back(std::move(then));
    }
    std::vector<entry_log::run> runs_here(std::vector<log_run> const& runs);
    /// Another space of the file wants the log cut: checkpoints, if rows above our floor have something of ours.
    void log_is_long();
    void peer_up(peer_number p, node_id const& node, bool counted);
    void peer_down(peer_number p);
    void congested(peer_number p, bool is);
    void count(node_id const& node, bool counted);
    void receive(peer_number from, space_message&& said);
    replication& machine() { return *machine_; }
    writers& table() { return table_; }
    shapes& kinds() { return shapes_; }
    std::string const& name() const { return setup_.name; }
    any_io_executor executor() const { return setup_.executor; }
    clock& time() { return *setup_.clock; }
    std::uint32_t self() const { return self_; }
    entry_log const& log() const { return log_; }
    bool stopped() const { return stopped_; }
    bool has_file() const { return store_; }
    /// Nothing is queued to be staged, and no transfer is under way.
    bool staging_is_empty() const { return !staged_ && !staging_writes_; }
    std::function<void(bool remote)> on_entry; // the node listens to the roster by this

private:
    struct transfer;
    struct staged;
    struct saver {
        dot at;
        std::shared_ptr<done_handler> handler;
    };
    struct copier {
        dot at;
        std::size_t copies; // 0: on disk here
        std::shared_ptr<done_handler> handler;
        std::unique_ptr<timer> deadline;
    };

    space_setup setup_;
    store* store_;
    writers table_;
    heads heads_;
    version_vector durable_;
    std::uint32_t self_ = writers::none;
    hybrid_clock stamps_;
    std::optional<instant> clock_told_; // when somebody was told that a peer's is far ahead
    shapes shapes_;
    entry_log log_;
    cold_deltas cold_;     // since this start
    cold_deltas replayed_; // from rows above the floor, found at start
    std::uint32_t store_space_ = 0;
    bool stopped_ = false, loaded_ = false;
    bool log_damaged_ = false; // found at start: entries that the heads count may be in no row
    bool was_full_ = false; // entries of peers were left out, to be pulled when there is room

    // objects
    struct object_key {
        object_type const* type;
        std::string_view key;
    };
    struct object_hash_of {
        using is_transparent = void;
        using is_avalanching = void;
        std::size_t operator()(object const* o) const;
        std::size_t operator()(object_key const& k) const;
    };
    struct object_equal {
        using is_transparent = void;
        bool operator()(object const* a, object const* b) const { return a == b; }
        bool operator()(object_key const& k, object const* o) const { return o->type == k.type && o->key == k.key; }
        bool operator()(object const* o, object_key const& k) const { return (*this)(k, o); }
    };
    std::map<std::string, std::unique_ptr<object_type>, std::less<>> types_;
    std::vector<object_type*> type_at_; // by number in cold_: order of creation
    std::set<std::string, std::less<>> with_rights_; // types that the schema says have bounded counters
    std::set<std::string, std::less<>> with_ends_;   // or deadlines, at some depth
    std::map<std::string, std::set<std::string, std::less<>>> structs_in_; // by struct: those that have maps of it
    boost::unordered_flat_set<object*, object_hash_of, object_equal> objects_;
    used_list used_;
    unsaved_list unsaved_;
    std::size_t resident_bytes_ = 0;
    std::map<type_and_key, std::vector<open_handler>> loading_;
    std::vector<object_watch*> type_watches_;
    static constexpr char const* schema_name = "dunlin.schema";
    static constexpr char const* schema_key = "schema";
    object* schema_ = nullptr;
    struct row_writes {
        std::uint32_t queued = 0;
        bool wanted = false; // to be loaded when they are answered
    };
    std::map<type_and_key, row_writes> cold_in_flight_;
    std::uint64_t rows_queued_ = 0, rows_answered_ = 0; // ever, in one order
    std::uint32_t pages_read_ = 0; // of a state, for peers: nothing more sets out for its row
    /// Whose rows cannot be read, and what a peer's state must hold to stand in for them: all that may be in them.
    std::map<type_and_key, version_vector> unknown_;

    // turn
    std::vector<object*> turn_;
    std::uint64_t turn_stamp_ = 0;
    bool turn_waits_ = false; // for the disk
    bool seal_posted_ = false, in_atomic_ = false, first_entry_ = true, absorbing_ = false;
    undo_log undo_;
    entry_builder builder_;
    entry_body body_;
    entry_writers flush_table_;
    std::vector<std::uint32_t> advanced_; // slots whose vector has grown since our previous entry
    std::vector<bool> is_advanced_;
    std::optional<predecessor> pred_;
    encoder scratch_;

    // waiting
    std::deque<saver> savers_;
    std::vector<copier> copiers_;
    std::vector<copier> syncers_;
    std::vector<std::shared_ptr<done_handler>> ready_waiters_;
    bool room_asked_ = false; // whoever waits for room hears when what is queued now is on disk
    std::set<std::shared_ptr<object_page>> asked_; // listings that are not answered
    std::vector<object_watch*> touched_watches_;
    std::deque<object_watch*> ringing_; // about to be told
    bool commit_posted_ = false;
    boost::system::error_code store_error_;

    // gossip
    std::optional<std::size_t> others_; // members with a file, once the roster has told
    std::optional<replication> machine_;
    cells cells_;
    instant cells_due_{};
    static constexpr std::size_t cold_told_max = 1024;
    std::map<type_and_key, std::uint64_t> cold_told_; // being loaded, and the members that watches are to be told of
    void tell_all_cells();
    struct aside_of {
        object* of;
        aside said;
    };
    std::vector<aside_of> asides_; // of the turn that is being sealed
    std::vector<aside> flushed_asides_;
    std::vector<cells::place> gone_in_turn_; // of objects that the running turn changes
    std::set<std::string, std::less<>> with_asides_; // types that the schema says have ephemerals
    actions actions_;
    std::unique_ptr<timer> tick_;
    bool ticking_ = false;
    std::size_t peers_ = 0;

    // disk
    std::uint64_t written_floor_ = 0, log_bytes_since_ = 0;
    bool checkpointing_ = false;
    std::shared_ptr<staged> staged_;
    std::size_t staging_writes_ = 0; // queued and not answered
    std::vector<std::unique_ptr<transfer>> transfers_;
    std::uint64_t last_token_ = 0;
    bool joining_ = false, rereading_ = false; // a state is being joined; the file is read again
    /// As in the file, docs/disk.md: whose join has begun, so that rows may hold more than the vector says; or empty.
    std::string half_joined_;
    static constexpr char join_begun = 1, rows_ahead = 2, rows_behind = 3, join_over_behind = 4, no_join = 5;
    /// Rows up to this one are in every object since a state was joined: what that state had removed is not to come
    /// back from them. It is the row that the write is as of which ends the join.
    std::uint64_t joined_until_ = 0, joined_position_ = 0;
    static constexpr std::uint64_t as_of_this_write = ~std::uint64_t(0);
    bool joined_unanswered_ = false, known_again_ = false; // that write is under way; another one is wanted
    bool half_joined_is(char what) const { return !half_joined_.empty() && half_joined_[0] == what; }
    bool joins_over_behind() const { return half_joined_is(rows_behind) || half_joined_is(join_over_behind); }
    std::vector<std::function<void()>> after_joining_;
    std::vector<std::function<void()>> after_rows_; // listings, until what is on its way to a row is there

    rights rights_;
    endings endings_;
    leases leases_;
    indexes indexes_;
    void deadlines_changed(object& o);

    void tell_of_ends(object_type& type) const;
    void has_ends(std::string const& type);
    std::vector<std::string> add_with_holders(std::string const& type, std::set<std::string, std::less<>>& to) const;
    std::int64_t first_deadline_ms(object const& o) const;
    std::int64_t deadline_for_row(object const& o);
    void rows_moved();
    static constexpr std::size_t large_object_bytes = 64 << 10; // from here on changes are saved, not the whole
    static constexpr std::size_t entry_bytes_wanted = 512 << 10;
    static constexpr std::size_t atomic_bytes_max = 3 << 20; // of its delta: an entry has 4 MiB in all
    static constexpr std::size_t dependencies_max = 4096;     // of one entry
    static constexpr std::size_t writers_named_max = writers_erased_max; // by an atomic: 768 KiB of its entry
    static constexpr std::size_t one_entry = ~std::size_t(0); // whatever its size
    bool names_too_many() const;
    void drop_what_was_looked_at();
    std::uint64_t publish_own(entry_builder& built);
    std::uint64_t seal_turn(std::size_t bytes);
    std::uint64_t make_entry(std::vector<object*> const& turn, std::size_t& from, std::size_t bytes);
    object_type& make_type(std::string_view name, struct_part const* part, bool known);
    void describe(object_type& type);
    bool schema_changed(bytes_view delta, node_id const& by);
    void tell_of_kinds(bytes_view line, node_id const& by);
    bool add_line(bytes_view line);
    object& make_object(object_type& type, std::string_view key);
    void forget(object& o);
    void load(object_type& type, std::string const& key);
    void loaded(object_type& type, std::string const& key, boost::system::error_code ec, object_state&& row);
    bool apply_records(object& o, bytes_view records, std::uint64_t upto = 0);
    bool is_named(list_item const& i) const;
    void now_unknown(object_type& type, std::string const& key);
    void finish_open(object_type& type, std::string const& key, boost::system::error_code ec, object* o);
    void count_bytes(object& o);
    void make_room();
    std::size_t cold_bytes_max() const { return setup_.memory_bytes / 4; }
    void leave(object& o);
    void mark_dirty(object& o, std::uint64_t position);
    void mark_unsaved(object& o, std::uint64_t position);
    void mark_said(std::vector<object*> const& said, entry const& e, std::uint64_t position);
    void note_record(object& o, bool was_dirty, entry const& e, entry_body const& body, bytes_view delta);
    void write_whole(object& o, std::function<void(write_result const&)> answer);
    void save_state(object& o, std::function<void(write_result const&)> done);
    void relocate(object_type& type, struct_part const& part);
    object_name name_of(object_type& type, std::string_view key);
    std::uint32_t type_number(object_type& type);
    writer_names disk_names();

    void tell_of_clock();
    bool check_delta(entry const& e, entry_body const& body, heads const& of);
    void join_entry(entry const& e, entry_body const& body, std::uint64_t position, std::uint64_t row = 0);
    bool needs_more(object_type& type, bytes_view key, dot at);
    void see_head(std::uint32_t slot);
    void take_schema(object& o);
    void runs_found(boost::system::error_code ec, object* o);
    bool write_cold(cold_deltas::place const& where);
    void write_row(object_type& type, std::string const& key, store_write write);
    void load_replayed(cold_deltas::place const& where);
    void end_turn();
    std::uint64_t publish(entry const& e, entry_body const& body, std::uint64_t prior);
    void advanced(std::uint32_t slot);
    void describe_turn();
    bool turn_makes_entry() const;
    void note_asides(object& o, bool erased);
    void say_asides();
    void hear_cells(peer_number from, word::cells& w);
    void hear_cell(cell&& c, peer_number from);
    bool may_have_cells(object_type const& type, std::string_view key) const;
    void erased_by(entry const& e, object_type const& type, std::string_view key);
    void show_cells(object& o);
    void show_cell(object& o, std::uint32_t field, bytes_view below);
    void dropped(std::vector<cells::place> const& all);
    void drop_after_turn() { dropped(std::exchange(gone_in_turn_, {})); }
    void tell_cell(object_type& type, std::string_view key, std::uint32_t field, bool remote);
    void ask_links();
    void tell(object& o, std::uint64_t members, bool remote, dot at, bool aside = false);
    void tell_cold(object_type& type, change_record c);
    void ring_watches();
    void each_ringing(std::function<void(object_watch&)> const& f);

    bool lost(boost::system::error_code ec);
    void rows_are_lost();
    void read_again(std::uint64_t row, std::uint64_t until);
    void write_tail();
    void write_entry(writer_id const& w, entry_log::item const& i, std::uint64_t position);
    void entry_saved(std::uint64_t position, write_result const& r);
    void committed();
    void checkpoint();
    void write_known(bool ends_join = false);
    void rows_fell_behind();
    void fold_log();
    void act(instant now);
    void schedule_tick();
    instant now() const { return setup_.clock->steady_now(); }
    void check_copies();
    void check_synced();
    /// From the store's executor to ours; the space may be gone by then.
    static std::function<void()> back(std::weak_ptr<space_body> const& self, std::function<void()> f);
    std::shared_ptr<done_handler> waiter(done_handler&& handler);
    void give_up(std::shared_ptr<done_handler> const& who);
    void answer_later(std::shared_ptr<done_handler> const& who, boost::system::error_code ec);
    void fail_waiters(boost::system::error_code ec);
    void ask_for_room();
    void check_room();
    object_page answered_once(object_page done);
    struct object_search;
    void find_objects(std::shared_ptr<object_search> const& asked);
    struct found_object {
        std::string type, key, state;
    };
    using staged_objects = std::vector<found_object>;
    void send_piece(std::uint64_t request, state_piece piece);
    void read_objects(std::uint64_t request, std::uint64_t token, std::int64_t after);
    void list_arrived(std::uint64_t request, std::uint64_t token, std::int64_t after);
    void give_objects(std::uint64_t request, std::uint64_t token, std::int64_t after, list_page const& page);
    void read_tail(std::uint64_t request, transfer& t);
    void take_series(series const& s, version_vector& have, std::size_t& budget, std::vector<series>& out);
    bool find_resident(std::int64_t after, std::int64_t& last, staged_objects& found);
    void give_piece(std::uint64_t request, transfer& t, state_piece piece);
    void read_part(std::uint64_t request, transfer& t);
    bool find_cold(std::int64_t after, std::int64_t last, list_page const& page, staged_objects& found);
    void tell_lost(std::uint64_t from, std::vector<log_row> const& read);
    void collect_log(id_vector const& have, std::size_t budget_bytes, std::function<void(log_range&&)> answer);
    void page_of(object_type* type, std::int64_t after, std::size_t limit, list_page&& page, object_page done);
    void digest_from(std::int64_t after, std::shared_ptr<digest_sum> sum,
                     std::function<void(boost::system::error_code, std::string)> done);
    std::shared_ptr<object> temporary(object_type& type, std::string_view key);
    // staging and joining a state (space_stage.cpp, space_join.cpp)
    struct staging_step;
    std::uint32_t staging_number() { return store_->intern(name_kind::space, staging_prefix + setup_.name); }
    void clear_staging(std::function<void(bool ok)> then);
    void answer_staging(staging_step& step);
    bool stage_piece(bytes_view bytes, staging_step& step);
    object_name staging_name(object_type& type, std::string_view key);
    bool stage_part(decoder& in, staging_step& step);
    bool stage_objects(decoder& in, staging_step& step);
    bool stage_tail(decoder& in, staging_step& step);
    void stage(object_type& type, std::string_view key, store_write&& write, staging_step& step);
    std::string record_of(entry const& e, entry_body const& body, bytes_view delta, std::uint64_t row);
    void join_page(std::int64_t after);
    void join_rows(list_page const& own, list_page&& theirs);
    void join_remaining();
    object_state no_row(type_and_key const& name) const;
    void when_written(std::function<void()> then);
    void join_row(object_type& type, std::string const& key, object_state const& row, object_state const* theirs);
    std::shared_ptr<object> staged_object(object_type& type, std::string const& key, object_state const& theirs);
    void end_joining(bool ok);
    void tell_joined(bool ok);
    void join_again();
    void lose_join(std::string const& why);
    void end_rebuilding();
    void switch_state();
};

} // namespace dunlin
