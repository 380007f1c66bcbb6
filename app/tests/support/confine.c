// Stands for the system call filters of a systemd unit: installs the rules that its arguments name, up to "--", and
// becomes the command behind it. Rules: refuse:NAME (EPERM), absent:NAME (ENOSYS), mask:NAME:ARGUMENT:BITS (EPERM when
// one of the bits is set), families:2,10 (EAFNOSUPPORT for sockets of other families), native (no foreign calls).
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#else
#error "the number of this architecture is missing here"
#endif

static const struct {
    const char *name;
    unsigned number;
} CALLS[] = {
    {"adjtimex", SYS_adjtimex},
    {"clock_adjtime", SYS_clock_adjtime},
    {"clock_settime", SYS_clock_settime},
    {"settimeofday", SYS_settimeofday},
    {"syslog", SYS_syslog},
    {"init_module", SYS_init_module},
    {"finit_module", SYS_finit_module},
    {"delete_module", SYS_delete_module},
    {"personality", SYS_personality},
    {"unshare", SYS_unshare},
    {"setns", SYS_setns},
    {"clone", SYS_clone},
    {"clone3", SYS_clone3},
    {"sched_setscheduler", SYS_sched_setscheduler},
    {"sched_setattr", SYS_sched_setattr},
#ifdef SYS_chmod
    {"chmod", SYS_chmod},
#endif
    {"fchmod", SYS_fchmod},
    {"fchmodat", SYS_fchmodat},
    {"mkdirat", SYS_mkdirat},
    {"openat2", SYS_openat2},
};

static struct sock_filter program[512];
static unsigned short length;

static void put(unsigned short code, unsigned char yes, unsigned char no, unsigned k) {
    if (length == 512) {
        fputs("confine: too many rules\n", stderr);
        exit(2);
    }
    program[length++] = (struct sock_filter){code, yes, no, k};
}

static void load(size_t offset) { put(BPF_LD | BPF_W | BPF_ABS, 0, 0, (unsigned)offset); }
static void answer(unsigned error) { put(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | error); }

// The lower half of an argument; all kernels that have this filter are little-endian in NATIVE above.
static size_t argument(unsigned at) { return offsetof(struct seccomp_data, args) + 8 * at; }

static unsigned number(const char *name) {
    for (size_t at = 0; at < sizeof CALLS / sizeof *CALLS; at++)
        if (strcmp(CALLS[at].name, name) == 0) return CALLS[at].number;
    fprintf(stderr, "confine: the call %s is missing here\n", name);
    exit(2);
}

static void call(const char *name, unsigned error) {
    load(offsetof(struct seccomp_data, nr));
    put(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, number(name));
    answer(error);
}

static void rule(char *text) {
    char *kind = strtok(text, ":"), *name = strtok(NULL, ":");
    if (strcmp(kind, "refuse") == 0) {
        call(name, EPERM);
    } else if (strcmp(kind, "absent") == 0) {
        call(name, ENOSYS);
    } else if (strcmp(kind, "mask") == 0) {
        unsigned at = (unsigned)atoi(strtok(NULL, ":")), bits = (unsigned)strtoul(strtok(NULL, ":"), NULL, 0);
        load(offsetof(struct seccomp_data, nr));
        put(BPF_JMP | BPF_JEQ | BPF_K, 0, 3, number(name));
        load(argument(at));
        put(BPF_JMP | BPF_JSET | BPF_K, 0, 1, bits);
        answer(EPERM);
    } else if (strcmp(kind, "families") == 0) {
        unsigned families[16], count = 0;
        for (char *one = strtok(name, ","); one && count < 16; one = strtok(NULL, ","))
            families[count++] = (unsigned)atoi(one);
        load(offsetof(struct seccomp_data, nr));
        put(BPF_JMP | BPF_JEQ | BPF_K, 0, (unsigned char)(count + 2), SYS_socket);
        load(argument(0));
        for (unsigned at = 0; at < count; at++)
            put(BPF_JMP | BPF_JEQ | BPF_K, (unsigned char)(count - at), 0, families[at]);
        answer(EAFNOSUPPORT);
    } else if (strcmp(kind, "native") == 0) {
        load(offsetof(struct seccomp_data, arch));
        put(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, NATIVE);
        answer(EPERM);
    } else {
        fprintf(stderr, "confine: there is no rule %s\n", kind);
        exit(2);
    }
}

int main(int count, char **arguments) {
    int at = 1;
    for (; at < count && strcmp(arguments[at], "--") != 0; at++) rule(arguments[at]);
    if (at + 1 >= count) {
        fputs("confine: no command\n", stderr);
        return 2;
    }
    put(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
    struct sock_fprog all = {length, program};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &all) != 0) {
        perror("confine: seccomp");
        return 2;
    }
    execvp(arguments[at + 1], arguments + at + 1);
    perror(arguments[at + 1]);
    return 2;
}
