// Watches: who wants to hear of changes, and what they have not heard yet.
//
// A watch is a mask and a list of keys, never a queue: what happens while nobody asks is joined. An entry is told
// whole, after all of it was applied. With `saved` a change is held back until it is on disk here, and so is the
// present state with which an object's watch begins. What is told is taken when it is delivered: a wait that was given
// up loses nothing.
// Bounds  64 members told apart (the last bit stands for the rest), 1,024 keys of a type and 64 unsaved entries told
//         apart; beyond, changes are joined: `touched` may then say yes too often, never too rarely, and what
//         concerns more objects than are told apart has no key.
#pragma once
#include "../crdt/dot.hpp"
#include <boost/asio/any_completion_handler.hpp>
#include <boost/system/error_code.hpp>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dunlin {

class object;
class space_body;
class struct_part;
struct object_type;

/// What a watch tells: one object, the members touched, who did it.
struct change_record {
    std::string key; // empty: of more objects than are told apart
    std::uint64_t members = 0;
    bool erased = false;
    bool remote = false;
    dot last; // the latest entry in it, for its receipt
    bool aside = false; // of ephemerals: nothing of it is ever on disk
};

std::string change_json(struct_part const& type, change_record const& c);

using change_handler =
    boost::asio::any_completion_handler<void(boost::system::error_code, std::optional<change_record>)>;

class object_watch {
public:
    enum class when { applied, saved };
    static constexpr std::size_t keys_max = 1024, unsaved_max = 64;

    object_watch(std::shared_ptr<space_body> space, object* of, object_type* type, when w);
    ~object_watch();
    object_watch(object_watch const&) = delete;
    object_watch& operator=(object_watch const&) = delete;

    /// The next change; nothing once the space has stopped. One may wait at a time.
    void next(change_handler handler);
    void cancel();

    void note(change_record change, bool saved);
    /// Something was saved: what is covered becomes ready.
    void saved(version_vector const& durable);
    /// Hands over what is ready, if somebody waits.
    void ring();
    void stop();
    when told() const { return when_; }

private:
    std::shared_ptr<space_body> space_;
    object* object_;
    object_type* type_;
    when when_;
    bool first_ = true; // an object's watch begins with its present state
    bool stopped_ = false, rung_ = false;
    std::map<std::string, change_record> ready_;
    std::deque<change_record> unsaved_;
    std::optional<version_vector> held_; // what must be on disk before the present state is told
    std::shared_ptr<change_handler> waiting_; // nobody else holds it: who sees it alive sees this alive

    void merge(change_record const& c);
    static void join(change_record& to, change_record const& c);
    bool has_news() const { return first_ ? !held_ : !ready_.empty(); }
    std::optional<change_record> take();
    void deliver();
};

} // namespace dunlin
