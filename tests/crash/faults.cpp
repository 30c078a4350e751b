// A disk that fails, for a real process: loaded before the C library (LD_PRELOAD), it lets one call on the files of a
// node fail. No part of any other program.
//
//   DUNLIN_FAULT=CALL:HOW:N[:ever]      CALL  write (write, pwrite), sync (fsync, fdatasync), truncate (ftruncate)
//                                       HOW   EIO, ENOSPC, short (half of it is written, and then it is EIO)
//                                       N     the n-th such call on a file called *.db or *.db-*, from 1
//                                       ever  and all after it
// Says `fault struck` on standard error when it does.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <string>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

namespace {

struct plan {
    std::string call, how;
    long n = 0;
    bool ever = false;

    plan() {
        auto text = std::getenv("DUNLIN_FAULT");
        if (!text) return;
        std::string words[4], all = text;
        for (std::size_t k = 0, at = 0; k < 4 && at <= all.size(); ++k) {
            auto end = std::min(all.find(':', at), all.size());
            words[k] = all.substr(at, end - at), at = end + 1;
        }
        call = words[0], how = words[1], n = std::atol(words[2].c_str()), ever = words[3] == "ever";
    }
};

plan const& chosen() {
    static plan const the_plan;
    return the_plan;
}

std::atomic<long> calls{0};
std::atomic<bool> told{false}, half_written{false};

bool of_a_node(int fd) {
    char link[64], path[512];
    std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    auto n = ::readlink(link, path, sizeof path - 1);
    if (n <= 0) return false;
    path[n] = 0;
    auto db = std::strstr(path, ".db");
    return db && (db[3] == 0 || db[3] == '-');
}

/// Whether this call fails.
bool strikes(char const* call, int fd) {
    auto& p = chosen();
    if (p.n <= 0 || p.call != call) return false;
    int const before = errno;
    bool const is = of_a_node(fd);
    errno = before;
    if (!is) return false;
    if (half_written.exchange(false)) return true;
    long const k = ++calls;
    if (k != p.n && !(p.ever && k > p.n)) return false;
    if (!told.exchange(true)) {
        static char const text[] = "fault struck\n";
        [[maybe_unused]] auto ignored = ::syscall(SYS_write, 2, text, sizeof text - 1);
    }
    return true;
}

int why() { return chosen().how == "ENOSPC" ? ENOSPC : EIO; }

template <class F> F next(char const* name) { return reinterpret_cast<F>(::dlsym(RTLD_NEXT, name)); }

using write_call = ssize_t (*)(int, void const*, size_t);
using pwrite_call = ssize_t (*)(int, void const*, size_t, off_t);
using sync_call = int (*)(int);
using truncate_call = int (*)(int, off_t);

ssize_t failing_pwrite(pwrite_call real, int fd, void const* bytes, size_t n, off_t at) {
    bool const second = half_written;
    if (!strikes("write", fd)) return real(fd, bytes, n, at);
    if (chosen().how == "short" && !second && n > 1) {
        half_written = true;
        return real(fd, bytes, n / 2, at);
    }
    errno = why();
    return -1;
}
int failing_sync(sync_call real, int fd) {
    if (!strikes("sync", fd)) return real(fd);
    errno = why();
    return -1;
}
int failing_truncate(truncate_call real, int fd, off_t size) {
    if (!strikes("truncate", fd)) return real(fd, size);
    errno = why();
    return -1;
}

} // namespace

extern "C" {

ssize_t write(int fd, void const* bytes, size_t n) {
    static auto const real = next<write_call>("write");
    if (!strikes("write", fd)) return real(fd, bytes, n);
    errno = why();
    return -1;
}
ssize_t pwrite(int fd, void const* bytes, size_t n, off_t at) {
    static auto const real = next<pwrite_call>("pwrite");
    return failing_pwrite(real, fd, bytes, n, at);
}
ssize_t pwrite64(int fd, void const* bytes, size_t n, off_t at) {
    static auto const real = next<pwrite_call>("pwrite64");
    return failing_pwrite(real, fd, bytes, n, at);
}
int fsync(int fd) {
    static auto const real = next<sync_call>("fsync");
    return failing_sync(real, fd);
}
int fdatasync(int fd) {
    static auto const real = next<sync_call>("fdatasync");
    return failing_sync(real, fd);
}
int ftruncate(int fd, off_t size) noexcept {
    static auto const real = next<truncate_call>("ftruncate");
    return failing_truncate(real, fd, size);
}
int ftruncate64(int fd, off_t size) noexcept {
    static auto const real = next<truncate_call>("ftruncate64");
    return failing_truncate(real, fd, size);
}
}
