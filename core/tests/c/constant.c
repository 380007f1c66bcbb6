/* The smallest plugin there can be, in what C and C++ have in common. */

#include "relink.h"

static const RelinkFamilyTable families[] = {
    { RELINK_TEXT("c_constant"), RELINK_TEXT("Always one."), NULL, 0, RELINK_KIND_GAUGE },
};

static int32_t create(const RelinkCollectorTable *table, const RelinkSettings *settings, const RelinkSink *sink,
                      void **instance) {
    (void)table, (void)settings, (void)sink;
    *instance = NULL;
    return RELINK_OK;
}

static int32_t collect(void *instance, const RelinkSink *sink) {
    (void)instance;
    sink->sample(sink->context, 0, NULL, 0, 1.0);
    return RELINK_OK;
}

static void destroy(void *instance) {
    (void)instance;
}

static const RelinkCollectorTable collectors[] = {
    { RELINK_TEXT("constant"), RELINK_TEXT("One"), families, 1, sizeof(RelinkFamilyTable),
      NULL, 0, sizeof(RelinkOptionTable), 0, create, collect, NULL, destroy },
};

static const RelinkPluginTable table = {
    RELINK_MAGIC, RELINK_MAJOR, RELINK_MINOR, sizeof(RelinkPluginTable),
    RELINK_TEXT("constant"), RELINK_TEXT("0.1.0"), RELINK_TEXT("One"), RELINK_TEXT("constant.c"),
    collectors, 1, sizeof(RelinkCollectorTable),
};

RELINK_PLUGIN(constant, table);
