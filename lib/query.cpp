#include "query.hpp"
#include "space_body.hpp"

namespace dunlin {

namespace {
/// Who gives up while the node starts is answered at once, and asks nothing any more.
std::shared_ptr<page_handler> asked_by(page_handler handler, any_io_executor to) {
    auto slot = boost::asio::get_associated_cancellation_slot(handler);
    auto asked = std::make_shared<page_handler>(std::move(handler));
    if (slot.is_connected())
        slot.assign([weak = std::weak_ptr(asked), to](boost::asio::cancellation_type type) {
            auto h = weak.lock();
            if (h && *h && type != boost::asio::cancellation_type::none)
                boost::asio::post(to, [h = std::move(*h)]() mutable { std::move(h)(boost::asio::error::operation_aborted, index_page()); });
        });
    return asked;
}
} // namespace

void query_body::read(page_handler handler) const {
    auto asked = asked_by(std::move(handler), body().executor());
    space_.when_synced([what = *this, asked](boost::system::error_code failed) {
        if (!*asked) return;
        if (failed) return std::move (*asked)(failed, index_page());
        what.body().orders().read(*what.index_, what.range_, 0, std::move(*asked));
    });
}

/// Versions move with every row; most of them are not among those that are asked for. Who gives up has been told nothing.
void query_body::read_others(std::shared_ptr<index_page> told, page_handler handler) const {
    auto slot = boost::asio::get_associated_cancellation_slot(handler);
    auto asked = asked_by(std::move(handler), body().executor());
    space_.when_synced([what = *this, told, slot, asked](boost::system::error_code failed) {
        if (!*asked) return;
        if (failed) return std::move (*asked)(failed, index_page());
        auto looked = [what, told, asked](boost::system::error_code ec, index_page p) {
            bool same = told->version && p.rows == told->rows && p.first == told->first && p.exact == told->exact;
            if (!ec) *told = std::move(p);
            if (!ec && same) return what.read_others(told, std::move(*asked));
            std::move (*asked)(ec, ec ? index_page() : *told);
        };
        what.body().orders().read(*what.index_, what.range_, told->version, boost::asio::bind_cancellation_slot(slot, std::move(looked)));
    });
}

} // namespace dunlin
