/* The interface between Kiln and a plugin, in plain C: this page is the manual for who writes one.
 *
 * A plugin adds one command to Kiln: `kiln NAME ...` on the command line, the same request over
 * HTTP, and the same form on the web page. It is a shared library that exports one function,
 *
 *     KILN_EXPORT const kiln_plugin* kiln_plugin_table(uint32_t host_abi);
 *
 * which returns a table that lives as long as the library. Kiln finds libraries in lib/kiln/plugins
 * beside its bin folder and in the folders that KILN_PLUGINS names. plugins/template is the
 * smallest plugin that works; adapter.h beside this file does the table for plugins written in C++.
 *
 * What holds everywhere
 *  - Strings are UTF-8 and end in NUL. NULL, zero and an absent field mean "the default".
 *  - Every struct begins with its size in bytes as its writer knew it. Fields are only ever
 *    appended; a reader must not touch a field that lies beyond the size it was given (KILN_HAS
 *    tells). Whoever fills a struct zeroes it first and then sets size.
 *  - Pointers that are handed over stay valid until the call returns, unless it says otherwise.
 *  - No exception and no C++ type crosses. A function that can fail returns a kiln_status, and
 *    last_error() then gives a sentence for the user: what, where, what was expected and found.
 *  - The library never prints, never exits, never reads the environment and installs no signal
 *    handler; what it has to say goes through log, the events and last_error.
 *  - Several instances may exist at once. One instance is used by one thread at a time. Callbacks
 *    are made on the thread that called run(), before run() returns.
 */
#ifndef KILN_PLUGIN_H
#define KILN_PLUGIN_H
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Changes only when something that exists changes its meaning, which appending a field does not. */
#define KILN_PLUGIN_ABI 1u

#if defined(_WIN32)
#define KILN_EXPORT __declspec(dllexport)
#else
#define KILN_EXPORT __attribute__((visibility("default")))
#endif

/* True if the struct that `p` points to was written by someone who knew `field`. */
#define KILN_HAS(p, field) \
    ((p)->size >= (uint32_t)((const char*)&(p)->field - (const char*)(p)) + sizeof((p)->field))

/* How a call ended; also the exit status of kiln. */
typedef enum kiln_status {
    KILN_DONE = 0,
    KILN_FAILED = 1,        /* a defect of the plugin */
    KILN_USAGE = 2,         /* the request asks for what cannot be */
    KILN_BAD_FILE = 3,      /* a file or model is bad: which, what was expected, what was found */
    KILN_NO_DEVICE = 4,     /* no usable device, or it was lost */
    KILN_OUT_OF_MEMORY = 5, /* say what would fit */
    KILN_NOT_FINITE = 6,    /* the model produced NaN or infinity */
    KILN_INTERRUPTED = 130  /* run() ended because cancelled() said so */
} kiln_status;

typedef enum kiln_log_level {
    KILN_LOG_DEBUG = 0,
    KILN_LOG_INFO = 1,
    KILN_LOG_WARNING = 2
} kiln_log_level;

/* What the user chose for every plugin alike. Paths are of the machine's own form. */
typedef struct kiln_options {
    uint32_t size;
    uint32_t reserved;
    const char* device; /* an index or a part of a device's name; NULL: the best */
    const char* caps; /* a profile that masks what the device can do: "minimal", ...; NULL: none */
    uint64_t memory;  /* most bytes of device memory to use; 0: what the device grants */
    const char* models; /* the user's models: folders that hold some, or models themselves,
                         * joined by ':' (';' on Windows) */
    const char* share;  /* the folder of what came with Kiln: the default models are in models/ */
    const char*
        cache; /* a folder for what can be made again, such as compiled pipelines; NULL: none */
    void (*log)(void* user, kiln_log_level level, const char* message); /* NULL: nobody listens */
    void* user;                                                         /* handed to log */
    uint32_t no_tuning; /* not 0: use a new device without testing and measuring its kernels */
    uint32_t reserved_too;
} kiln_options;

/* A file that the user gave for a property of the request. */
typedef struct kiln_blob {
    uint32_t size;
    uint32_t reserved;
    const char* name;      /* the string that stands in the request in place of the file */
    const char* file_name; /* what the user calls it, for messages; may be NULL */
    const void* data;
    uint64_t data_size;
} kiln_blob;

/* What to make. The request has been checked against the schema, with its defaults filled in,
 * if it came through Kiln; a plugin still may not trust it with its memory. */
