/*
 * A plugin of a minor version that is to come: its tables are longer than relink.h has them. Compiled with
 * -DTABLE_MAJOR=3 it is of another major; with -DTABLE_SIZE=104 its table is too short, with -DCOLLECTOR_SIZE=112 or
 * -DFAMILY_SIZE=60 its collectors and families lie where none can.
 */

#include "relink.h"

#ifndef TABLE_MAJOR
#define TABLE_MAJOR RELINK_MAJOR
#endif
#ifndef TABLE_SIZE
#define TABLE_SIZE sizeof(NewerTable)
#endif
#ifndef COLLECTOR_SIZE
#define COLLECTOR_SIZE sizeof(NewerCollector)
#endif
#ifndef FAMILY_SIZE
#define FAMILY_SIZE sizeof(NewerFamily)
#endif

typedef struct NewerFamily {
    RelinkFamilyTable known;
    RelinkText unit;
    uint64_t more;
} NewerFamily;

typedef struct NewerOption {
    RelinkOptionTable known;
    RelinkText more;
} NewerOption;

typedef struct NewerCollector {
    RelinkCollectorTable known;
    void *more[3];
} NewerCollector;

typedef struct NewerTable {
    RelinkPluginTable known;
    void *more[7];
} NewerTable;

static const RelinkText labels[] = { RELINK_TEXT("side") };

static const NewerFamily families[] = {
    { { RELINK_TEXT("c_first"), RELINK_TEXT("The first."), NULL, 0, RELINK_KIND_GAUGE }, RELINK_TEXT("x"), ~0ull },
    { { RELINK_TEXT("c_second_total"), RELINK_TEXT("The second."), labels, 1, RELINK_KIND_COUNTER },
      RELINK_TEXT("y"), ~0ull },
};

static const NewerOption options[] = {
    { { RELINK_TEXT("a"), RELINK_TEXT("The first."), RELINK_OPTION_TEXT }, RELINK_TEXT("x") },
    { { RELINK_TEXT("b"), RELINK_TEXT("The second."), RELINK_OPTION_SECONDS }, RELINK_TEXT("y") },
};

static int32_t create(const RelinkCollectorTable *table, const RelinkSettings *settings, const RelinkSink *sink,
                      void **instance) {
    /* What an older agent does not have lies behind the length that it gave. */
    if (settings->size < sizeof *settings || sink->size < sizeof *sink) {
        return RELINK_FAILED;
    }
    *instance = (void *)table;
    return RELINK_OK;
}

static int32_t collect(void *instance, const RelinkSink *sink) {
    static const RelinkText left = RELINK_TEXT("left");
    (void)instance;
    sink->sample(sink->context, 0, NULL, 0, 1.5);
    sink->sample(sink->context, 1, &left, 1, 2);
    return RELINK_OK;
}

static void destroy(void *instance) {
    (void)instance;
}

static const NewerCollector collectors[] = {
    {
        {
            .name = RELINK_TEXT("newer"),
            .help = RELINK_TEXT("A later minor version"),
            .families = &families[0].known,
            .family_count = 2,
            .family_size = FAMILY_SIZE,
            .options = &options[0].known,
            .option_count = 2,
            .option_size = sizeof options[0],
            .create = create,
            .collect = collect,
            .destroy = destroy,
        },
        { 0 },
    },
    {
        {
            .name = RELINK_TEXT("second"),
            .help = RELINK_TEXT("Another one"),
            .create = create,
            .collect = collect,
            .destroy = destroy,
        },
        { 0 },
    },
};

static const NewerTable newer = {
    {
        .magic = RELINK_MAGIC,
        .major = TABLE_MAJOR,
        .minor = RELINK_MINOR + 1,
        .size = TABLE_SIZE,
        .name = RELINK_TEXT("newer"),
        .version = RELINK_TEXT("9.0.0"),
        .help = RELINK_TEXT("A later minor version"),
        .package = RELINK_TEXT("newer.c"),
        .collectors = &collectors[0].known,
        .collector_count = 2,
        .collector_size = COLLECTOR_SIZE,
    },
    { 0 },
};

RELINK_PLUGIN(newer, newer.known);
