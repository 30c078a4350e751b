// Ref: an object held in memory, used like a pointer to the user's struct.
//
// A ref pins its object; key<T> names one without pinning it. It is used on the executor of its space. After erase() it
// shows an empty object, and a later write makes it anew. A ref outlives its node harmlessly, but must not write then.
#pragma once
#include "../crdt/object.hpp"
#include "watch.hpp"

namespace dunlin {

/// The name of an object, without the object.
template <class T> struct key {
    std::string name;
    explicit key(std::string n) : name(std::move(n)) {}
};

std::string object_json(object const& o);
/// Member by member, values without links.
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
    T* operator->() const { return static_cast<T*>(object_->value()); }
    T& operator*() const { return *static_cast<T*>(object_->value()); }
    std::string const& key() const { return object_->key; }
    /// Something in it is live.
    bool exists() const { return object_->live(); }
    /// This node knew all that the cluster knew when it asked: what is not here is not there.
    bool synced() const { return space_->synced(); }
    /// A change of the turn, like any other: what is not seen here stays.
    void erase() const { space_->erase(*object_); }
    /// A detached copy. Ends the running turn; not inside an atomic.
    T snapshot() const {
        space_->seal();
        T copy;
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
