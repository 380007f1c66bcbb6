/*
 * A whole plugin in C: how long the machine has been up.
 *
 *     cc -std=c11 -shared -fPIC -I core -o libuptime.so core/tests/c/uptime.c
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relink.h"

static const RelinkFamilyTable families[] = {
    {
        .name = RELINK_TEXT("c_uptime_seconds"),
        .help = RELINK_TEXT("Time since the machine started, suspended time included."),
        .kind = RELINK_KIND_GAUGE,
    },
};

/* An instance is the path of the file that it reads. */
static int32_t create(const RelinkPluginTable *table, const RelinkSettings *settings, const RelinkSink *sink,
                      void **instance) {
    static const char file[] = "/uptime";
    /* The texts of the settings are not ours to keep, so the path is a copy. */
    char *path = malloc(settings->procfs.length + sizeof file);
    (void)table;
    if (path == NULL) {
        sink->error(sink->context, relink_text("out of memory"), relink_text(""));
        return RELINK_FAILED;
    }
    memcpy(path, settings->procfs.data, settings->procfs.length);
    memcpy(path + settings->procfs.length, file, sizeof file);
    *instance = path;
    return RELINK_OK;
}

/* Reads the first number of /proc/uptime: seconds, with two places. */
static int32_t collect(void *instance, const RelinkSink *sink) {
    const char *path = instance;
    double seconds = 0;
    int read = 0;
    char message[512];
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        snprintf(message, sizeof message, "reading %s: %s", path, strerror(errno));
        sink->error(sink->context, relink_text(message), relink_text("set --path.procfs to where procfs is"));
        return RELINK_FAILED;
    }
    read = fscanf(file, "%lf", &seconds);
    fclose(file);
    if (read != 1) {
        snprintf(message, sizeof message, "%s does not begin with a number", path);
        sink->error(sink->context, relink_text(message), relink_text(""));
        return RELINK_FAILED;
    }
    sink->sample(sink->context, 0, NULL, 0, seconds);
    return RELINK_OK;
}

static int32_t facts(void *instance, const RelinkSink *sink) {
    sink->fact(sink->context, relink_text("file"), relink_text(instance));
    return RELINK_OK;
}

static void destroy(void *instance) {
    free(instance);
}

static const RelinkPluginTable table = {
    .magic = RELINK_MAGIC,
    .major = RELINK_MAJOR,
    .minor = RELINK_MINOR,
    .size = sizeof(RelinkPluginTable),
    .name = RELINK_TEXT("uptime"),
    .version = RELINK_TEXT("0.1.0"),
    .help = RELINK_TEXT("Time since the machine started"),
    .package = RELINK_TEXT("uptime.c"),
    .families = families,
    .family_count = sizeof families / sizeof families[0],
    .family_size = sizeof families[0],
    .create = create,
    .collect = collect,
    .facts = facts,
    .destroy = destroy,
};

RELINK_PLUGIN(uptime, table);
