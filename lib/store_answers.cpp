// Answers of the store: each callback once, on the executor, in the order of the queue.
#include "store_core.hpp"

namespace dunlin {

void store::core::answer_refused() {
    std::vector<queued> refused;
    {
        std::lock_guard lock(mutex_);
        refused.swap(refused_);
    }
    if (refused.empty()) return;
    std::size_t n = 0;
    for (auto& one : refused) n += bool(one.done);
    write_result result;
    result.error = store_errc::reopen_needed;
    deliver(
        [refused = std::make_shared<std::vector<queued>>(std::move(refused)), result] {
            for (auto& one : *refused)
                if (one.done) one.done(result);
        },
        n);
}

void store::core::answer_all_writes(error_code error) {
    std::vector<std::function<void(write_result const&)>> answers;
    for (auto& one : waiting_) {
        queued_bytes_ -= one.bytes;
        if (one.done) answers.push_back(std::move(one.done));
    }
    waiting_.clear();
    if (answers.empty()) return;
    write_result result;
    result.error = error;
    auto n = answers.size();
    deliver(
        [answers = std::move(answers), result] {
            for (auto& done : answers) done(result);
        },
        n);
}

void store::core::set_state(store_state state, error_code reason) {
    state_ = state;
    if (on_state) deliver([this, state, reason] { on_state(state, reason); }, 0);
}

void store::core::deliver(completion what, std::size_t answers) {
    runner->deliver([self = shared_from_this(), what = std::move(what), answers] {
        if (self->alive) what();
        std::lock_guard lock(self->mutex_);
        self->answers_due_ -= answers;
        if (!self->answers_due_) self->work_.reset();
    });
}

} // namespace dunlin
