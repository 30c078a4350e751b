// type: kind S, G, W
// Set: things that are in or not (observed-remove set); set<T> add wins, set<T, remove_wins>, set<T, grow_only>.
//
// Concurrent  an insert and an erase of one element: it is in; of a set<T, remove_wins> it is not. An erase takes away
//             the inserts that it has seen, and only those.
//
//   delta := u 2 * n + cleared | [u m, m x {u writer, u number}] |
//            n x {element, u 2 * removed + added, removed x {u writer, u number}}
//   state := u n, n x {element, dots}, by element                                         (W: see remove_wins.hpp)
//
// State   one dot an element (more only while inserts are concurrent); nothing is left of an erased element. What is
//         said from here on is of S and G; remove_wins.hpp says it of W.
// Size    16 bytes; about 36 an element, and the bytes of those longer than 14.
// Cost    insert, erase, contains O(1); clear O(1), O(writers) bytes; delta of a change 2 bytes and the element.
// Errors  out_of_bound for an element above 1 MiB.
// Source  optimised observed-remove set: Bieniusa et al. 2012 (arXiv 1210.3368), the context being the space's vector.
#pragma once
#include "part.hpp"
#include "remove_wins.hpp"
#include "table.hpp"
#include "value.hpp"

namespace dunlin {

/// A set of bytes: what set_part works on; set<T> is its typed face, and of set<T, grow_only> too.
class set_body : public field {
    friend class set_part;
    enum mark : unsigned { settled, added, removed };
    struct rows {
        table<dot_set> elements;
        std::vector<std::uint32_t> changed; // positions marked in this turn
        std::unique_ptr<rows> before;       // what was there when it was cleared in this turn
        bool cleared = false;
    };
    std::uint32_t size_ = 0; // of what is shown
    std::unique_ptr<rows> rows_;

protected:
    set_body() = default;
    set_body(set_body&& other) noexcept
        : field(std::move(other)), size_(std::exchange(other.size_, 0)), rows_(std::move(other.rows_)) {}

    bool insert_bytes(bytes_view element);
    bool erase_bytes(bytes_view element);
    bool contains_bytes(bytes_view element) const;
    dot said_by_bytes(bytes_view element) const;
    std::uint32_t row_count() const { return rows_ ? rows_->elements.size() : 0; }
    bool shown(std::uint32_t at) const { return rows_->elements[at].key.mark() != removed; }
    bytes_view bytes(std::uint32_t at) const { return rows_->elements[at].key.view(); }
    void clear_all();

public:
    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
};
static_assert(sizeof(set_body) == 16);

/// `letter`: S or G.
std::unique_ptr<part const> make_set_part(char letter, char element_kind);
std::unique_ptr<part const> make_remove_wins_part(char element_kind);

/// Policies: what a set is made of, and the letter of its kind.
struct add_wins {
    using body = set_body;
    static constexpr char letter = 'S';
};
/// Nothing is ever erased, but with all that holds the set. An insert of what is in is no change and says nothing.
struct grow_only {
    using body = set_body;
    static constexpr char letter = 'G';
};
struct remove_wins {
    using body = remove_wins_body;
    static constexpr char letter = 'W';
};

/// The bytes of a value, without a heap for short ones.
template <class T> class value_bytes {
    encoder out_;

public:
    explicit value_bytes(T const& x) { value_codec<T>::put(out_, x); }
    bytes_view view() const { return out_.view(); }
};
template <> class value_bytes<std::string> {
    std::string_view b_;

public:
    explicit value_bytes(std::string_view x) : b_(x) {}
    bytes_view view() const { return b_; }
};

template <value T, class Policy = add_wins> class set : public Policy::body {
    using body = typename Policy::body;
    static constexpr bool grows_only = std::same_as<Policy, grow_only>;

public:
    using value_type = typename value_codec<T>::view;
    /// What insert, erase and contains take: std::string_view for strings.
    using argument = std::conditional_t<std::same_as<T, std::string>, std::string_view, T const&>;

    set() = default;
    set(set&&) noexcept = default;

    /// True if it was not in. An element that is in is inserted anew: it survives erases that have not seen this.
    bool insert(argument x) {
        value_bytes<T> bytes(x);
        if (grows_only && body::contains_bytes(bytes.view())) return false;
        return body::insert_bytes(bytes.view());
    }
    /// True if it was in. With remove_wins a change even if it was not: it beats inserts that are on their way.
    bool erase(argument x) requires(!grows_only) { return body::erase_bytes(value_bytes<T>(x).view()); }
    /// An erase of each element that is in.
    void clear() requires(!grows_only) { body::clear_all(); }
    bool contains(argument x) const { return body::contains_bytes(value_bytes<T>(x).view()); }

    /// The write by which it is in, of several one; none if it is not, or is only since this turn. For who tells of writers.
    dot said_by(argument x) const requires(std::same_as<body, set_body>) { return body::said_by_bytes(value_bytes<T>(x).view()); }

    /// In no order. Good until the next change; a string is seen in place.
    class iterator {
        set const* of_;
        std::uint32_t at_;
        void skip() {
            while (at_ < of_->row_count() && !of_->shown(at_)) ++at_;
        }

    public:
        using value_type = typename set::value_type;
        using difference_type = std::ptrdiff_t;
        iterator() : of_(nullptr), at_(0) {}
        iterator(set const& of, std::uint32_t at) : of_(&of), at_(at) { skip(); }
        value_type operator*() const {
            value_type x{};
            value_codec<T>::get(of_->bytes(at_), x);
            return x;
        }
        iterator& operator++() { return ++at_, skip(), *this; }
        iterator operator++(int) {
            auto before = *this;
            ++*this;
            return before;
        }
        bool operator==(iterator const& other) const { return at_ == other.at_; }
    };
    iterator begin() const { return {*this, 0}; }
    iterator end() const { return {*this, body::row_count()}; }

    static part const& of() {
        static auto const one = std::same_as<Policy, remove_wins> ? make_remove_wins_part(value_codec<T>::kind)
                                                                  : make_set_part(Policy::letter, value_codec<T>::kind);
        return *one;
    }
};

} // namespace dunlin
