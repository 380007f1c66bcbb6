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
    PLACE(RelinkPluginTable, families);
    PLACE(RelinkPluginTable, family_count);
    PLACE(RelinkPluginTable, family_size);
    PLACE(RelinkPluginTable, create);
    PLACE(RelinkPluginTable, collect);
    PLACE(RelinkPluginTable, facts);
    PLACE(RelinkPluginTable, destroy);
    SIZE(RelinkFamilyTable);
    PLACE(RelinkFamilyTable, name);
    PLACE(RelinkFamilyTable, help);
    PLACE(RelinkFamilyTable, labels);
    PLACE(RelinkFamilyTable, label_count);
    PLACE(RelinkFamilyTable, kind);
    SIZE(RelinkSettings);
    PLACE(RelinkSettings, size);
    PLACE(RelinkSettings, options);
    PLACE(RelinkSettings, procfs);
    PLACE(RelinkSettings, sysfs);
    PLACE(RelinkSettings, rootfs);
    PLACE(RelinkSettings, series);
    SIZE(RelinkSink);
    PLACE(RelinkSink, size);
    PLACE(RelinkSink, context);
    PLACE(RelinkSink, sample);
    PLACE(RelinkSink, fact);
    PLACE(RelinkSink, error);
    PLACE(RelinkSink, exposition);
    PLACE(RelinkSink, warning);
    return 0;
}
