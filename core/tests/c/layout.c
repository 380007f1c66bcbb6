/* Prints the layout of relink.h as a C compiler sees it; tests/abi.rs holds it against Rust's. */

#include <stdio.h>

#include "relink.h"
/* Twice does no harm. */
#include "relink.h"

#define SIZE(type) printf(#type " %zu\n", sizeof(type))
#define PLACE(type, field) printf(#type "." #field " %zu\n", offsetof(type, field))

int main(void) {
    SIZE(RelinkText);
    PLACE(RelinkText, data);
    PLACE(RelinkText, length);
    SIZE(RelinkStamp);
    PLACE(RelinkStamp, magic);
    PLACE(RelinkStamp, major);
    PLACE(RelinkStamp, minor);
    SIZE(RelinkPluginTable);
    PLACE(RelinkPluginTable, magic);
    PLACE(RelinkPluginTable, major);
    PLACE(RelinkPluginTable, minor);
    PLACE(RelinkPluginTable, size);
    PLACE(RelinkPluginTable, name);
    PLACE(RelinkPluginTable, version);
    PLACE(RelinkPluginTable, help);
    PLACE(RelinkPluginTable, package);
    PLACE(RelinkPluginTable, collectors);
    PLACE(RelinkPluginTable, collector_count);
    PLACE(RelinkPluginTable, collector_size);
    SIZE(RelinkCollectorTable);
    PLACE(RelinkCollectorTable, name);
    PLACE(RelinkCollectorTable, help);
    PLACE(RelinkCollectorTable, families);
    PLACE(RelinkCollectorTable, family_count);
    PLACE(RelinkCollectorTable, family_size);
    PLACE(RelinkCollectorTable, options);
    PLACE(RelinkCollectorTable, option_count);
    PLACE(RelinkCollectorTable, option_size);
    PLACE(RelinkCollectorTable, flags);
    PLACE(RelinkCollectorTable, create);
    PLACE(RelinkCollectorTable, collect);
    PLACE(RelinkCollectorTable, facts);
    PLACE(RelinkCollectorTable, destroy);
    SIZE(RelinkFamilyTable);
    PLACE(RelinkFamilyTable, name);
    PLACE(RelinkFamilyTable, help);
    PLACE(RelinkFamilyTable, labels);
    PLACE(RelinkFamilyTable, label_count);
    PLACE(RelinkFamilyTable, kind);
    SIZE(RelinkOptionTable);
    PLACE(RelinkOptionTable, name);
    PLACE(RelinkOptionTable, help);
    PLACE(RelinkOptionTable, kind);
    SIZE(RelinkSettings);
    PLACE(RelinkSettings, size);
    PLACE(RelinkSettings, options);
    PLACE(RelinkSettings, procfs);
    PLACE(RelinkSettings, sysfs);
    PLACE(RelinkSettings, rootfs);
    SIZE(RelinkSink);
    PLACE(RelinkSink, size);
    PLACE(RelinkSink, context);
    PLACE(RelinkSink, sample);
    PLACE(RelinkSink, fact);
    PLACE(RelinkSink, error);
    PLACE(RelinkSink, exposition);
    PLACE(RelinkSink, warning);
    PLACE(RelinkSink, series);
    PLACE(RelinkSink, lines);
    return 0;
}