typedef struct kiln_request {
    uint32_t size;
    uint32_t blob_count;
    const char* json;
    const kiln_blob* const* blobs; /* an array of pointers, so that kiln_blob can grow */
    const char* media_type; /* of the outputs that describe() names, the one that the user asked
                             * for, as by the extension of -o; NULL: the plugin's choice */
    const char* file_stem;  /* what the first result's file will be called, without its extension,
                             * for files of one result that name each other; NULL: not settled */
} kiln_request;

typedef struct kiln_progress {
    uint32_t size;
    uint32_t step; /* steps done, of total; total 0: unknown */
    uint32_t total;
    uint32_t reserved;
    double fraction;     /* of the whole run, 0 to 1 */
    double seconds_left; /* 0: unknown */
    const char* stage;   /* a word or two: "denoising" */
} kiln_progress;

/* A result, or a preview of one. */
typedef struct kiln_artifact {
    uint32_t size;
    uint32_t index;         /* 0, 1, ... in the order of the request */
    const char* media_type; /* one of the outputs that describe() names */
    const char* name;       /* words that the host makes a file name of, such as the prompt */
    const void* data;       /* the whole file as it shall stand on disk */
    uint64_t data_size;
    const char* metadata; /* JSON object: what makes the same again; its integer "seed" becomes
                           * part of the file's name, "open": true asks a host with a desktop
                           * to show the file; may be NULL */
} kiln_artifact;

/* What the host wants to hear. Any function may be NULL. */
typedef struct kiln_events {
    uint32_t size;
    uint32_t reserved;
    void* user;                                                  /* handed to each */
    void (*progress)(void* user, const kiln_progress* progress); /* at least once a step */
    void (*preview)(void* user, const kiln_artifact* artifact);
    /* Anything but KILN_DONE means that the host could not keep it: end run() with that status. */
    kiln_status (*artifact)(void* user, const kiln_artifact* artifact);
    /* Not 0: stop within one step, return KILN_INTERRUPTED, and keep nothing but, of what gets
     * better with every step, the last state, as artifacts. Cheap; ask at least once a step. The
     * only function that may be called from any thread. */
    int (*cancelled)(void* user);
} kiln_events;

typedef struct kiln_instance kiln_instance; /* the plugin's own */

typedef struct kiln_plugin {
    uint32_t size;
    uint32_t abi; /* KILN_PLUGIN_ABI as the plugin was built with */

    /* A JSON object, the same at every call:
     *   name     the command: lower case letters, digits and '-'
     *   version  of the plugin
     *   summary  one line for the list of commands
     *   outputs  [{"media_type": "image/png", "extension": "png"}, ...]
     *   request  a JSON Schema of type object. Understood for each property:
     *            type (string integer number boolean array, or a list of these and "null"), items,
     *            default, enum, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf,
     *            minLength, maxLength, minItems, maxItems; for the object: required, properties,
     *            additionalProperties. A property becomes a flag of the command line:
     *              title        what it is called in a form
     *              description  the help, one sentence
     *              group        heading that it stands under
     *              short        one letter: "n" gives -n
     *              flag         the long flag, if it is not the property's name with - for _
     *              positional   true: an argument without a flag, such as the prompt
     *              metavar      what stands for the value in the help
     *              contentMediaType  the value is a file: the host reads it and hands it over as a
     *                           blob; the request then holds the blob's name
     *              format: "path"    the value names a file or folder that the plugin opens itself
     *            An array becomes a flag that may be repeated. */
    const char* (*describe)(void);

    /* What can be run: *json becomes an array of {"name", "summary", "path", "family", "bytes",
     * "default"}; it stays valid until the calling thread's next call of models(). No device is
     * needed or opened. Where options->models names a single file that is no model but that the
     * plugin reads, it may describe that: kiln inspect shows the summary. */
    kiln_status (*models)(const kiln_options* options, const char** json);

    /* Cheap: devices and models may be opened at the first run(), or here. Copy what you keep. */
    kiln_status (*create)(const kiln_options* options, kiln_instance** instance);
    kiln_status (*run)(kiln_instance* instance, const kiln_request* request,
                       const kiln_events* events);
    void (*destroy)(kiln_instance* instance);

    /* About the last call on this instance that failed; NULL as instance: about the last create()
     * or models() of this thread. Valid until the next such call. Never NULL. */
    const char* (*last_error)(const kiln_instance* instance);
} kiln_plugin;

/* The one exported symbol. A plugin that cannot serve host_abi returns its table all the same: the
 * host compares table->abi and tells the user. */
typedef const kiln_plugin* (*kiln_plugin_table_fn)(uint32_t host_abi);
#define KILN_PLUGIN_SYMBOL "kiln_plugin_table"

#ifdef __cplusplus
}
#endif
#endif
