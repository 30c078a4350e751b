#include "error.hpp"
#include <array>
#include <new>

namespace dunlin {

namespace {

struct row {
    std::string_view name, text;
};

constexpr row rows[] = {{"dunlin.net.none", "no error"},
#define DUNLIN_NET_ERROR(name, text) {"dunlin.net." #name, text},
                        DUNLIN_NET_ERRORS(DUNLIN_NET_ERROR)
#undef DUNLIN_NET_ERROR
};

struct net_category_type final : boost::system::error_category {
    char const* name() const noexcept override { return "dunlin.net"; }
    std::string message(int code) const override {
        if (code < 0 || std::size_t(code) >= std::size(rows)) return "dunlin.net: unknown error";
        return std::string(rows[code].name).append(": ").append(rows[code].text);
    }
};

} // namespace

boost::system::error_category const& net_category() noexcept {
    static net_category_type const category;
    return category;
}

boost::system::error_code make_error_code(net_error e) noexcept { return {int(e), net_category()}; }

std::string_view net_error_name(boost::system::error_code const& code) noexcept {
    if (code.category() != net_category() || code.value() < 0 || std::size_t(code.value()) >= std::size(rows))
        return {};
    return rows[code.value()].name;
}

void fail(net_error e, std::string const& what) { throw boost::system::system_error(make_error_code(e), what); }

std::pair<boost::system::error_code, std::string> caught_error() {
    try {
        throw;
    } catch (boost::system::system_error const& e) {
        return {e.code(), e.what()};
    } catch (std::bad_alloc const& e) {
        return {make_error_code(boost::system::errc::not_enough_memory), e.what()};
    }
}

} // namespace dunlin
