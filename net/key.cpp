#include "key.hpp"
#include "error.hpp"
#include "seams.hpp"
#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dunlin {

namespace {

constexpr bytes_view key_prefix = "dunlin-key-1:", identity_prefix = "dunlin-identity-1:";
constexpr std::size_t file_max_bytes = 4096;

struct descriptor {
    int fd;
    explicit descriptor(int n) : fd(n) {}
    descriptor(descriptor const&) = delete;
    ~descriptor() {
        if (fd >= 0) ::close(fd);
    }
};

bytes_view trimmed(bytes_view text) {
    constexpr bytes_view space = " \t\r\n";
    auto from = text.find_first_not_of(space);
    if (from == text.npos) return {};
    return text.substr(from, text.find_last_not_of(space) - from + 1);
}

template <std::size_t N> void parse_line(bytes_view text, bytes_view prefix, secret<N>& out, net_error wrong) {
    auto line = trimmed(text);
    if (line.empty()) fail(wrong, "the text is empty");
    if (line.find('\n') != line.npos) fail(wrong, "there is more than one line");
    if (!line.starts_with(prefix)) fail(wrong, "it does not begin with " + std::string(prefix));
    if (!from_base64url(line.substr(prefix.size()), out.bytes()))
        fail(wrong, "what follows " + std::string(prefix) + " is not whole");
}

struct file_errors {
    net_error unreadable, exposed;
};

/// False where there is no such file.
bool read_private(std::string const& file, std::string& text, file_errors errors) {
    descriptor d(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (d.fd < 0 && errno == ENOENT) return false;
    struct stat s {};
    if (d.fd < 0 || ::fstat(d.fd, &s) != 0 || !S_ISREG(s.st_mode)) fail(errors.unreadable, file);
    if (s.st_mode & 077) fail(errors.exposed, file);
    text.resize(file_max_bytes);
    ssize_t n = ::read(d.fd, text.data(), text.size());
    if (n < 0) fail(errors.unreadable, file);
    text.resize(std::size_t(n));
    return true;
}

template <class Parse> auto parse_file(std::string const& file, std::string& text, Parse parse) {
    try {
        auto value = parse(bytes_view(text));
        wipe(text.data(), text.size());
        return value;
    } catch (boost::system::system_error& e) {
        wipe(text.data(), text.size());
        throw boost::system::system_error(e.code(), file);
    }
}

void sync_folder_of(std::string const& file) {
    auto slash = file.rfind('/');
    auto folder = slash == file.npos ? std::string(".") : file.substr(0, slash + 1);
    descriptor d(::open(folder.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY));
    if (d.fd >= 0) ::fsync(d.fd);
}

/// False when somebody else has made it meanwhile.
bool create_private(std::string const& file, bytes_view text, chance& source) {
    octets<6> salt;
    source.fill(salt);
    auto aside = file + "." + to_base64url(view_of(salt));
    descriptor d(::open(aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (d.fd < 0) fail(net_error::identity_unwritable, file);
    bool written = ::fchmod(d.fd, 0600) == 0 && ::write(d.fd, text.data(), text.size()) == ssize_t(text.size()) &&
                   ::fsync(d.fd) == 0;
    bool linked = written && ::link(aside.c_str(), file.c_str()) == 0;
    bool exists = written && !linked && errno == EEXIST;
    // File systems without links: a rename is whole too, it only cannot see a rival.
    bool renamed = written && !linked && !exists && ::rename(aside.c_str(), file.c_str()) == 0;
    if (!renamed) ::unlink(aside.c_str());
    if (!linked && !renamed && !exists) fail(net_error::identity_unwritable, file);
    sync_folder_of(file);
    return !exists;
}

} // namespace

cluster_key cluster_key::parse(bytes_view text) {
    secret32 s;
    parse_line(text, key_prefix, s, net_error::key_malformed);
    return cluster_key(s);
}

cluster_key cluster_key::read_file(std::string const& file) {
    std::string text;
    if (!read_private(file, text, {net_error::key_unreadable, net_error::key_exposed}))
        fail(net_error::key_unreadable, file);
    return parse_file(file, text, [](bytes_view t) { return cluster_key::parse(t); });
}

std::string cluster_key::text() const { return std::string(key_prefix) + to_base64url(secret_.view()); }

octets<4> cluster_key::id() const {
    auto whole = derive(secret_, "dunlin-1", 3);
    octets<4> first;
    std::copy_n(whole.bytes().begin(), first.size(), first.begin());
    return first;
}

identity identity::parse(bytes_view text) {
    secret<40> s;
    parse_line(text, identity_prefix, s, net_error::identity_malformed);
    secret32 key;
    std::copy_n(s.bytes().begin(), 32, key.bytes().begin());
    if (encoder sum; sum.u64(hash64(key.view())), sum.view() != s.view().substr(32))
        fail(net_error::identity_malformed, "its checksum is wrong");
    return identity(make_key_pair(key));
}

identity identity::open_file(std::string const& file, chance& source) {
    std::string text;
    auto parse_identity = [](bytes_view t) { return identity::parse(t); };
    file_errors const errors{net_error::identity_unreadable, net_error::identity_exposed};
    if (!read_private(file, text, errors)) {
        auto made = identity::make(source);
        auto line = made.text() + "\n";
        bool mine = create_private(file, line, source);
        wipe(line.data(), line.size());
        if (mine) return made;
        if (!read_private(file, text, errors)) fail(net_error::identity_unwritable, file);
    }
    return parse_file(file, text, parse_identity);
}

std::string identity::text() const {
    encoder e;
    e.raw(keys.secret_key.view());
    e.u64(hash64(keys.secret_key.view()));
    auto line = std::string(identity_prefix) + to_base64url(e.view());
    wipe(e.buffer().data(), e.size());
    return line;
}

node_id identity::node() const { return node_of(keys.public_key); }

node_id node_of(octets<32> const& public_key) { return hash128(view_of(public_key)); }

std::string identity_file(std::string const& data_file) { return data_file + ".identity"; }

} // namespace dunlin
