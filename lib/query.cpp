#include "query.hpp"
#include "space_body.hpp"

namespace dunlin {

void query_body::read(page_handler handler) const {
    auto shared = std::make_shared<page_handler>(std::move(handler));
    space_.when_synced([what = *this, shared](boost::system::error_code failed) {
        if (failed) return std::move (*shared)(failed, index_page());
        what.body().orders().read(*what.index_, what.range_, 0, std::move(*shared));
    });
}

/// Versions move with every row; most of them are not among those that are asked for. Who gives up has been told nothing.
void query_body::read_others(std::shared_ptr<index_page> told, page_handler handler) const {
    auto slot = boost::asio::get_associated_cancellation_slot(handler);
    auto asked = std::make_shared<page_handler>(std::move(handler));
    if (slot.is_connected())
        slot.assign([weak = std::weak_ptr(asked), to = body().executor()](boost::asio::cancellation_type type) {
            auto h = weak.lock();
            if (h && *h && type != boost::asio::cancellation_type::none)
                boost::asio::post(to, [h = std::move(*h)]() mutable { std::move(h)(boost::asio::error::operation_aborted, index_page()); });
        });
    space_.when_synced([what = *this, told, slot, asked](boost::system::error_code failed) {
        if (!*asked) return;
        if (failed) return std::move (*asked)(failed, index_page());
        auto looked = [what, told, asked](boost::system::error_code ec, index_page p) {
            bool same = told->version && p.rows == told->rows && p.total == told->total && p.exact == told->exact;
            if (!ec) *told = std::move(p);
            if (!ec && same) return what.read_others(told, std::move(*asked));
            std::move (*asked)(ec, ec ? index_page() : *told);
        };
        what.body().orders().read(*what.index_, what.range_, told->version, boost::asio::bind_cancellation_slot(slot, std::move(looked)));
    });
}

} // namespace dunlin
