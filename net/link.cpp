#include "link.hpp"
#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/assert.hpp>

namespace dunlin {

namespace asio = boost::asio;
using boost::system::system_error;

namespace {

constexpr std::size_t length_size = 2, kind_size = 1;
constexpr std::size_t in_first_bytes = 80, in_max_bytes = length_size + link_bounds::frame_max;
constexpr std::size_t out_kept_bytes = 256u << 10;

} // namespace

link::link(std::unique_ptr<stream> s, link_options const& o)
    : stream_(std::move(s)), clock_(o.clock), message_max_(o.message_max_bytes), queue_max_(o.queue_max_bytes),
      close_time_(o.close_time), in_(in_first_bytes, '\0') {}

void link::drop() {
    if (!failed_) failed_ = asio::error::operation_aborted;
    stream_->close();
}

void link::broken(net_error e) {
    failed_ = e;
    stream_->close();
    fail(e, stream_->remote_address());
}

std::size_t link::text_max() const { return link_bounds::frame_max - kind_size - (secure() ? tag_size : 0); }

// Waits until so many bytes are there. Where a read fills all the room there is, more is in flight: the buffer grows.
awaitable<void> link::arrive(std::size_t least) {
    if (failed_) throw system_error(failed_, stream_->remote_address());
    while (arrived() < least) {
        if (from_ == to_) from_ = to_ = 0;
        if (from_ + least > in_.size()) {
            std::copy(in_.begin() + std::ptrdiff_t(from_), in_.begin() + std::ptrdiff_t(to_), in_.begin());
            to_ -= from_, from_ = 0;
            if (least > in_.size()) in_.resize(least);
        }
        auto room = asio::buffer(in_.data() + to_, in_.size() - to_);
        boost::system::error_code ended;
        try {
            auto n = co_await stream_->read_some(room);
            to_ += n;
        } catch (system_error const& e) { ended = e.code(); }
        if (failed_) throw system_error(failed_, stream_->remote_address());
        if (ended == asio::error::eof || ended == asio::error::connection_reset) broken(net_error::truncated);
        if (ended) {
            failed_ = ended;
            throw system_error(ended, stream_->remote_address());
        }
        if (open_ && to_ == in_.size()) in_.resize(std::min(2 * in_.size(), in_max_bytes));
    }
}

// Of the frame that stands first in the buffer, as far as is known yet.
std::size_t link::frame_size() const {
    if (arrived() < length_size) return length_size;
    return length_size + (std::size_t(std::uint8_t(in_[from_])) << 8 | std::uint8_t(in_[from_ + 1]));
}

std::optional<link::frame> link::next_frame() {
    auto size = frame_size();
    if (arrived() < length_size || arrived() < size) return {};
    std::span<char> sealed(in_.data() + from_ + length_size, size - length_size);
    from_ += size;
    auto overhead = secure() ? tag_size : 0;
    if (sealed.size() < kind_size + overhead) broken(net_error::damaged);
    if (secure()) {
        if (!receive_.open({}, sealed)) broken(net_error::damaged);
        if (receive_.next_number() % link_bounds::frames_per_key == 0) receive_.rekey();
    }
    bytes_view text(sealed.data() + kind_size, sealed.size() - kind_size - overhead);
    auto what = std::uint8_t(sealed[0]);
    if (what > ready || (what == more && text.size() != text_max()) || (what >= goodbye && !text.empty()))
        broken(net_error::damaged);
    return frame{kind(what), text};
}

bool link::try_receive(std::string& into) {
    if (failed_) throw system_error(failed_, stream_->remote_address());
    while (auto f = next_frame()) {
        if (f->what == goodbye) broken(net_error::closed);
        if (f->what == ready) broken(net_error::damaged);
        if (partial_.size() + f->text.size() > message_max_) broken(net_error::message_too_large);
        if (f->what == last && partial_.empty()) {
            into.assign(f->text);
            return true;
        }
        partial_.append(f->text);
        if (f->what == more) continue;
        into.swap(partial_);
        partial_ = std::string();
        return true;
    }
    return false;
}

awaitable<void> link::receive(std::string& into) {
    for (;;) {
        bool whole = try_receive(into);
        if (whole) co_return;
        auto wanted = frame_size();
        co_await arrive(wanted);
    }
}

awaitable<std::string> link::receive() {
    std::string message;
    co_await receive(message);
    co_return message;
}

void link::put_frame(kind what, bytes_view text) {
    auto from = out_.size();
    auto size = kind_size + text.size() + (secure() ? tag_size : 0);
    out_.push_back(char(size >> 8));
    out_.push_back(char(size));
    out_.push_back(char(what));
    out_.append(text);
    if (!secure()) return;
    out_.resize(from + length_size + size);
    if (!send_.seal({}, std::span<char>(out_).subspan(from + length_size))) broken(net_error::worn_out);
    if (send_.next_number() % link_bounds::frames_per_key == 0) send_.rekey();
}

bool link::queue(bytes_view message) {
    if (message.size() > message_max_) fail(net_error::message_too_large, stream_->remote_address());
    if (failed_ || closing_ || queued_bytes() + message.size() > queue_max_) return false;
    for (; message.size() > text_max(); message.remove_prefix(text_max()))
        put_frame(more, message.substr(0, text_max()));
    put_frame(last, message);
    return true;
}

awaitable<void> link::flush() {
    if (flushing_) co_return;
    if (failed_) throw system_error(failed_, stream_->remote_address());
    struct running {
        bool& flag;
        explicit running(bool& f) : flag(f) { flag = true; }
        ~running() { flag = false; }
    } now(flushing_);
    while (!out_.empty()) {
        writing_.swap(out_);
        auto bytes = asio::buffer(std::as_const(writing_));
        try {
            co_await stream_->write(bytes);
        } catch (system_error const& e) {
            if (!failed_) failed_ = e.code();
        }
        writing_.clear();
        if (failed_) {
            stream_->close();
            throw system_error(failed_, stream_->remote_address());
        }
        if (writing_.capacity() > out_kept_bytes) writing_ = std::string();
    }
    if (closing_) drop();
}

awaitable<void> link::send(bytes_view message) {
    bool queued = queue(message);
    if (failed_) throw system_error(failed_, stream_->remote_address());
    if (!queued) fail(closing_ ? net_error::closed : net_error::busy, stream_->remote_address());
    co_await flush();
}

awaitable<void> link::close() {
    auto executor = co_await asio::this_coro::executor;
    if (failed_ || closing_) co_return;
    put_frame(goodbye, {});
    closing_ = true;
    goodbye_ = clock_.make_timer(executor);
    goodbye_->expires_after(close_time_, [this] { drop(); });
    // A flush that runs already writes the goodbye and closes, or the timer does.
    if (flushing_) co_return;
    try {
        co_await flush();
    } catch (system_error const&) { // whoever waits has got the same; the link is closed as was asked
    }
    goodbye_->cancel();
}

} // namespace dunlin
