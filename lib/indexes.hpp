// Indexes: which types of a space are kept in order, and how the order follows (crdt/indexed.hpp, index.hpp).
//
//   first question ─▶ all objects of the type are read once, a page at a time ─▶ kept
//   entry, turn ─▶ object in memory: its row moves
//              └▶ object not in memory: loaded and folded, if its place may have changed ─▶ its row moves
//
// A question is answered with all that is applied, when nothing is to be loaded: so it shows an atomic whole or not at all. An
// object is loaded only if the entry touches the indexed field, or may make it begin or end to exist. Who waits while others go on
// changing what is cold has what was due loaded, and until then the space takes nothing more. What an entry cannot say (a state
// that is joined, a file that is read again) makes the index outdated: it is read anew when it is asked for, or watched.
// Bounds  64 loads at a time; 65,536 objects that wait to be loaded, beyond which the index is outdated; half of the memory
//         setting for all indexes, beyond which an index answers memory_full.
// Threads its space's executor.
#pragma once
#include "../net/seams.hpp"
#include "index.hpp"
#include "object.hpp"
#include <boost/asio/any_completion_handler.hpp>
#include <boost/system/error_code.hpp>
#include <memory>

namespace dunlin {

/// A field of a program's struct, and how its value becomes bytes.
struct indexed_field {
    std::size_t offset;
    unsigned number;
    part const* type;
    void (*put)(void const* field, encoder& out);
};

using page_handler = boost::asio::any_completion_handler<void(boost::system::error_code, index_page)>;

struct indexed_type;

class indexes {
public:
    struct one; // an index
    static constexpr std::size_t loads_max = 64, waiting_max = 65536, page_objects = 512;

    explicit indexes(space_body& space);
    ~indexes();

    one& of(object_type& type, indexed_field const& field);
    /// None: something has to be read or loaded first. That begins, if it was asked for before.
    std::optional<index_page> page(one& x, index_range const& range);
    std::optional<std::size_t> rank(one& x, bytes_view key, index_range const& range);
    /// When all that is applied now is in it, and it is another one than that version: 0 for any.
    void read(one& x, index_range const& range, std::uint64_t version, page_handler handler);

    /// An object of the type is as it is now.
    void changed(object const& o);
    /// An entry waits for it that touches these members.
    void waits(object_type& type, bytes_view key, std::uint64_t members);
    /// The row of one of them is damaged.
    void unknown(object_type& type);
    /// Rows in the file may be others than those that were read.
    void outdated();
    /// A turn or an entry is over: who waits for a change is told.
    void ring();
    void stop();
    std::size_t bytes() const { return bytes_; }
    /// Somebody waits for what is being loaded: nothing more is to be taken from peers until then.
    bool hold_back() const { return hold_; }

private:
    struct question;
    space_body& space_;
    std::vector<std::unique_ptr<indexed_type>> all_; // in order of creation
    std::size_t bytes_ = 0;
    bool moved_ = false, hold_ = false;
    std::unique_ptr<timer> timer_;
    std::int64_t rings_ms_;
    std::string scratch_;

    bool is_exact(one const& x) const;
    template <class Change> void change(one& x, bytes_view key, Change f);
    void clear(one& x);
    bool put(one& x, object const& o);
    void give_up_memory(one& x);
    void take(one& x, object const& o);
    void begin(one& x);
    void read_on(one& x, std::int64_t after);
    void page_arrived(one& x, boost::system::error_code ec, std::vector<std::shared_ptr<object>> const& objects, std::int64_t last, bool end);
    void load(indexed_type& t, bytes_view key);
    void load_more(indexed_type& t);
    void loaded(indexed_type& t, std::string const& key, std::uint64_t number, boost::system::error_code ec, object* o);
    void outdated(indexed_type& t);
    void look(one& x);
    void ring_soon();
    bool has_news(one& x, question& q);
    void answer(one& x);
    void hold_no_more();
    void wake();
    void refuse(one& x, boost::system::error_code ec, bool who_watches);
    void look_at_ends(one& x);
    index_page page_now(one& x, index_range const& range);
};

} // namespace dunlin
