// What a bad machine tells a program: a wrong time, or that its disk is full. It is loaded before the program's own libraries; what
// is wrong stands in the file that TEST_HOST names, which a test writes and every process of the machine sees at once.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct wrong {
    int64_t seconds_ahead;
    int64_t disk_is_full;
};

static const volatile struct wrong *wrong;

__attribute__((constructor)) static void look(void) {
    const char *path = getenv("TEST_HOST");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *page = mmap(NULL, sizeof *wrong, PROT_READ, MAP_SHARED, file, 0);
    wrong = page == MAP_FAILED ? NULL : page;
    close(file);
}

// The steady clocks are right: no machine's time since its start jumps.
int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*next)(clockid_t, struct timespec *);
    if (!next)
        next = dlsym(RTLD_NEXT, "clock_gettime");
    int answer = next(clock, now);
    if (answer == 0 && wrong && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += wrong->seconds_ahead;
    return answer;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    static int (*next)(struct timeval *, void *);
    if (!next)
        next = dlsym(RTLD_NEXT, "gettimeofday");
    int answer = next(now, zone);
    if (answer == 0 && wrong)
        now->tv_sec += wrong->seconds_ahead;
    return answer;
}

time_t time(time_t *now) {
    static time_t (*next)(time_t *);
    if (!next)
        next = dlsym(RTLD_NEXT, "time");
    time_t seconds = next(NULL) + (wrong ? wrong->seconds_ahead : 0);
    if (now)
        *now = seconds;
    return seconds;
}

// A full disk takes what is written over old bytes, and nothing that makes a file longer.
static int has_no_room(int file, off_t end) {
    struct stat now;
    return wrong && wrong->disk_is_full && fstat(file, &now) == 0 && S_ISREG(now.st_mode) && end > now.st_size;
}

ssize_t pwrite(int file, const void *bytes, size_t length, off_t at) {
    static ssize_t (*next)(int, const void *, size_t, off_t);
    if (!next)
        next = dlsym(RTLD_NEXT, "pwrite");
    if (has_no_room(file, at + (off_t)length)) {
        errno = ENOSPC;
        return -1;
    }
    return next(file, bytes, length, at);
}

ssize_t pwritev(int file, const struct iovec *parts, int count, off_t at) {
    static ssize_t (*next)(int, const struct iovec *, int, off_t);
    if (!next)
        next = dlsym(RTLD_NEXT, "pwritev");
    off_t end = at;
    for (int part = 0; part < count; part++)
        end += (off_t)parts[part].iov_len;
    if (has_no_room(file, end)) {
        errno = ENOSPC;
        return -1;
    }
    return next(file, parts, count, at);
}

int posix_fallocate(int file, off_t at, off_t length) {
    static int (*next)(int, off_t, off_t);
    if (!next)
        next = dlsym(RTLD_NEXT, "posix_fallocate");
    return has_no_room(file, at + length) ? ENOSPC : next(file, at, length);
}

ssize_t pwrite64(int, const void *, size_t, off64_t) __attribute__((alias("pwrite")));
ssize_t pwritev64(int, const struct iovec *, int, off64_t) __attribute__((alias("pwritev")));
int posix_fallocate64(int, off64_t, off64_t) __attribute__((alias("posix_fallocate")));
