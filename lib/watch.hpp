// Watch: changes of an object or of a type, asked for one by one.
//
//   auto changes = alice.watch();
//   while (auto change = co_await changes.next())
//       if (change->touched(&player::score)) ...
//
// Whoever asks late hears of everything at once, joined into one change: nothing is queued, nothing is missed.
// next() answers nothing once the node has stopped, and is ended by cancellation or by destruction of the watch.
#pragma once
#include "../crdt/object.hpp"
#include "receipt.hpp"

namespace dunlin {

inline constexpr auto saved = object_watch::when::saved;

template <class T> class change {
    std::shared_ptr<space_body> space_;
    change_record record_;

public:
    change(std::shared_ptr<space_body> space, change_record r) : space_(std::move(space)), record_(std::move(r)) {}
    /// Empty: more objects of the type have changed than a watch that nobody asks tells apart; list them.
    std::string const& key() const { return record_.key; }
    /// The member may have changed: touched(&player::score). Members from the 62nd on share an answer.
    template <class M> bool touched(M T::*member) const {
        alignas(T) static char place[sizeof(T)];
        auto at = std::size_t(reinterpret_cast<char*>(&(reinterpret_cast<T*>(place)->*member)) - place);
        return record_.members & struct_part::bit(struct_of<T>().number_at(at));
    }
    /// Nothing in the object is live any more.
    bool erased() const { return record_.erased; }
    /// Another node had a part in it.
    bool remote() const { return record_.remote; }
    /// {"type":"player","key":"alice","touched":["score"],"erased":false,"remote":true}; the key is null if it is
    /// empty. Values are not in it: they are the object's, which may have gone on since.
    std::string json() const { return change_json(struct_of<T>(), record_); }
    /// Of the latest entry in it.
    dunlin::receipt receipt() const { return {space_, record_.last}; }
};

template <class T> class watch {
    std::shared_ptr<space_body> space_;
    std::unique_ptr<object_watch> watch_;

public:
    watch(std::shared_ptr<space_body> space, std::unique_ptr<object_watch> w)
        : space_(std::move(space)), watch_(std::move(w)) {}

    template <class Token = default_token> auto next(Token&& token = Token()) {
        using signature = void(boost::system::error_code, std::optional<change<T>>);
        return boost::asio::async_initiate<Token, signature>(
            [w = watch_.get(), s = space_](auto handler) {
                auto slot = boost::asio::get_associated_cancellation_slot(handler);
                auto one =
                    std::make_shared<single_answer<decltype(handler), boost::system::error_code, std::optional<change<T>>>>(
                        std::move(handler));
                w->next(boost::asio::bind_cancellation_slot(
                    slot, [s, one](boost::system::error_code ec, std::optional<change_record> r) {
                        std::optional<change<T>> c;
                        if (r) c.emplace(s, std::move(*r));
                        one->answer(ec, std::move(c));
                    }));
            },
            token);
    }
};

} // namespace dunlin
