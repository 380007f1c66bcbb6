/*
 * A whole plugin in C, with two collectors: how long the machine has been up, and its load.
 *
 *     cc -std=c11 -shared -fPIC -I core -o libuptime.so core/tests/c/uptime.c
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relink.h"

static const RelinkFamilyTable uptime_families[] = {
    {
        .name = RELINK_TEXT("c_uptime_seconds"),
        .help = RELINK_TEXT("Time since the machine started, suspended time included."),
        .kind = RELINK_KIND_GAUGE,
    },
};

static const RelinkFamilyTable load_families[] = {
    {
        .name = RELINK_TEXT("c_load1"),
        .help = RELINK_TEXT("Load of about a minute."),
        .kind = RELINK_KIND_GAUGE,
    },
};

/* An instance is the path of the file that it reads. */
static int32_t create_for(const char *file, const RelinkSettings *settings, const RelinkSink *sink, void **instance) {
    /* The texts of the settings are not ours to keep, so the path is a copy. */
    char *path = malloc(settings->procfs.length + strlen(file) + 1);
    if (path == NULL) {
        sink->error(sink->context, relink_text("out of memory"), relink_text(""));
        return RELINK_FAILED;
    }
    memcpy(path, settings->procfs.data, settings->procfs.length);
    memcpy(path + settings->procfs.length, file, strlen(file) + 1);
    *instance = path;
    return RELINK_OK;
}

static int32_t create_uptime(const RelinkCollectorTable *collector, const RelinkSettings *settings,
                             const RelinkSink *sink, void **instance) {
    (void)collector;
    return create_for("/uptime", settings, sink, instance);
}

static int32_t create_load(const RelinkCollectorTable *collector, const RelinkSettings *settings,
                           const RelinkSink *sink, void **instance) {
    (void)collector;
    return create_for("/loadavg", settings, sink, instance);
}

/* Both files begin with a number: seconds, or tasks. */
static int32_t collect(void *instance, const RelinkSink *sink) {
    const char *path = instance;
    double value = 0;
    int read = 0;
    char message[512];
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        snprintf(message, sizeof message, "reading %s: %s", path, strerror(errno));
        sink->error(sink->context, relink_text(message), relink_text("set --path.procfs to where procfs is"));
        return RELINK_FAILED;
    }
    read = fscanf(file, "%lf", &value);
    fclose(file);
    if (read != 1) {
        snprintf(message, sizeof message, "%s does not begin with a number", path);
        sink->error(sink->context, relink_text(message), relink_text(""));
        return RELINK_FAILED;
    }
    sink->sample(sink->context, 0, NULL, 0, value);
    return RELINK_OK;
}

static int32_t facts(void *instance, const RelinkSink *sink) {
    sink->fact(sink->context, relink_text("file"), relink_text(instance));
    return RELINK_OK;
}

static void destroy(void *instance) {
    free(instance);
}

static const RelinkCollectorTable collectors[] = {
    {
        .name = RELINK_TEXT("uptime"),
        .help = RELINK_TEXT("Time since the machine started"),
        .families = uptime_families,
        .family_count = 1,
        .family_size = sizeof uptime_families[0],
        .create = create_uptime,
        .collect = collect,
        .facts = facts,
        .destroy = destroy,
    },
    {
        .name = RELINK_TEXT("load"),
        .help = RELINK_TEXT("Load of the machine"),
        .families = load_families,
        .family_count = 1,
        .family_size = sizeof load_families[0],
        .flags = RELINK_OFF_BY_DEFAULT,
        .create = create_load,
        .collect = collect,
        .facts = facts,
        .destroy = destroy,
    },
};

static const RelinkPluginTable table = {
    .magic = RELINK_MAGIC,
    .major = RELINK_MAJOR,
    .minor = RELINK_MINOR,
    .size = sizeof(RelinkPluginTable),
    .name = RELINK_TEXT("uptime"),
    .version = RELINK_TEXT("0.1.0"),
    .help = RELINK_TEXT("Time since the machine started, and its load"),
    .package = RELINK_TEXT("uptime.c"),
    .collectors = collectors,
    .collector_count = sizeof collectors / sizeof collectors[0],
    .collector_size = sizeof collectors[0],
};

RELINK_PLUGIN(uptime, table);
