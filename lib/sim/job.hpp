// Something to do once, or to destroy without doing it: a move-only callable.
//
// std::function wants copies, and handlers that own a coroutine have none. Up to 48 bytes lie inside, more on the heap.
#pragma once
#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace dunlin::sim {

class job {
    static constexpr std::size_t room = 48;
    enum class act { run, move, drop };
    alignas(std::max_align_t) std::byte space_[room];
    void (*on_)(act, job&, job*) = nullptr;

    template <class F>
    static constexpr bool fits = sizeof(F) <= room &&
                                 alignof(F) <= alignof(std::max_align_t) && std::is_nothrow_move_constructible_v<F>;

    template <class F> static void inside(act what, job& self, job* to) {
        F& f = *std::launder(reinterpret_cast<F*>(self.space_));
        if (what == act::run) return static_cast<void>(f());
        if (what == act::move) ::new (to->space_) F(std::move(f));
        f.~F();
    }
    template <class F> static void outside(act what, job& self, job* to) {
        F*& f = *std::launder(reinterpret_cast<F**>(self.space_));
        if (what == act::run) return static_cast<void>((*f)());
        if (what == act::move)
            ::new (to->space_) F*(f);
        else
            delete f;
    }

public:
    job() = default;
    template <class F>
    requires(!std::is_same_v<std::decay_t<F>, job>) explicit job(F&& f) {
        using G = std::decay_t<F>;
        if constexpr (fits<G>)
            ::new (space_) G(std::forward<F>(f)), on_ = &inside<G>;
        else
            ::new (space_) G*(new G(std::forward<F>(f))), on_ = &outside<G>;
    }
    job(job&& o) noexcept { take(o); }
    job& operator=(job&& o) noexcept {
        if (this == &o) return *this;
        drop();
        take(o);
        return *this;
    }
    ~job() { drop(); }

    /// Once. What it owns goes with the job.
    void operator()() { on_(act::run, *this, nullptr); }
    explicit operator bool() const { return on_ != nullptr; }

private:
    void take(job& o) noexcept {
        if ((on_ = std::exchange(o.on_, nullptr))) on_(act::move, o, this);
    }
    void drop() noexcept {
        if (auto on = std::exchange(on_, nullptr)) on(act::drop, *this, nullptr);
    }
};

} // namespace dunlin::sim
