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
#define RELINK_MAJOR 2

// Raised by each addition.
#define RELINK_MINOR 0

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

// `true` or `false`, in RelinkOptionTable.kind.
#define RELINK_OPTION_SWITCH 0

// A text, in RelinkOptionTable.kind.
#define RELINK_OPTION_TEXT 1

// A number of 0 or more, in RelinkOptionTable.kind.
#define RELINK_OPTION_NUMBER 2

// A number of seconds, in RelinkOptionTable.kind.
#define RELINK_OPTION_SECONDS 3

// A text or a list of texts, in RelinkOptionTable.kind.
#define RELINK_OPTION_LIST 4

// A collector that runs only if the operator asks for it, in RelinkCollectorTable.flags.
#define RELINK_OFF_BY_DEFAULT 1

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

// One family of a collector.
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

// One option of a collector.
typedef struct RelinkOptionTable {
    // The key in the collector's table of the configuration, as in `mount_timeout`: a-z, 0-9 and `_`, a letter first.
    struct RelinkText name;
    // What it sets, in a sentence.
    struct RelinkText help;
    // RELINK_OPTION_SWITCH, RELINK_OPTION_TEXT, RELINK_OPTION_NUMBER, RELINK_OPTION_SECONDS or RELINK_OPTION_LIST.
    uint32_t kind;
} RelinkOptionTable;

// What an instance is made with.
typedef struct RelinkSettings {
    // The length of this struct as the agent knows it.
    size_t size;
    // The collector's table of the configuration, as a JSON object of options that it has.
    struct RelinkText options;
    // Where procfs is.
    struct RelinkText procfs;
    // Where sysfs is.
    struct RelinkText sysfs;
    // Where the root of the file systems is.
    struct RelinkText rootfs;
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
    // During `collect`. Families that are known only now: a text in the Prometheus format, and where it comes
    // from. The agent judges it beside the families of all plugins and the texts before. RELINK_OK: its samples are taken,
    // but for families of which `reason` says why not, if anything is written there. RELINK_FAILED: none of them is, and
    // `reason`, which may be null, gets the words why. They stay valid until the next call of a function of the sink. The
    // same text at the same place of the next collection is not judged
    // again.
    int32_t (*exposition)(void *context,
                          struct RelinkText source,
                          struct RelinkText text,
                          struct RelinkText *reason);
    // During `collect`. What was passed over, or could not be read while the rest could: shown to the operator.
    void (*warning)(void *context, struct RelinkText message);
    // How many samples a collection may have; what is beyond is dropped.
    size_t series;
    // During `collect`. From a call with 1 to one with 0 the samples are of the lines of a file: a series that two of them
    // say is shown once, and told. Anywhere else a series pushed twice is a mistake, and the collection fails.
    void (*lines)(void *context, int32_t begin);
} RelinkSink;

// One collector of a plugin: what is chosen, timed and shown for itself.
typedef struct RelinkCollectorTable {
    // The name that the operator uses: a-z, 0-9, `_` and `-`, a letter first. Where node_exporter has a collector for the
    // same, its name.
    struct RelinkText name;
    // What the collector reads, in a few words.
    struct RelinkText help;
    // The first of the families; they too stay valid for ever.
    const struct RelinkFamilyTable *families;
    // How many families.
    size_t family_count;
    // The length of each as the library knows it: from one to the next.
    size_t family_size;
    // The first of the options that may be set.
    const struct RelinkOptionTable *options;
    // How many options.
    size_t option_count;
    // The length of each as the library knows it: from one to the next.
    size_t option_size;
    // RELINK_OFF_BY_DEFAULT, or 0.
    uint64_t flags;
    // Makes an instance and puts it into `instance`; leaves that alone when it fails. Called with the collector's own
    // table, also while another instance of it is at work.
    int32_t (*create)(const struct RelinkCollectorTable *collector,
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
} RelinkCollectorTable;

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
    // The first of its collectors; they too stay valid for ever.
    const struct RelinkCollectorTable *collectors;
    // How many collectors.
    size_t collector_count;
    // The length of each as the library knows it: from one to the next.
    size_t collector_size;
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
    const RelinkPluginTable *relink_plugin_v2_##crate(void);                                           \
    const RelinkPluginTable *relink_plugin_v2_##crate(void) {                                          \
        __asm__ volatile("" : : "r"(&relink_stamp_##crate));                                           \
        return &(table);                                                                               \
    }                                                                                                  \
    struct RelinkStamp

#endif
