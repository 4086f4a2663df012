/* A disk that misbehaves, for redis-server alone: preloaded into it, it stands between the append-only
 * file and the kernel. What it does is said by the file ARES_DISK_SHIM names, shared with the test:
 *
 *   int32 fsync_ms   how long each fdatasync and fsync takes
 *   int32 hold       1: what is written stays in this process until fdatasync; a kill loses it, as a
 *                    cut of the power loses what the kernel has not written yet
 *   int32 full       1: no write succeeds (ENOSPC)
 *   int32 held_bytes told back: how much a kill would lose now
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct orders {
  volatile int32_t fsync_ms, hold, full, held_bytes;
};

enum { descriptors_max = 4096, held_bytes_max = 64 << 20 };

static struct orders quiet;
static struct orders* orders = &quiet;
static char is_log[descriptors_max]; /* the growing part of the append-only file */
static int held_for = -1;            /* whose bytes are held */
static char* held;
static size_t held_size;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static ssize_t (*real_write)(int, const void*, size_t);
static int (*real_open)(const char*, int, ...);
static int (*real_close)(int);
static int (*real_fdatasync)(int);
static int (*real_fsync)(int);

__attribute__((constructor)) static void begin(void) {
  real_write = dlsym(RTLD_NEXT, "write");
  real_open = dlsym(RTLD_NEXT, "open64");
  real_close = dlsym(RTLD_NEXT, "close");
  real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
  real_fsync = dlsym(RTLD_NEXT, "fsync");
  held = malloc(held_bytes_max);
  const char* path = getenv("ARES_DISK_SHIM");
  int file = path ? real_open(path, O_RDWR) : -1;
  if (file < 0)
    return;
  void* shared = mmap(NULL, sizeof quiet, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (shared != MAP_FAILED)
    orders = shared;
  real_close(file);
}

static int logs(int file) {
  return file >= 0 && file < descriptors_max && is_log[file];
}

/* Under the mutex: what is held goes to the kernel. */
static void release(void) {
  for (size_t gone = 0; held_for >= 0 && gone < held_size;) {
    ssize_t n = real_write(held_for, held + gone, held_size - gone);
    if (n <= 0)
      break;
    gone += (size_t)n;
  }
  held_size = 0;
  orders->held_bytes = 0;
}

ssize_t write(int file, const void* bytes, size_t size) {
  if (!logs(file))
    return real_write(file, bytes, size);
  if (orders->full) {
    errno = ENOSPC;
    return -1;
  }
  pthread_mutex_lock(&mutex);
  ssize_t result = (ssize_t)size;
  if (!orders->hold || (held_for != file && held_size > 0) || held_size + size > held_bytes_max)
    release();
  if (orders->hold && size <= held_bytes_max) {
    held_for = file;
    memcpy(held + held_size, bytes, size);
    held_size += size;
    orders->held_bytes = (int32_t)held_size;
  } else {
    result = real_write(file, bytes, size);
  }
  pthread_mutex_unlock(&mutex);
  return result;
}

/* First the wait: what a kill meets before the disk has taken it is lost. */
static int flush(int file, int (*real)(int)) {
  int wait_ms = orders->fsync_ms;
  if (logs(file) && wait_ms > 0) {
    struct timespec pause = {wait_ms / 1000, wait_ms % 1000 * 1000000L};
    nanosleep(&pause, NULL);
  }
  pthread_mutex_lock(&mutex);
  if (file == held_for)
    release();
  pthread_mutex_unlock(&mutex);
  return real(file);
}

int fdatasync(int file) { return flush(file, real_fdatasync); }
int fsync(int file) { return flush(file, real_fsync); }

static int note(const char* path, int flags, int file) {
  if (file >= 0 && file < descriptors_max)
    is_log[file] = strstr(path, ".incr.aof") != NULL && (flags & O_ACCMODE) != O_RDONLY;
  return file;
}

static int open_as(const char* path, int flags, va_list more) {
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
  return note(path, flags, real_open(path, flags, mode));
}

int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  int file = open_as(path, flags, more);
  va_end(more);
  return file;
}

int open64(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  int file = open_as(path, flags, more);
  va_end(more);
  return file;
}

int close(int file) {
  pthread_mutex_lock(&mutex);
  if (file == held_for) {
    release();
    held_for = -1;
  }
  if (file >= 0 && file < descriptors_max)
    is_log[file] = 0;
  pthread_mutex_unlock(&mutex);
  return real_close(file);
}
