/* Loaded before libc: counts what this process writes below a folder, and at the nth time kills it
   (half of a write is then on disk) or lets the disk be full from there on. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { OFF, COUNT, FULL, KILL };
enum { SPACE, ORDER }; /* what needs room; what only has its place among the writes */

static char prefix[4096];
static _Atomic int mode = OFF, seen, at;

void writes_arm(const char *folder, int how, int number) {
    snprintf(prefix, sizeof prefix, "%s", folder);
    seen = 0;
    at = number;
    mode = how;
}
int writes_seen(void) { return seen; }

static int here(const char *path) { return strncmp(path, prefix, strlen(prefix)) == 0; }
static int here_fd(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return 0;
    path[n] = 0;
    return here(path);
}
static void die(void) { kill(getpid(), SIGKILL); for (;;) pause(); }

/* 0: go on; 1: this is the nth; 2: it is past */
static int strike(int kind) {
    int how = mode;
    if (how == OFF || (how == FULL && kind == ORDER)) return 0;
    int now = ++seen;
    if (how == COUNT || now < at) return 0;
    return now == at ? 1 : 2;
}
#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

#define WRITES(name, count, call, half)                       \
    int hit = mode != OFF && here_fd(fd) ? strike(SPACE) : 0; \
    if (hit && mode == KILL) { if ((count) > 1) half; die(); } \
    if (hit == 1 && (count) > 1) return half;                \
    if (hit) { errno = ENOSPC; return -1; }                  \
    return call

ssize_t write(int fd, const void *data, size_t n) {
    REAL(write);
    WRITES(write, n, real(fd, data, n), real(fd, data, n / 2));
}
ssize_t pwrite64(int fd, const void *data, size_t n, off64_t where) {
    REAL(pwrite64);
    WRITES(pwrite64, n, real(fd, data, n, where), real(fd, data, n / 2, where));
}
ssize_t pwrite(int fd, const void *data, size_t n, off_t where) {
    REAL(pwrite);
    WRITES(pwrite, n, real(fd, data, n, where), real(fd, data, n / 2, where));
}
ssize_t sendfile64(int fd, int from, off64_t *where, size_t n) {
    REAL(sendfile64);
    WRITES(sendfile64, n, real(fd, from, where, n), real(fd, from, where, n / 2));
}
ssize_t sendfile(int fd, int from, off_t *where, size_t n) {
    REAL(sendfile);
    WRITES(sendfile, n, real(fd, from, where, n), real(fd, from, where, n / 2));
}
#define ORDERED(test, kind, call)                                 \
    int hit = mode != OFF && (test) ? strike(kind) : 0;           \
    if (hit && mode == KILL) die();                               \
    if (hit) { errno = ENOSPC; return -1; }                       \
    return call

int ftruncate64(int fd, off64_t size) { REAL(ftruncate64); ORDERED(here_fd(fd), ORDER, real(fd, size)); }
int ftruncate(int fd, off_t size) { REAL(ftruncate); ORDERED(here_fd(fd), ORDER, real(fd, size)); }
int fsync(int fd) { REAL(fsync); ORDERED(here_fd(fd), ORDER, real(fd)); }
int fdatasync(int fd) { REAL(fdatasync); ORDERED(here_fd(fd), ORDER, real(fd)); }
int rename(const char *from, const char *to) { REAL(rename); ORDERED(here(to), ORDER, real(from, to)); }
int unlink(const char *path) { REAL(unlink); ORDERED(here(path), ORDER, real(path)); }
int mkdir(const char *path, mode_t how) { REAL(mkdir); ORDERED(here(path), SPACE, real(path, how)); }

#define OPENS(name, path, call)                                              \
    mode_t access = 0;                                                       \
    if (flags & O_CREAT) { va_list more; va_start(more, flags);              \
        access = va_arg(more, mode_t); va_end(more); }                       \
    int hit = mode != OFF && (flags & O_CREAT) && here(path)                 \
        && faccessat(AT_FDCWD, path, F_OK, 0) ? strike(SPACE) : 0;           \
    if (hit && mode == KILL) die();                                          \
    if (hit) { errno = ENOSPC; return -1; }                                  \
    return call

int open(const char *path, int flags, ...) { REAL(open); OPENS(open, path, real(path, flags, access)); }
int open64(const char *path, int flags, ...) { REAL(open64); OPENS(open64, path, real(path, flags, access)); }
int openat64(int fd, const char *path, int flags, ...) { REAL(openat64); OPENS(openat64, path, real(fd, path, flags, access)); }
int openat(int fd, const char *path, int flags, ...) { REAL(openat); OPENS(openat, path, real(fd, path, flags, access)); }
