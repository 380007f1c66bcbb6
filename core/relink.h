/*
 * The C interface of relink's loaded plugins.
 *
 * Made by cbindgen from core/src/abi.rs: change it there. docs/plugins-in-other-languages.md tells how to use it.
 */

#ifndef RELINK_H
#define RELINK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The first bytes of a table and of a stamp, as an initialiser. */
#define RELINK_MAGIC { 'r', 'e', 'l', 'i', 'n', 'k', 'P', 'L' }


// Raised by a change that an older agent or library could not bear.
#define RELINK_MAJOR 1

// Raised by each addition.
//
// 1.1: RelinkSink.exposition and RelinkSink.warning.
#define RELINK_MINOR 1

// A call succeeded.
#define RELINK_OK 0

// A call failed, and said why through RelinkSink.error.
#define RELINK_FAILED 1

// A call failed, and what the instance holds may be half changed: the agent destroys it and makes another.
#define RELINK_BROKEN 2

// A counter, in RelinkFamilyTable.kind.
#define RELINK_KIND_COUNTER 0

// A gauge, in RelinkFamilyTable.kind.
#define RELINK_KIND_GAUGE 1

// A family of unknown behaviour, in RelinkFamilyTable.kind.
#define RELINK_KIND_UNKNOWN 2

// UTF-8 text: not ended by a zero byte, and not owned. An empty one may have no address.
typedef struct RelinkText {
    // Its first byte.
    const uint8_t *data;
    // How many bytes.
    size_t length;
} RelinkText;

// What stands in the section .relink_plugin, so that a library can be judged before its code runs.
typedef struct RelinkStamp {
    // RELINK_MAGIC.
    uint8_t magic[8];
    // RELINK_MAJOR.
    uint32_t major;
    // RELINK_MINOR.
    uint32_t minor;
} RelinkStamp;

// One family of a table.
typedef struct RelinkFamilyTable {
    // Its name, as on the sample lines. A counter's ends in `_total`.
    struct RelinkText name;
    // What it means: a sentence, full stop included.
    struct RelinkText help;
    // The first of its label names.
    const struct RelinkText *labels;
    // How many labels.
    size_t label_count;
    // RELINK_KIND_COUNTER, RELINK_KIND_GAUGE or RELINK_KIND_UNKNOWN.
    uint32_t kind;
} RelinkFamilyTable;

// What an instance is made with.
typedef struct RelinkSettings {
    // The length of this struct as the agent knows it.
    size_t size;
    // The plugin's table of the configuration, as a JSON object.
    struct RelinkText options;
    // Where procfs is.
    struct RelinkText procfs;
    // Where sysfs is.
    struct RelinkText sysfs;
    // Where the root of the file systems is.
    struct RelinkText rootfs;
    // How many samples a collection may push.
    size_t series;
} RelinkSettings;

// Where a library's samples, facts and errors go. Valid for the call that it was passed to, on that thread.
typedef struct RelinkSink {
    // The length of this struct as the agent knows it.
    size_t size;
    // Passed to each function as it is.
    void *context;
    // A sample: the family's place in the table from 0, its label values in the declared order, the value.
    void (*sample)(void *context,
                   size_t family,
                   const struct RelinkText *labels,
                   size_t label_count,
                   double value);
    // A fact: name and value.
    void (*fact)(void *context, struct RelinkText name, struct RelinkText value);
    // Why the call fails: what happened, and what to do about it (may be empty).
    void (*error)(void *context, struct RelinkText message, struct RelinkText hint);
    // Since 1.1, during `collect`. Families that are known only now: a text in the Prometheus format, and where it comes
    // from. The agent judges it as a whole, beside the families of all plugins and the texts before. RELINK_OK: its samples
    // are taken. RELINK_FAILED: none of them is, and `reason`, which may be null, gets the words why; they stay valid until
    // the next call of a function of the sink. The same text at the same place of the next collection is not judged
    // anew.
    int32_t (*exposition)(void *context,
                          struct RelinkText source,
                          struct RelinkText text,
                          struct RelinkText *reason);
    // Since 1.1, during `collect`. What could not be read while the rest could: shown to the operator.
    void (*warning)(void *context, struct RelinkText message);
} RelinkSink;

// What a library says of its plugin.
typedef struct RelinkPluginTable {
    // RELINK_MAGIC.
    uint8_t magic[8];
    // RELINK_MAJOR.
    uint32_t major;
    // RELINK_MINOR.
    uint32_t minor;
    // The length of this struct as the library knows it.
    size_t size;
    // The name that the operator uses: a-z, 0-9, `_` and `-`, a letter first.
    struct RelinkText name;
    // The library's version.
    struct RelinkText version;
    // What the plugin reads, in a few words.
    struct RelinkText help;
    // The package that it comes from.
    struct RelinkText package;
    // The first of the families; they too stay valid for ever.
    const struct RelinkFamilyTable *families;
    // How many families.
    size_t family_count;
    // The length of each as the library knows it: from one to the next.
    size_t family_size;
    // Makes an instance and puts it into `instance`; leaves that alone when it fails. Called with the table itself,
    // also while another instance of the plugin is at work.
    int32_t (*create)(const struct RelinkPluginTable *table,
                      const struct RelinkSettings *settings,
                      const struct RelinkSink *sink,
                      void **instance);
    // Reads the machine and pushes samples. One call at a time on an instance, from any thread. When it fails, none of
    // the call's samples counts.
    int32_t (*collect)(void *instance, const struct RelinkSink *sink);
    // Pushes facts for people; may be null.
    int32_t (*facts)(void *instance, const struct RelinkSink *sink);
    // Ends an instance: the last call on it.
    void (*destroy)(void *instance);
} RelinkPluginTable;

/* A string literal as the initialiser of a RelinkText. */
#define RELINK_TEXT(literal) { (const uint8_t *)("" literal), sizeof(literal) - 1 }

/* A string as a RelinkText; it is looked at, not copied. */
static inline RelinkText relink_text(const char *string) {
    RelinkText text;
    text.data = (const uint8_t *)string;
    text.length = strlen(string);
    return text;
}

#ifdef __cplusplus
#define RELINK_C_ extern "C"
#else
#define RELINK_C_ extern
#endif

/* Keeps the stamp in the library when the linker drops what nothing refers to (--gc-sections): by an attribute
   where the compiler has it, and everywhere by a reference from the entry. */
#if !defined(RELINK_RETAIN_) && defined(__has_attribute)
#if __has_attribute(retain)
#define RELINK_RETAIN_ __attribute__((retain))
#endif
#endif
#ifndef RELINK_RETAIN_
#define RELINK_RETAIN_
#endif

/*
 * Once in a library, at file scope and with a semicolon behind it: exports the plugin whose RelinkPluginTable is
 * `table`, and stamps the library. `crate` is the library's name as part of a C name: RELINK_PLUGIN(my_uptime, table);
 */
#define RELINK_PLUGIN(crate, table)                                                                    \
    RELINK_RETAIN_ __attribute__((used, section(".relink_plugin")))                                    \
    static const RelinkStamp relink_stamp_##crate = { RELINK_MAGIC, RELINK_MAJOR, RELINK_MINOR };      \
    RELINK_C_ __attribute__((visibility("default")))                                                   \
    const RelinkPluginTable *relink_plugin_v1_##crate(void);                                           \
    const RelinkPluginTable *relink_plugin_v1_##crate(void) {                                          \
        __asm__ volatile("" : : "r"(&relink_stamp_##crate));                                           \
        return &(table);                                                                               \
    }                                                                                                  \
    struct RelinkStamp

#endif
