// Query: the objects of a type in the order of an indexed field.
//
//   auto top = node.all<player>().order_by(&player::score, dunlin::descending).limit(10);
//
//   for (auto& [key, score] : co_await top.read()) ...       waits only where something has to be read or loaded
//   if (auto rows = top.local()) ...                         what is in memory; none if it would have to wait, at any time
//   auto changes = top.watch();
//   while (auto rows = co_await changes.next()) ...          the present ten, then the ten again whenever they are others
//
// A query is a value and costs nothing. The first one for a field reads all objects of the type, wherever they are; from then on
// the order is kept, in memory, by what is changed here and at peers (indexes.hpp). Objects of one value stand in the order of
// their keys; descending is ascending backwards. What is read is names and values: an object is opened by its key.
// Concurrent  as all reads: what this node has seen. Nodes that have seen the same give the same answer.
// Cost    a page O(log n + rows), a rank O(log n), a change of an object O(log n).
// Bounds  10,000 rows a page, 100 if none is said.
// Errors  memory_full: the index needs more than half of options().memory.   Threads  the executor of the space.
#pragma once
#include "../crdt/indexed.hpp"
#include "indexes.hpp"
#include "node.hpp"

namespace dunlin {

enum class order : bool { ascending, descending };
inline constexpr auto ascending = order::ascending, descending = order::descending;

template <class V> struct ranked {
    std::string key;
    V value;
    friend bool operator==(ranked const&, ranked const&) = default;
};

/// Rows of a query, in its order.
template <class V> class ranking {
    std::vector<ranked<V>> rows_;
    std::size_t first_ = 0, total_ = 0;
    bool exact_ = true;

public:
    ranking() = default;
    explicit ranking(index_page const& p) : first_(p.first), total_(p.total), exact_(p.exact) {
        for (auto& r : p.rows) {
            rows_.push_back({r.key, V()});
            value_codec<V>::get(r.value, rows_.back().value);
        }
    }
    auto begin() const { return rows_.begin(); }
    auto end() const { return rows_.end(); }
    std::size_t size() const { return rows_.size(); }
    bool empty() const { return rows_.empty(); }
    ranked<V> const& operator[](std::size_t n) const { return rows_[n]; }
    /// How many stand before the first one.
    std::size_t first() const { return first_; }
    /// How many there are without skip and limit.
    std::size_t total() const { return total_; }
    /// False: rows of this node's file are damaged, so that objects may be missing or stand where they stood; they are being
    /// fetched from peers.
    bool is_exact() const { return exact_; }
    friend bool operator==(ranking const& a, ranking const& b) { return a.rows_ == b.rows_; }
};

/// What a query asks, without its types.
class query_body {
    space space_;
    indexes::one* index_;
    index_range range_;

public:
    query_body(space s, object_type& type, indexed_field const& field) : space_(std::move(s)), index_(&space_.body()->orders().of(type, field)) {}
    index_range& range() { return range_; }
    space_body& body() const { return *space_.body(); }
    std::optional<index_page> local() const { return body().orders().page(*index_, range_); }
    std::optional<std::size_t> rank(std::string_view key) const { return body().orders().rank(*index_, key, range_); }
    void read(page_handler handler) const;
    /// Other rows than those that were told.
    void read_others(std::shared_ptr<index_page> told, page_handler handler) const;
};

template <class V> class query_watch {
    struct state {
        index_page told;
        bool waits = false;
    };
    query_body what_;
    std::shared_ptr<state> state_ = std::make_shared<state>();

public:
    explicit query_watch(query_body what) : what_(std::move(what)) {}
    query_watch(query_watch&&) = default;
    query_watch& operator=(query_watch&&) = default;

    /// The present rows, then rows that are others than those that were told. Whoever asks late hears of everything at once.
    /// Nothing once the node has stopped.
    template <class Token = default_token> auto next(Token&& token = Token()) {
        return wait_for<void(boost::system::error_code, std::optional<ranking<V>>)>(
            std::forward<Token>(token), [what = what_, at = state_](auto handler) {
                require(!std::exchange(at->waits, true), "a watch has one next() under way at a time");
                auto slot = boost::asio::get_associated_cancellation_slot(handler);
                std::shared_ptr<index_page> told(at, &at->told);
                what.read_others(told, boost::asio::bind_cancellation_slot(
                                           slot, [at, h = std::move(handler)](boost::system::error_code ec, index_page p) mutable {
                                               at->waits = false;
                                               std::optional<ranking<V>> rows;
                                               if (!ec) rows.emplace(p);
                                               if (ec == node_errc::stopped) ec = {};
                                               std::move(h)(ec, std::move(rows));
                                           }));
            });
    }
};

template <class T, class F> class query {
    query_body what_;
    template <class Set> query with(Set set) const {
        auto other = *this;
        set(other.what_.range());
        return other;
    }

public:
    using value_type = typename indexed<F>::value_type;
    using rows = ranking<value_type>;
    static constexpr std::size_t limit_max = 10'000;

    explicit query(query_body what) : what_(std::move(what)) {}

    query limit(std::size_t n) const {
        return with([&](index_range& r) { r.limit = std::min(n, limit_max); });
    }
    query skip(std::size_t n) const {
        return with([&](index_range& r) { r.skip = n; });
    }
    /// From this value on, itself included, whichever the direction.
    query at_least(value_type const& v) const {
        return with([&](index_range& r) { r.from = bytes_of(v); });
    }
    query at_most(value_type const& v) const {
        return with([&](index_range& r) { r.to = bytes_of(v); });
    }

    /// What is in memory now, without waiting; none if something has to be read first, as by the first question for a field, after a
    /// state was joined, or while an object is loaded: that is under way then, and read() waits for it.
    std::optional<rows> local() const {
        auto p = what_.local();
        return p ? std::optional<rows>(*p) : std::nullopt;
    }
    /// Where an object stands in it, from 0, skip and limit aside; none if it is not in it, or if local() would not tell exactly.
    std::optional<std::size_t> rank(std::string_view key) const { return what_.rank(key); }
    /// All that this node has seen when it is asked. Starts the node if nobody has, and waits for the first synchronisation as
    /// open does.
    template <class Token = default_token> auto read(Token&& token = Token()) const {
        return wait_for<void(boost::system::error_code, rows)>(std::forward<Token>(token), [what = what_](auto handler) {
            auto slot = boost::asio::get_associated_cancellation_slot(handler);
            what.read(boost::asio::bind_cancellation_slot(slot, [h = std::move(handler)](boost::system::error_code ec, index_page p) mutable {
                std::move(h)(ec, rows(p));
            }));
        });
    }
    query_watch<value_type> watch() const { return query_watch<value_type>(what_); }

private:
    static std::string bytes_of(value_type const& v) {
        encoder out;
        indexed<F>::put_value(v, out);
        return out.take();
    }
};

/// The objects of a type in a space.
template <class T> class objects_of {
    space space_;

public:
    explicit objects_of(space s) : space_(std::move(s)) {}

    template <class F> query<T, F> order_by(indexed<F> T::*member, order by = ascending) const {
        alignas(T) static char place[sizeof(T)];
        auto at = std::size_t(reinterpret_cast<char*>(&(reinterpret_cast<T*>(place)->*member)) - place);
        auto& known = struct_of<T>().at_offset(at);
        auto put = [](void const* field, encoder& out) { indexed<F>::put_value(static_cast<indexed<F> const*>(field)->value(), out); };
        query_body what(space_, space_.body()->type_of(struct_of<T>()), indexed_field{at, known.number, known.type, put});
        what.range().descending = by == descending;
        return query<T, F>(std::move(what));
    }
    template <class M> void order_by(M T::*, order = ascending) const {
        static_assert(!std::is_same_v<M, M>, "order_by needs an indexed field: declare it as dunlin::indexed<...>; its bytes stay as they are");
    }
};

template <class T> objects_of<T> space::all() const { return objects_of<T>(*this); }
template <class T> objects_of<T> node::all() const { return main_.all<T>(); }

} // namespace dunlin
