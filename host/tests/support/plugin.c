/* A plugin in C by hand, with a fault where a test defines one. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifndef MAJOR
#define MAJOR 2
#endif
#ifndef MINOR
#define MINOR 0
#endif
#ifndef TABLE_MAJOR
#define TABLE_MAJOR MAJOR
#endif
#ifndef SIZE
#define SIZE sizeof(struct table)
#endif
#ifndef NAME
#define NAME "in_c"
#endif
#ifndef ENTRY
#define ENTRY relink_plugin_v2_in_c
#endif
#ifndef FAMILIES
#define FAMILIES 1
#endif
#ifndef COLLECTOR_SIZE
#define COLLECTOR_SIZE sizeof(struct collector)
#endif
#ifndef COLLECTORS
#define COLLECTORS 1
#endif
#ifndef FAMILY_SIZE
#define FAMILY_SIZE sizeof(struct family)
#endif
#ifndef FAMILY
#define FAMILY "in_c_mark"
#endif
#ifndef KIND
#define KIND 1
#endif
#ifndef STATUS
#define STATUS 0
#endif
#ifndef INDEX
#define INDEX 0
#endif

struct text { const char *data; size_t length; };
#define TEXT(text) { text, sizeof(text) - 1 }

struct sink {
    size_t size;
    void *context;
    void (*sample)(void *, size_t, const struct text *, size_t, double);
    void (*fact)(void *, struct text, struct text);
    void (*error)(void *, struct text, struct text);
};

struct family { struct text name, help; const struct text *labels; size_t label_count; uint32_t kind;
#ifdef LONGER
    uint64_t of_a_newer_minor[4];
#endif
};

struct collector {
    struct text name, help;
    const struct family *families;
    size_t family_count, family_size;
    const void *options;
    size_t option_count, option_size;
    uint64_t flags;
    int32_t (*create)(const struct collector *, const void *, const struct sink *, void **);
    int32_t (*collect)(void *, const struct sink *);
    int32_t (*facts)(void *, const struct sink *);
    void (*destroy)(void *);
#ifdef LONGER
    uint64_t of_a_newer_minor[4];
#endif
};

struct table {
    char magic[8];
    uint32_t major, minor;
    size_t size;
    struct text name, version, help, package;
    const struct collector *collectors;
    size_t collector_count, collector_size;
#ifdef LONGER
    uint64_t of_a_newer_minor[4];
#endif
};

#ifdef TRACE
/* Runs as soon as the library is loaded. */
__attribute__((constructor)) static void leave_a_trace(void) {
    FILE *file = fopen(TRACE, "a");
    if (file) { fputs("was here\n", file); fclose(file); }
}
#endif

#ifndef NO_STAMP
__attribute__((section(".relink_plugin"), used))
static const struct { char magic[8]; uint32_t major, minor; } stamp = { "relinkPL", MAJOR, MINOR };
#endif

static int32_t create(const struct collector *collector, const void *settings, const struct sink *sink, void **instance) {
    *instance = NULL;
    return 0;
}

static int32_t collect(void *instance, const struct sink *sink) {
#ifdef SAYS
    sink->error(sink->context, (struct text)TEXT(SAYS), (struct text){ NULL, 0 });
#endif
#ifdef LABELS
    static const struct text labels[] = { TEXT("a"), TEXT("b") };
    sink->sample(sink->context, INDEX, labels, LABELS, 1.0);
#else
    sink->sample(sink->context, INDEX, NULL, 0, 1.0);
#endif
    return STATUS;
}

static void destroy(void *instance) {}

static const struct family families[] = { { TEXT(FAMILY), TEXT("Always 1."), NULL, 0, KIND } };

static const struct collector collectors[] = {
    { TEXT(NAME), TEXT("In C"), families, FAMILIES, FAMILY_SIZE, NULL, 0, 0, 0, create, collect, NULL, destroy },
};

const struct table *ENTRY(void) {
    static const struct table table = {
        { 'r', 'e', 'l', 'i', 'n', 'k', 'P', 'L' }, TABLE_MAJOR, MINOR, SIZE, TEXT(NAME), TEXT("1.2.3"), TEXT("In C"), TEXT("in-c"),
        collectors, COLLECTORS, COLLECTOR_SIZE,
    };
#ifdef NO_TABLE
    (void)table;
    return NULL;
#else
    return &table;
#endif
}

#ifdef SECOND_ENTRY
const void *relink_plugin_v2_second(void) { return NULL; }
#endif
#ifdef NEEDS
void needed(void);
void uses(void) { needed(); }
#endif
