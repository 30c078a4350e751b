#include "store.hpp"
#include "store_core.hpp"

namespace dunlin {

store::store(any_io_executor executor, clock& clock, std::size_t queue_bytes_max)
    : store(executor, clock, make_store_thread(executor), queue_bytes_max) {}

store::store(any_io_executor executor, clock& clock, std::unique_ptr<store_runner> runner, std::size_t queue_bytes_max)
    : queue_bytes_max_(queue_bytes_max), core_(std::make_shared<core>(std::move(executor), clock)),
      runner_(std::move(runner)) {
    core_->runner = runner_.get();
    runner_->start([core = core_.get()] { return core->step(); });
}

store::~store() {
    core_->alive = false;
    runner_.reset();
    core_->let_go();
}

void store::on_state(std::function<void(store_state, error_code)> told) { core_->on_state = std::move(told); }

void store::open(store_options options, std::shared_ptr<store_sink> sink,
                 std::function<void(error_code, store_summary)> done) {
    core_->open(std::move(options), std::move(sink), std::move(done));
}

void store::stop(std::function<void()> done) { core_->stop(std::move(done)); }

void store::write(store_write write, std::function<void(write_result const&)> done) {
    core_->submit(std::move(write), std::move(done));
}

void store::load(object_name object, std::function<void(error_code, object_state)> done) {
    core_->submit([object = std::move(object), done = std::move(done)](store_file* file,
                                                                       error_code error) mutable -> core::completion {
        object_state state;
        if (file) state = file->load(object.space, object.type, object.hash, object.key);
        if (file && file->broken()) error = file->broken_reason();
        return [done = std::move(done), error, state = std::move(state)]() mutable { done(error, std::move(state)); };
    });
}

void store::list(list_query query, std::function<void(error_code, list_page)> done) {
    core_->submit([query, done = std::move(done)](store_file* file, error_code error) mutable -> core::completion {
        list_page page;
        if (file) page = file->list(query);
        if (file && file->broken()) error = file->broken_reason();
        return [done = std::move(done), error, page = std::move(page)]() mutable { done(error, std::move(page)); };
    });
}

void store::due(due_query query, std::function<void(error_code, std::vector<due_item>)> done) {
    core_->submit([query, done = std::move(done)](store_file* file, error_code error) mutable -> core::completion {
        std::vector<due_item> all;
        if (file) all = file->due(query);
        if (file && file->broken()) error = file->broken_reason();
        return [done = std::move(done), error, all = std::move(all)]() mutable { done(error, std::move(all)); };
    });
}

void store::read_rows(std::uint64_t row, std::size_t bytes_max,
                      std::function<void(error_code, std::vector<log_row>)> done) {
    core_->submit(
        [row, bytes_max, done = std::move(done)](store_file* file, error_code error) mutable -> core::completion {
            std::vector<log_row> rows;
            if (file) rows = file->read_rows(row, bytes_max);
            if (file && file->broken()) error = file->broken_reason();
            return [done = std::move(done), error, rows = std::move(rows)]() mutable { done(error, std::move(rows)); };
        });
}

std::uint32_t store::intern(name_kind kind, bytes_view bytes) { return core_->intern(kind, bytes); }
std::uint32_t store::find(name_kind kind, bytes_view bytes) const { return core_->find(kind, bytes); }
std::string store::name(name_kind kind, std::uint32_t number) const { return core_->name(kind, number); }
store_state store::state() const { return core_->state(); }
std::size_t store::queued_bytes() const { return core_->queued_bytes(); }
std::uint64_t store::first_row() const { return core_->first_row(); }

} // namespace dunlin
