// Node: one participant of a cluster in this process. Owns its file, its links and its spaces.
//
//   dunlin::node node{executor};                                        in memory, listens to nobody
//   dunlin::node node{executor, dunlin::options().data("game.db")};     one SQLite file
//
// It belongs to the executor it was given: one thread at a time runs there (a strand, or an io_context run by one
// thread). The only thread that dunlin starts is the one for SQLite. `stop()` saves, says goodbye and ends; a
// destructor alone is like a crash: what was saved is saved. Errors  those of its calls; what concerns nobody's call
// goes to on_alarm.
#pragma once
#include "options.hpp"
#include "space.hpp"

namespace dunlin {

class store_runner;
struct identity;

/// What a simulator replaces; main() needs none of it.
struct surroundings {
    dunlin::seams seams;
    std::string vfs;                                                           // of SQLite; empty: the machine's
    std::function<std::unique_ptr<store_runner>(any_io_executor)> make_runner; // empty: a thread
    std::function<dunlin::identity(std::string const& data)> identity;         // empty: FILE.identity
    std::string cluster_key;                                                   // its line; empty: the options' file
};

class node {
    std::shared_ptr<node_body> body_;
    dunlin::space main_;

public:
    explicit node(any_io_executor executor) : node(executor, options()) {}
    node(any_io_executor executor, options const& o);
    node(any_io_executor executor, options const& o, surroundings const& outside);
    ~node();
    node(node&&) = default;
    node& operator=(node&&) = default;

    /// Opens the file and the port, and begins to look for peers. The first open() does it too.
    template <class Token = default_token> auto start(Token&& token = Token()) {
        return wait_for<void(boost::system::error_code)>(
            std::forward<Token>(token), [b = body_](auto handler) { start_body(b, std::move(handler)); });
    }
    template <class Token = default_token> auto stop(Token&& token = Token()) {
        return wait_for<void(boost::system::error_code)>(
            std::forward<Token>(token), [b = body_](auto handler) { stop_body(b, std::move(handler)); });
    }

    /// A space by name; with an executor of its own if it is named before start.
    dunlin::space space(std::string const& name) const;
    dunlin::space space(std::string const& name, any_io_executor executor) const;

    template <class T, class... A> auto open(A&&... a) const { return main_.open<T>(std::forward<A>(a)...); }
    template <class T> ref<T> local(std::string_view key) const { return main_.local<T>(key); }
    template <class T, class... A> auto list(A&&... a) const { return main_.list<T>(std::forward<A>(a)...); }
    template <class T> objects_of<T> all() const;
    template <class F> receipt atomic(F&& f) const { return main_.atomic(std::forward<F>(f)); }
    receipt seal() const { return main_.seal(); }
    template <class T> dunlin::watch<T> watch(object_watch::when w = object_watch::when::applied) const {
        return main_.watch<T>(w);
    }
    template <class... A> auto ready(A&&... a) const { return main_.ready(std::forward<A>(a)...); }
    template <class... A> auto digest(A&&... a) const { return main_.digest(std::forward<A>(a)...); }

    any_io_executor executor() const { return main_.executor(); }
    node_id const& id() const;
    /// With the port that was taken; empty if it listens to nobody.
    std::string address() const;
    /// Roster, links, vectors, bytes, as JSON.
    std::string status() const;
    /// Told of what concerns nobody's call: a damaged row, a clock far off, a disk that fails. On the node's executor.
    void on_alarm(std::function<void(std::string const&)> told);
    std::shared_ptr<node_body> const& body() const { return body_; }

private:
    static void start_body(std::shared_ptr<node_body> const& b, done_handler handler);
    static void stop_body(std::shared_ptr<node_body> const& b, done_handler handler);
};

} // namespace dunlin
