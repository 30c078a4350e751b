// Ref: an object held in memory, used like a pointer to the user's struct.
//
// A ref pins its object; key<T> names one without pinning it. It is used on the executor of its space. After erase() it
// shows an empty object, and a later write makes it anew. A ref outlives its node harmlessly, but must not write then.
#pragma once
#include "../crdt/object.hpp"
#include "receipt.hpp"
#include "watch.hpp"

namespace dunlin {

/// The name of an object, without the object.
template <class T> struct key {
    std::string name;
    explicit key(std::string n) : name(std::move(n)) {}
};

std::string object_json(object const& o);
/// Member by member, values without links, as they are shown: without elements that are over, or fields that the program does
/// not have.
void copy_fields(struct_part const& type, void const* from, void* to);

template <class T> class ref {
    std::shared_ptr<space_body> space_;
    object* object_ = nullptr;

public:
    ref() = default;
    /// Takes over one pin.
    ref(std::shared_ptr<space_body> space, object* pinned) : space_(std::move(space)), object_(pinned) {}
    ref(ref const& other) : space_(other.space_), object_(other.object_) {
        if (object_) space_->pin(*object_);
    }
    ref(ref&& other) noexcept : space_(std::move(other.space_)), object_(std::exchange(other.object_, nullptr)) {}
    ref& operator=(ref other) noexcept {
        std::swap(space_, other.space_), std::swap(object_, other.object_);
        return *this;
    }
    ~ref() {
        if (object_) space_->unpin(*object_);
    }

    explicit operator bool() const { return object_; }
    /// Of an object whose deadline (crdt/expiry.hpp) has passed: empty; with the first change a new one begins.
    T* operator->() const {
        if (holds<expiry, T>() || object_->extra) object_->begin_anew();
        return static_cast<T*>(object_->value());
    }
    T& operator*() const { return *operator->(); }
    std::string const& key() const { return object_->key; }
    /// Something in it is live, and it is not over.
    bool exists() const { return object_->shows(); }
    /// This node knew all that the cluster knew when it asked: what is not here is not there.
    bool synced() const { return space_->synced(); }
    /// A change of the turn, like any other: what is not seen here stays.
    void erase() const { space_->erase(*object_); }
    /// Spends n > 0 from a bounded counter of this object, for whose rights peers are asked if there are not enough here.
    ///   a receipt           spent, sealed; co_await its saved() or copies() as of any change
    ///   false               as far as this node has seen there is not so much (insufficient): the receipt converts to it
    ///   timed_out, thrown   there is so much, but the rights were not brought here before the deadline: cannot be told yet
    /// In all but the first case nothing was spent, and nothing will be.
    template <class Token = default_token>
    auto spend(bounded_counter& from, std::int64_t n, std::chrono::nanoseconds deadline, Token&& token = Token()) const {
        return wait_for<void(boost::system::error_code, receipt)>(
            std::forward<Token>(token), [self = *this, &from, n, deadline](auto handler) {
                auto slot = boost::asio::get_associated_cancellation_slot(handler);
                auto done = [weak = std::weak_ptr(self.space_), h = std::move(handler)](boost::system::error_code ec, dot at) mutable {
                    std::move(h)(ec, at ? receipt(weak.lock(), at) : receipt());
                };
                self.space_->moves().spend(*self.object_, from, n, deadline,
                                           boost::asio::bind_cancellation_slot(slot, std::move(done)));
            });
    }
    /// Of a bounded counter of this object: what lies in pockets of runs that are gone. value() counts it, and nobody can
    /// spend it before writers can be closed.
    std::int64_t stranded(bounded_counter const& c) const { return space_->moves().stranded(c); }
    /// A detached copy. Ends the running turn; not inside an atomic.
    T snapshot() const {
        space_->seal();
        T copy;
        if (object_->is_over()) return copy;
        copy_fields(struct_of<T>(), object_->value(), &copy);
        return copy;
    }
    std::string json() const { return object_json(*object_); }
    /// First the present state, then whole entries, coalesced. With when::saved only what is on disk here.
    dunlin::watch<T> watch(object_watch::when w = object_watch::when::applied) const {
        return dunlin::watch<T>(space_, std::make_unique<object_watch>(space_, object_, object_->type, w));
    }
    friend bool operator==(ref const& a, ref const& b) { return a.object_ == b.object_; }
};

} // namespace dunlin
