// Space: a named set of objects with one version vector; what happens in it is one causal whole.
//
// Between two spaces there is no order and no atomicity. A space lives on one executor: its refs are used there, and
// nowhere else. The node's own open, atomic, ... are those of the space `main`.
#pragma once
#include "ref.hpp"

namespace dunlin {

class node_body;
template <class T> class objects_of;

struct page_cursor { // where a listing goes on; a new one begins
    std::int64_t after = -1;
    bool end = false;
};

class space {
    std::shared_ptr<space_body> body_;
    std::weak_ptr<node_body> node_;

public:
    space() = default;
    space(std::shared_ptr<space_body> body, std::weak_ptr<node_body> node)
        : body_(std::move(body)), node_(std::move(node)) {}

    std::string const& name() const { return body_->name(); }
    any_io_executor executor() const { return body_->executor(); }

    /// Get or create: loads the object if it is cold, waits for the first synchronisation with the cluster up to the
    /// options' sync_deadline, starts the node if nobody has. Writes nothing.
    template <class T, class Token = default_token>
    requires(!std::is_convertible_v<Token, std::chrono::nanoseconds>)
    auto open(std::string key, Token&& token = Token()) const {
        return open<T>(std::move(key), std::chrono::nanoseconds(-1), std::forward<Token>(token));
    }
    /// With a deadline of its own for that.
    template <class T, class Token = default_token>
    auto open(std::string key, std::chrono::nanoseconds deadline, Token&& token = Token()) const {
        auto& type = body_->type_of(struct_of<T>());
        return wait_for<void(boost::system::error_code, ref<T>)>(
            std::forward<Token>(token), [s = *this, &type, key = std::move(key), deadline](auto handler) mutable {
                auto h = std::make_shared<decltype(handler)>(std::move(handler));
                s.begin_open(type, std::move(key), deadline,
                             [body = s.body_, h](boost::system::error_code ec, object* o) {
                                 std::move (*h)(ec, ref<T>(body, o));
                             });
            });
    }
    template <class T, class... A> auto open(key<T> const& k, A&&... a) const {
        return open<T>(k.name, std::forward<A>(a)...);
    }
    /// What is in memory now, without waiting; a null ref if the object would have to be read from the file.
    template <class T> ref<T> local(std::string_view key) const {
        return ref<T>(body_, body_->local(body_->type_of(struct_of<T>()), key));
    }

    /// Keys of the live objects of a type, in an order that is the same on every node. A page costs the page. Starts the
    /// node if nobody has.
    template <class T, class Token = default_token>
    auto list(page_cursor cursor, std::size_t limit, Token&& token = Token()) const {
        auto& type = body_->type_of(struct_of<T>());
        return wait_for<void(boost::system::error_code, std::pair<std::vector<std::string>, page_cursor>)>(
            std::forward<Token>(token), [s = *this, &type, cursor, limit](auto handler) {
                auto h = std::make_shared<decltype(handler)>(std::move(handler));
                s.when_started([body = s.body_, &type, cursor, limit, h](boost::system::error_code failed) {
                    if (failed) return std::move (*h)(failed, std::pair(std::vector<std::string>(), cursor));
                    body->list(type, cursor.after, limit,
                               [h](auto ec, std::vector<std::string> keys, std::int64_t last, bool end) {
                                   std::move (*h)(ec, std::pair(std::move(keys), page_cursor{last, end}));
                               });
                });
            });
    }

    /// The objects of a type, to be put in the order of a field: query.hpp.
    template <class T> objects_of<T> all() const;

    /// Runs f now: all of its changes, or none, here and on every peer. A throw undoes them and goes on; `return false`
    /// undoes them and gives a receipt that converts to false. Nothing may suspend inside. Only objects of this space
    /// may be changed.
    template <class F> receipt atomic(F&& f) const {
        atomic_scope scope(body_);
        if constexpr (std::is_same_v<std::invoke_result_t<F>, bool>) {
            if (!f()) return receipt::undone();
        } else
            f();
        return receipt(body_, scope.commit());
    }
    /// Ends the running turn: its receipt.
    receipt seal() const {
        auto n = body_->seal();
        return {body_, n ? dot(body_->self(), n) : dot()};
    }
    /// Changes of all objects of a type from now on.
    template <class T> dunlin::watch<T> watch(object_watch::when w = object_watch::when::applied) const {
        auto& type = body_->type_of(struct_of<T>());
        return dunlin::watch<T>(body_, std::make_unique<object_watch>(body_, nullptr, &type, w));
    }
    /// Until changes are taken again after `overloaded`.
    template <class Token = default_token> auto ready(Token&& token = Token()) const {
        return wait_for<void(boost::system::error_code)>(
            std::forward<Token>(token), [body = body_](auto handler) { body->wait_ready(std::move(handler)); });
    }
    /// 64 hex digits over everything live in the space: equal on nodes that have seen the same changes. Reads
    /// everything.
    template <class Token = default_token> auto digest(Token&& token = Token()) const {
        return wait_for<void(boost::system::error_code, std::string)>(
            std::forward<Token>(token), [s = *this](auto handler) {
                auto h = std::make_shared<decltype(handler)>(std::move(handler));
                s.when_started([body = s.body_, h](boost::system::error_code failed) {
                    if (failed) return std::move (*h)(failed, std::string());
                    body->digest([h](auto ec, std::string d) { std::move (*h)(ec, std::move(d)); });
                });
            });
    }
    bool synced() const { return body_->synced(); }
    std::shared_ptr<space_body> const& body() const { return body_; }

    /// When the node has started and knows what its cluster knows, as far as sync_deadline lets it wait.
    void when_synced(std::function<void(boost::system::error_code)> then) const;

private:
    /// While it lives an atomic runs in the space; gone without commit, everything is undone.
    class atomic_scope {
        std::shared_ptr<space_body> const& body_;
        bool open_ = true;

    public:
        explicit atomic_scope(std::shared_ptr<space_body> const& b) : body_(b) { body_->begin_atomic(); }
        ~atomic_scope() {
            if (open_) body_->roll_back();
        }
        dot commit() {
            open_ = false;
            auto n = body_->commit_atomic();
            return n ? dot(body_->self(), n) : dot();
        }
    };
    /// At once if the node has started; on the space's executor.
    void when_started(std::function<void(boost::system::error_code)> then) const;
    void begin_open(object_type& type, std::string key, std::chrono::nanoseconds deadline, open_handler handler) const;
};

} // namespace dunlin
