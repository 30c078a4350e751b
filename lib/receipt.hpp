// Receipt: what a change gives back, to wait for how safe it has become.
//
//   co_await r.saved()              on this node's disk: survives kill -9 and power loss here
//   co_await r.copies(3, 500ms)     on three disks in all, this one included: survives the loss of two of these nodes
//
// A receipt of no change is fulfilled at once; one of an atomic that was undone converts to false, and to wait on it is
// a programmer's error. A deadline that passes undoes nothing.
#pragma once
#include "space_body.hpp"
#include "waiting.hpp"

namespace dunlin {

class receipt {
    std::shared_ptr<space_body> space_;
    dot at_;
    bool made_ = true;

public:
    /// No dot: of no change.
    receipt(std::shared_ptr<space_body> space, dot at) : space_(std::move(space)), at_(at) {}
    /// Of what was not done.
    receipt() : made_(false) {}
    static receipt undone() { return {}; }

    explicit operator bool() const { return made_; }
    /// On disk here, as far as this node has a file.
    bool is_saved() const { return !at_ || space_->is_saved(at_); }
    /// This node has a file: saved() means a disk.
    bool durable() const { return space_ && space_->has_file(); }

    template <class Token = default_token> auto saved(Token&& token = Token()) const {
        require(made_, "saved() of an atomic that was undone: test the receipt first");
        return wait_for<void(boost::system::error_code)>(
            std::forward<Token>(token),
            [s = space_, at = at_](auto handler) { s->wait_saved(at, std::move(handler)); });
    }
    /// Durable copies at members in all, this node included.
    template <class Token = default_token>
    auto copies(std::size_t k, std::chrono::nanoseconds deadline, Token&& token = Token()) const {
        require(made_, "copies() of an atomic that was undone: test the receipt first");
        return wait_for<void(boost::system::error_code)>(
            std::forward<Token>(token),
            [s = space_, at = at_, k, deadline](auto handler) { s->wait_copies(at, k, deadline, std::move(handler)); });
    }
    template <class Token = default_token>
    requires(!std::is_convertible_v<Token, std::chrono::nanoseconds>)
    auto copies(std::size_t k, Token&& token = Token()) const {
        return copies(k, std::chrono::nanoseconds::max(), std::forward<Token>(token));
    }
};

} // namespace dunlin
