/* SPDX-License-Identifier: MIT */
/*
 * stoa.h - an embedded columnar record store
 *
 * A stoa database is a directory (or memory alone) of tables; a table has a fixed schema of typed
 * *slots* and any number of *rows*; a row is named for life by its *rowid*. Rows are kept by
 * column, narrowed and in place, so that a million of them cost megabytes and a scan runs at the
 * speed of memory; and yet a row is inserted, read, changed and deleted on its own, in
 * transactions that survive a power cut.
 *
 *     stoa_db *db; stoa_txn *txn; stoa_table t; stoa_rowid row;
 *     struct stoa_error err;
 *     static const struct stoa_slot slots[] = {
 *             { .name = "name",  .type = STOA_STRING, .flags = STOA_NOT_NULL },
 *             { .name = "price", .type = STOA_F64 },
 *     };
 *
 *     stoa_open("shop.stoa", NULL, &db, &err);
 *     stoa_begin(db, STOA_WRITE, &txn, &err);
 *     stoa_table_create(txn, "item", slots, 2, &t, &err);
 *     struct stoa_value v[] = { stoa_text("tea"), stoa_f64(2.5) };
 *     stoa_insert(txn, t, v, 2, &row, &err);
 *     stoa_commit(txn, &err);
 *     stoa_close(db, &err);
 *
 * Results.   Every call returns STOA_OK (0), a positive piece of news (STOA_ROW, STOA_END) or a
 *            negative error, so that rc < 0 is failure and nothing else is. @err, always the last
 *            parameter and always optional, receives the words: what, where, what to do. A call
 *            that fails has changed nothing, unless its comment says otherwise.
 * Threads.   A stoa_db is shared by all threads of a process. A stoa_txn, and the cursors,
 *            appenders and statements used with it, belong to one thread at a time. Readers take
 *            no lock while they read. One write transaction is open at a time; the next waits.
 * Processes. One process writes; any number read beside it (STOA_OPEN_READ_ONLY), each a
 *            consistent state. A second writer gets STOA_EBUSY with the pid of the first.
 * Fork.      A handle does not cross fork(): in the child each call but stoa_close() returns
 *            STOA_EFORKED.
 * Lifetimes. Bytes that a call hands out (strings in values, arrays in batches) are borrowed; the
 *            comment of the call names what ends the loan. Bytes handed in are copied.
 * Clock.     stoa reads the time for nothing that is stored but the deadlines of leases and delays.
 */
#ifndef STOA_H
#define STOA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define STOA_VERSION_MAJOR 0
#define STOA_VERSION_MINOR 1
#define STOA_VERSION_PATCH 0
#define STOA_VERSION_STRING "0.1.0"

#if defined(__GNUC__)
#define STOA_API __attribute__((visibility("default")))
#define STOA_CHECK_RESULT __attribute__((warn_unused_result))
#else
#define STOA_API
#define STOA_CHECK_RESULT
#endif

/** stoa_version() - the version of the library in use, as "0.1.0"; compare with STOA_VERSION_STRING */
STOA_API const char *stoa_version(void);

/* ---- results ---------------------------------------------------------------------------- */

/** enum stoa_result - what a call returns; errors are negative, news is positive */
enum stoa_result {
	STOA_OK = 0,
	STOA_ROW = 1,		/* a row is there */
	STOA_END = 2,		/* no more rows */

	STOA_EINVAL = -1,	/* an argument, a name, a type or a piece of SQL is wrong */
	STOA_ENOMEM = -2,	/* out of memory, or past the memory limit */
	STOA_EIO = -3,		/* the operating system failed a read or write */
	STOA_ECORRUPT = -4,	/* stored bytes are not what was stored; the text names file and offset */
	STOA_EBUSY = -5,	/* another process or transaction holds what is needed */
	STOA_ENOTFOUND = -6,	/* no such database, table, slot or row */
	STOA_EEXIST = -7,	/* the name, or a key that must be unique, is taken */
	STOA_ETYPE = -8,	/* a value does not have the slot's type */
	STOA_ERANGE = -9,	/* a value does not fit: overflow, too long, too precise */
	STOA_ENULL = -10,	/* NULL for a slot that is not null */
	STOA_EREADONLY = -11,	/* a write to a frozen table, a read transaction or a read-only database */
	STOA_ESTATE = -12,	/* the call does not fit the handle's state (a finished transaction, say) */
	STOA_EFULL = -13,	/* no room: a disk, a quota, a limit on files, or a named limit */
	STOA_EFORKED = -14,	/* the handle was opened by the parent process */
	STOA_EVERSION = -15,	/* written by a version this one cannot read */
	STOA_ESYNTAX = -16,	/* SQL or CSV that cannot be parsed; line and column are set */
	STOA_EUNSUPPORTED = -17,/* understood, and not offered */
	STOA_ECANCELED = -18,	/* stopped at the caller's wish */
	STOA_EUNKNOWN = -19,	/* a commit whose outcome cannot be known until the database is reopened */
	STOA_EDIVZERO = -20,	/* division by zero in an expression */
};

/** stoa_result_name() - the name of a result, as "STOA_EBUSY"; never NULL */
STOA_API const char *stoa_result_name(int result);

#define STOA_ERROR_TEXT_MAX 512

/**
 * struct stoa_error - the words that go with an error
 * @code:   the result of the call
 * @line:   line in SQL text or an input file, from 1; 0 where there is none
 * @column: column in that line, in bytes from 1; 0 where there is none
 * @offset: offset in bytes in the input or the damaged file; 0 where there is none
 * @text:   one sentence or two in plain English, NUL-terminated, without a newline
 *
 * The caller's own; written only when a call fails. May be NULL in every call.
 */
struct stoa_error {
	int code;
	uint64_t line;
	uint64_t column;
	uint64_t offset;
	char text[STOA_ERROR_TEXT_MAX];
};

/* ---- types and values ------------------------------------------------------------------- */

/**
 * enum stoa_type - the type of a slot or value
 *
 * In a struct stoa_array the values lie as the C type in the comment.
 */
enum stoa_type {
	STOA_NULL = 0,		/* the type of a value that is NULL; not a slot type */
	STOA_BOOL = 1,		/* uint8_t, 0 or 1 */
	STOA_I8 = 2,		/* int8_t */
	STOA_I16 = 3,		/* int16_t */
	STOA_I32 = 4,		/* int32_t */
	STOA_I64 = 5,		/* int64_t */
	STOA_U8 = 6,		/* uint8_t */
	STOA_U16 = 7,		/* uint16_t */
	STOA_U32 = 8,		/* uint32_t */
	STOA_U64 = 9,		/* uint64_t */
	STOA_F32 = 10,		/* float */
	STOA_F64 = 11,		/* double */
	STOA_DECIMAL = 12,	/* int64_t, the number times 10^scale */
	STOA_DATE = 13,		/* int32_t, days since 1970-01-01, proleptic Gregorian */
	STOA_TIME = 14,		/* int64_t, microseconds since midnight, below 86,400,000,000 */
	STOA_TIMESTAMP = 15,	/* int64_t, microseconds since 1970-01-01 00:00:00 UTC */
	STOA_UUID = 16,		/* uint8_t[16], in the order it is written */
	STOA_STRING = 17,	/* struct stoa_bytes, UTF-8; interned: stored once, however often used */
	STOA_TEXT = 18,		/* struct stoa_bytes, UTF-8; long or mostly distinct, not interned */
	STOA_BLOB = 19,		/* struct stoa_bytes, any bytes */
	STOA_REF = 20,		/* uint64_t, rowid of a row that lives as long as it is referred to */
	STOA_WEAK_REF = 21,	/* uint64_t, rowid of a row; NULL from the commit on in which that goes */
	STOA_TYPE_DEFAULT = 255,/* in stoa_insert(): take the slot's default */
};

#define STOA_DECIMAL_PRECISION_MAX 18
#define STOA_NAME_MAX 128		/* bytes in the name of a table or slot */
#define STOA_SLOTS_MAX 1000		/* slots of a table */
#define STOA_INDEXES_MAX 32		/* indexes of a table */
#define STOA_INDEX_SLOTS_MAX 16		/* slots of an index */
#define STOA_QUEUE_NAME_MAX 255		/* bytes in the name of a queue */
#define STOA_STRING_MAX 65535		/* bytes of a string value */
#define STOA_TEXT_MAX 1073741824	/* bytes of a text or blob value */
#define STOA_BATCH_MAX 2048		/* rows of a batch */
#define STOA_GROUP_MAX 65536		/* rows of a row group */

typedef uint64_t stoa_rowid;	/* names a row of one table, from 1, ascending, never used twice */
typedef uint32_t stoa_table;	/* names a table of one database, from 1, never used twice */
typedef uint32_t stoa_index;	/* names an index of one table, from 1, never used twice in it */

/** struct stoa_bytes - a borrowed run of bytes; not NUL-terminated */
struct stoa_bytes {
	const char *p;
	uint32_t len;
};

/**
 * struct stoa_value - one value of any type
 * @type:  an enum stoa_type
 * @scale: digits after the point, for STOA_DECIMAL
 * @len:   bytes at @p, for STOA_STRING, STOA_TEXT and STOA_BLOB
 * @i:     bool, all signed integers, decimal (scaled), date, time, timestamp
 * @u:     all unsigned integers
 * @f:     f32 and f64
 * @p:     borrowed bytes
 */
struct stoa_value {
	uint8_t type;
	uint8_t scale;
	uint16_t zero;
	uint32_t len;
	union {
		int64_t i;
		uint64_t u;
		double f;
		const char *p;
		uint8_t uuid[16];
	};
};

/*
 * Values are made field by field, not from an initializer: compilers clear 16 bytes for that, write
 * parts of them and read them back whole, and the processor then waits until all that it had begun
 * is done.
 */
static inline struct stoa_value stoa_value_head(enum stoa_type type, uint8_t scale, uint32_t len)
{
	struct stoa_value v;
	v.type = (uint8_t)type;
	v.scale = scale;
	v.zero = 0;
	v.len = len;
	return v;
}

static inline struct stoa_value stoa_null(void)
{
	struct stoa_value v = stoa_value_head(STOA_NULL, 0, 0);
	v.i = 0;
	return v;
}

static inline struct stoa_value stoa_bool(bool x)
{
	struct stoa_value v = stoa_value_head(STOA_BOOL, 0, 0);
	v.i = x;
	return v;
}

static inline struct stoa_value stoa_i64(int64_t x)
{
	struct stoa_value v = stoa_value_head(STOA_I64, 0, 0);
	v.i = x;
	return v;
}

static inline struct stoa_value stoa_u64(uint64_t x)
{
	struct stoa_value v = stoa_value_head(STOA_U64, 0, 0);
	v.u = x;
	return v;
}

/** stoa_ref() - a reference to row @row, for STOA_REF and STOA_WEAK_REF slots */
static inline struct stoa_value stoa_ref(stoa_rowid row)
{
	struct stoa_value v = stoa_value_head(STOA_REF, 0, 0);
	v.u = row;
	return v;
}

static inline struct stoa_value stoa_f64(double x)
{
	struct stoa_value v = stoa_value_head(STOA_F64, 0, 0);
	v.f = x;
	return v;
}

/** stoa_decimal() - @scaled / 10^@scale, as stoa_decimal(1999, 2) for 19.99 */
static inline struct stoa_value stoa_decimal(int64_t scaled, uint8_t scale)
{
	struct stoa_value v = stoa_value_head(STOA_DECIMAL, scale, 0);
	v.i = scaled;
	return v;
}

/** stoa_bytes_value() - @len bytes at @p as a value of @type: STOA_STRING, STOA_TEXT or STOA_BLOB */
static inline struct stoa_value stoa_bytes_value(enum stoa_type type, const void *p, uint32_t len)
{
	struct stoa_value v = stoa_value_head(type, 0, len);
	v.p = (const char *)p;
	return v;
}

/** stoa_text() - a NUL-terminated string as a value; fits STOA_STRING and STOA_TEXT slots alike */
static inline struct stoa_value stoa_text(const char *s)
{
	uint32_t n = 0;
	while (s[n])
		n++;
	return stoa_bytes_value(STOA_TEXT, s, n);
}

/** stoa_default() - in stoa_insert(): the slot's default, or NULL where it has none */
static inline struct stoa_value stoa_default(void)
{
	struct stoa_value v = stoa_value_head(STOA_TYPE_DEFAULT, 0, 0);
	v.i = 0;
	return v;
}

/**
 * stoa_value_print() - write a value as text, as SQL output shows it
 * @v:    the value; NULL prints as nothing
 * @buf:  receives at most @size bytes, always NUL-terminated when @size > 0
 *
 * Integers in decimal; f64 and f32 in the shortest form that reads back the same; decimals with
 * all digits of their scale; 2026-01-31; 13:45:00.5; 2026-01-31 13:45:00; uuid in lower case with
 * hyphens; bool as true or false; strings as they are; blobs in lower-case hexadecimal after \x.
 *
 * Returns: the bytes that the whole text needs, without the NUL; what did not fit was cut off.
 */
STOA_API size_t stoa_value_print(const struct stoa_value *v, char *buf, size_t size);

/**
 * stoa_value_parse() - read a value of a given type from text; the inverse of stoa_value_print()
 * @type:  the type wanted; @scale is used for STOA_DECIMAL
 * @out:   the value; for STOA_STRING and STOA_TEXT it borrows @text
 *
 * Returns: STOA_OK; STOA_ETYPE if the text is not of the type; STOA_ERANGE if it does not fit;
 *          STOA_EUNSUPPORTED for STOA_BLOB, whose bytes would need room of their own.
 */
STOA_API int stoa_value_parse(enum stoa_type type, uint8_t scale, const char *text, size_t len,
			      struct stoa_value *out, struct stoa_error *err);

/** stoa_type_name() - "i64", "timestamp", ...; "decimal" without precision; never NULL */
STOA_API const char *stoa_type_name(enum stoa_type type);

/**
 * struct stoa_array - one column of a batch: typed values in one contiguous array
 * @type:     an enum stoa_type; the element type is in that enum's comments
 * @scale:    digits after the point, for STOA_DECIMAL
 * @values:   the elements; where a row is NULL the element is zero or empty
 * @validity: bit r (of word r / 64) is 1 where row r has a value; NULL when every row has one
 */
struct stoa_array {
	uint8_t type;
	uint8_t scale;
	const void *values;
	const uint64_t *validity;
};

/* ---- databases -------------------------------------------------------------------------- */

typedef struct stoa_db stoa_db;
typedef struct stoa_txn stoa_txn;
typedef struct stoa_cursor stoa_cursor;
typedef struct stoa_stmt stoa_stmt;
typedef struct stoa_session stoa_session;
typedef struct stoa_appender stoa_appender;
typedef struct stoa_set stoa_set;

/** enum stoa_durability - when a commit returns */
enum stoa_durability {
	STOA_DURABILITY_DEFAULT = 0,	/* of a transaction: the database's; of a database: full */
	STOA_FULL = 1,			/* once it is on the disk: it survives a power cut */
	STOA_LAZY = 2,			/* at once; on the disk within lazy_ms; never half of one, never out of order */
	STOA_NONE = 3,			/* at once; on the disk with the next checkpoint */
};

#define STOA_OPEN_NO_CREATE 1u	/* the database must be there */
#define STOA_OPEN_READ_ONLY 2u	/* take no part in writing; fine beside another process that writes */
#define STOA_OPEN_EXCLUSIVE 4u	/* the database must not be there yet */

/**
 * struct stoa_options - how to open a database; start from STOA_OPTIONS_INIT
 * @size:          sizeof(struct stoa_options), so that the struct can grow
 * @flags:         STOA_OPEN_*
 * @durability:    the default of its transactions
 * @lazy_ms:       longest time a STOA_LAZY commit may wait for the disk; 0 means 100
 * @busy_ms:       how long to wait for another process's writer lock: 0 not at all, -1 for ever
 * @log_max_bytes: redo log that starts a background checkpoint, when it has so much or would with
 *                 one more transaction like the last; 0 means 64 MiB. Writers that fill half as
 *                 much again while it runs wait for it, a second at most each
 * @map_bytes:     address space reserved for the catalog; 0 means 16 GiB
 * @memory_limit:  bytes that the database and its queries may hold in memory; 0 means no limit.
 *                 Writes that would pass it are STOA_ENOMEM; a query that sorts, groups or joins
 *                 more puts the rest into a temporary file without a name, in the database's
 *                 directory or, where it may not write there, in $TMPDIR. An operator may always
 *                 hold a megabyte
 * @n_threads:     threads that one query may use; 0 means one for each processor. The first query
 *                 that needs them starts them, and as many rest until the database is closed
 */
struct stoa_options {
	size_t size;
	uint32_t flags;
	int durability;
	uint32_t lazy_ms;
	int32_t busy_ms;
	uint64_t log_max_bytes;
	uint64_t map_bytes;
	uint64_t memory_limit;
	uint32_t n_threads;
};
#define STOA_OPTIONS_INIT { sizeof(struct stoa_options), 0, 0, 0, 0, 0, 0, 0, 0 }

/**
 * stoa_open() - open a database, creating it where it is missing
 * @path:    a directory, by custom NAME.stoa; NULL or ":memory:" for one that lives in memory only
 * @options: NULL for the defaults
 * @out:     receives the handle; NULL on failure
 *
 * After a crash, open replays the redo log: what was committed is there, the rest is not. Its time
 * depends on the log and on what changed in place since it was written, not on the number of rows.
 *
 * Returns: STOA_OK; STOA_ENOTFOUND; STOA_EEXIST; STOA_EBUSY with the writer's pid in the text;
 *          STOA_ECORRUPT; STOA_EVERSION; STOA_EIO; STOA_ENOMEM; STOA_EINVAL.
 */
STOA_API STOA_CHECK_RESULT int stoa_open(const char *path, const struct stoa_options *options,
					 stoa_db **out, struct stoa_error *err);

/**
 * stoa_close() - write a checkpoint, give up the database and free the handle, whatever is returned
 *
 * Every transaction, cursor, statement and handle must be finished, else STOA_ESTATE and nothing is
 * closed. The handle of a read-only or in-memory database writes nothing. NULL is fine. In a child
 * after fork() nothing is done: the handle is the parent's.
 *
 * Returns: STOA_OK; STOA_ESTATE; STOA_EIO or STOA_EFULL if the checkpoint could not be written:
 *          then nothing committed is lost, the next open replays the log.
 *          STOA_EIO also after a failed flush (see stoa_commit()), when lazy commits may be lost.
 */
STOA_API int stoa_close(stoa_db *db, struct stoa_error *err);

/**
 * stoa_discard() - remove a database with all that is in it, and free the handle
 *
 * For who made one (STOA_OPEN_EXCLUSIVE tells) and could not fill it: nothing is left, as if it had
 * never been made. The directory goes in one step; what is in it that is no file of a database
 * stays under another name, PATH.new- and eight digits. Processes that read it go on with what they
 * have open. As stoa_close() in all else: of one in memory nothing but the handle is there to go,
 * NULL is fine, and in a child after fork() nothing is done.
 *
 * Returns: STOA_OK; STOA_ESTATE while transactions, cursors, statements or handles of rows are open,
 *          and STOA_EREADONLY of a handle that only reads: nothing is removed then, nor closed;
 *          STOA_EIO if the directory could not be renamed or its folder not be synced: the handle is
 *          free, and the database may still be there.
 */
STOA_API int stoa_discard(stoa_db *db, struct stoa_error *err);

/**
 * stoa_checkpoint() - write a checkpoint now and wait for it; the redo log is empty afterwards
 *
 * Waits for the write transaction that is open, if any; STOA_ESTATE if it is this thread's.
 */
STOA_API STOA_CHECK_RESULT int stoa_checkpoint(stoa_db *db, struct stoa_error *err);

/**
 * stoa_refresh() - in a read-only database: see what the writing process has committed since
 *
 * Transactions that are open go on seeing what they saw. On a database that is open for writing
 * there is nothing to do. Cost: that of opening, when anything changed; a few small reads
 * otherwise.
 */
STOA_API STOA_CHECK_RESULT int stoa_refresh(stoa_db *db, struct stoa_error *err);

/**
 * stoa_is_awaited() - does another process wait to open the database for writing?
 *
 * One process at a time has a database open for writing. Opening and closing it takes some
 * milliseconds, so who writes now and then keeps it open, and closes it when this says so: another one
 * waits in stoa_open(), with a busy_ms that is not 0. Who fails at once, with STOA_EBUSY, is not seen.
 *
 * Returns: false also of a database that is in memory or open to be read only, of NULL, in a child
 *          after fork(), and where it cannot be told.
 * Cost:    one system call.
 * Since:   0.1
 */
STOA_API bool stoa_is_awaited(stoa_db *db);

/**
 * struct stoa_stat - what a database or table holds; all sizes in bytes
 * @n_tables:       tables
 * @n_rows:         rows that scans see
 * @n_groups:       sealed row groups
 * @n_dead:         deleted rows whose space has not come back yet
 * @disk_bytes:     all files
 * @segment_bytes:  immutable files
 * @catalog_bytes:  the catalog
 * @log_bytes:      redo log in use
 * @memory_bytes:   heap held by tables, versions and strings; of a table: what its newest commit
 *                  takes, without strings
 * @tail_bytes:     heap of it in rows not yet sealed
 * @overlay_bytes:  heap of it in changed values of sealed rows, and live bitmaps
 * @n_symbols:      interned strings that something holds
 * @symbol_bytes:   heap of it in interned strings
 * @n_snapshots:    versions that transactions and cursors hold, beyond the newest
 * @commit:         number of the newest commit
 * @oldest_commit:  number of the commit that the oldest snapshot shows; @commit if there is none
 * @pinned_bytes:   heap that goes when the snapshots go: what only they see and still need. A
 *                  cursor needs what it has still to visit: row groups that it has passed are not
 *                  among these
 * @pinned_disk_bytes: files that are removed already and take space until the snapshots go; not in
 *                     @disk_bytes
 * @pinned_groups:  row groups that only snapshots see and still need
 * @n_cursors:      cursors that are open on tables, in this process
 */
struct stoa_stat {
	size_t size;
	uint64_t n_tables;
	uint64_t n_rows;
	uint64_t n_groups;
	uint64_t n_dead;
	uint64_t disk_bytes;
	uint64_t segment_bytes;
	uint64_t catalog_bytes;
	uint64_t log_bytes;
	uint64_t memory_bytes;
	uint64_t tail_bytes;
	uint64_t overlay_bytes;
	uint64_t n_symbols;
	uint64_t symbol_bytes;
	uint64_t n_snapshots;
	uint64_t commit;
	uint64_t oldest_commit;
	uint64_t pinned_bytes;
	uint64_t pinned_disk_bytes;
	uint64_t pinned_groups;
	uint64_t n_cursors;
};
#define STOA_STAT_INIT \
	{ sizeof(struct stoa_stat), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/**
 * stoa_stat() - measure the whole database (@table 0) or one table
 *
 * Of a table, sizes of files and what snapshots pin are those of the database; a trace
 * (stoa_trace_take()) has all by table, slot and index. Cost: O(row groups), and some 20 ns for
 * each block of the tables' memory.
 */
STOA_API STOA_CHECK_RESULT int stoa_stat(stoa_txn *txn, stoa_table table, struct stoa_stat *out,
					 struct stoa_error *err);

/**
 * stoa_check() - read and verify every byte of a database directory that no one is writing
 * @report: called for each thing found wrong, with its file, offset and description; may be NULL
 * @ctx:    handed to @report
 *
 * Returns: STOA_OK when all is well; STOA_ECORRUPT when @report was called; any error of
 *          stoa_open(). Writes nothing, and needs no permission to. Cost: reads all files once.
 */
typedef void stoa_check_report(void *ctx, const char *file, uint64_t offset, const char *what);
STOA_API STOA_CHECK_RESULT int stoa_check(const char *path, stoa_check_report *report, void *ctx,
					  struct stoa_error *err);

/**
 * struct stoa_backup_stat - what a backup did, or has done so far
 * @commit:       the newest commit that is in it
 * @n_files:      segment files that it consists of, and their bytes: most of a database
 * @bytes:        of these
 * @n_copied:     files that had to be copied; the others were there from an earlier backup
 * @bytes_copied: of these
 */
struct stoa_backup_stat {
	size_t size;
	uint64_t commit;
	uint64_t n_files;
	uint64_t bytes;
	uint64_t n_copied;
	uint64_t bytes_copied;
};
#define STOA_BACKUP_STAT_INIT { sizeof(struct stoa_backup_stat), 0, 0, 0, 0, 0 }

/*
 * Read and verify every byte of the backup before it takes its place; files of the older backup
 * that went bad are copied anew.
 */
#define STOA_BACKUP_VERIFY 1u

/**
 * struct stoa_backup_options - how to make a backup; start from STOA_BACKUP_OPTIONS_INIT
 * @size:     sizeof(struct stoa_backup_options)
 * @flags:    STOA_BACKUP_*
 * @progress: called after each segment file, from the calling thread; any result but 0 cancels. May
 *            be NULL
 * @ctx:      handed to @progress
 */
struct stoa_backup_options {
	size_t size;
	uint32_t flags;
	int (*progress)(void *ctx, const struct stoa_backup_stat *now);
	void *ctx;
};
#define STOA_BACKUP_OPTIONS_INIT { sizeof(struct stoa_backup_options), 0, NULL, NULL }

/**
 * stoa_backup() - copy a database into another directory, beside whoever is writing to it
 * @db:      open for writing or read-only; not in memory
 * @path:    the backup: what is not there yet, or an older backup of the same database, which is
 *           replaced
 * @options: NULL for the defaults
 * @out:     receives what was done; may be NULL
 *
 * The backup is a database directory like any other, with every commit that had returned when this
 * was called, and perhaps some that came meanwhile, none of them in part. It is opened, checked and
 * backed up like any other; to go back to it, open it or back it up to where the database was.
 *
 * It is made in @path with ".partial" added, which takes the name @path when it is complete: a
 * crash leaves the older backup as it was. Segment files, which never change, are taken from the
 * older backup where it has them (the two share them until the older one is removed), and from an
 * attempt that did not get to its end; every file that is copied is verified on its way. Writers go
 * on, but for a checkpoint, which waits while the catalog and the log are copied.
 *
 * Returns: STOA_OK; STOA_EEXIST if @path is something else than an older backup of this database;
 *          STOA_EBUSY if somebody writes to the older backup, or another backup to @path is at
 *          work; STOA_ECORRUPT if a file of the database is damaged; STOA_EUNSUPPORTED for a
 *          database in memory, and where the file system cannot put a directory in the place of
 *          another; STOA_EFULL, STOA_EIO; STOA_ECANCELED. After a failure what was copied stays in
 *          the partial directory, to go on from.
 * Threads: any; a write transaction may be open, what it did is not in the backup.
 * Cost:    reads and writes what is new; O(files) for the rest. With STOA_BACKUP_VERIFY reads all
 *          of the backup once more.
 */
STOA_API STOA_CHECK_RESULT int stoa_backup(stoa_db *db, const char *path,
					   const struct stoa_backup_options *options,
					   struct stoa_backup_stat *out, struct stoa_error *err);

/**
 * stoa_recover_report - told what stoa_recover() could not save, or not as it was
 * @table: its name; NULL where that is not known, or where it is not about one
 * @first: rows from this rowid
 * @last:  to this one are lost; both 0 where no rows are
 * @what:  words for it
 */
typedef void stoa_recover_report(void *ctx, const char *table, stoa_rowid first, stoa_rowid last,
				 const char *what);

/**
 * struct stoa_recover_stat - what stoa_recover() saved
 * @n_tables: tables in the new database
 * @n_rows:   rows in them
 * @n_losses: how often @report was called, or would have been
 */
struct stoa_recover_stat {
	size_t size;
	uint64_t n_tables;
	uint64_t n_rows;
	uint64_t n_losses;
};
#define STOA_RECOVER_STAT_INIT { sizeof(struct stoa_recover_stat), 0, 0, 0 }

/**
 * stoa_recover() - make a new database of what is not damaged in another
 * @path:   the damaged one; it is read, and nothing in it changes
 * @to:     the new one, which must not be there yet
 * @report: may be NULL, as may @out
 *
 * Row groups are saved whose every byte is as it was written, with the changes and deletes that
 * hang on them; newest rows; and what the redo log has, but commits that do not fit what is left.
 * Rows keep their rowids, tables their numbers and indexes. References to rows that are lost become
 * NULL; where that is not allowed the row that refers is lost, too. Queues keep their order, leases
 * and delays as far as these are known, and else the order of their rows.
 *
 * Where the catalog itself cannot be read, row groups are gathered from the segment files, which
 * know slots by number and type alone: tables are then recovered_1, recovered_2, ..., with slots
 * slot_0, slot_1, ...; changes and deletes since a group was written are lost, and so are
 * references, newest rows and the log.
 *
 * Returns: STOA_OK if there is a new database, whatever was lost; STOA_EEXIST; STOA_ENOTFOUND;
 *          STOA_EBUSY if somebody writes to the damaged one; STOA_EVERSION; STOA_EIO, STOA_EFULL,
 *          STOA_ENOMEM: then there is none.
 */
STOA_API STOA_CHECK_RESULT int stoa_recover(const char *path, const char *to,
					    stoa_recover_report *report, void *ctx,
					    struct stoa_recover_stat *out, struct stoa_error *err);

/* ---- tracing memory and disk -------------------------------------------------------------- */

/*
 * A *trace* says where all bytes are: a tree of nodes, the database at its root, then tables, their
 * slots and indexes, and what each consists of. The numbers of a node are the sums of those below
 * it, and the root's are exact: its memory is what the library has allocated (stoa_trace_memory(),
 * traces left aside), its disk what du says of the directory. Mapped files are disk, not memory:
 * the kernel keeps of them what it has room for. Counting goes on all the time, some instructions
 * an allocation; taking a trace is a walk.
 *
 *     stoa_trace *before, *after, *grown;
 *     size_t top[5];
 *
 *     stoa_trace_take(db, &before, &err);
 *     work(db);
 *     stoa_trace_take(db, &after, &err);
 *     stoa_trace_compare(before, after, &grown, &err);
 *     n = stoa_trace_top(grown, STOA_TRACE_BY_MEMORY, top, 5);
 *     for (size_t i = 0; i < n; i++) {
 *             stoa_trace_path(grown, top[i], path, sizeof path);
 *             printf("%s %+lld\n", path, (long long)stoa_trace_node(grown, top[i])->memory);
 *     }
 *
 * A trace belongs to nobody but the caller: it outlives its database. Threads: one at a time each.
 */
typedef struct stoa_trace stoa_trace;

/** enum stoa_trace_kind - what a node is; comments say what its @count counts */
enum stoa_trace_kind {
	STOA_TRACE_DATABASE = 1,	/* tables */
	STOA_TRACE_TABLE = 2,		/* rows */
	STOA_TRACE_SLOT = 3,		/* nothing */
	STOA_TRACE_COLUMN = 4,		/* of sealed row groups, encoded: row groups */
	STOA_TRACE_TAIL = 5,		/* of the newest rows, plain: pages of 256 values */
	STOA_TRACE_OVERLAY = 6,		/* changed values of sealed rows: pages of 256 values */
	STOA_TRACE_ROWS = 7,		/* which rows there are: live bitmaps, counts of references, groups */
	STOA_TRACE_INDEX = 8,		/* entries; 0 where that is not known */
	STOA_TRACE_STRINGS = 9,		/* interned: strings */
	STOA_TRACE_FILES = 10,		/* log, catalog, what surrounds columns in segments: files */
	STOA_TRACE_PINNED = 11,		/* what only older versions see: snapshots */
	STOA_TRACE_WORK = 12,		/* transactions and queries that are open */
	STOA_TRACE_OTHER = 13,		/* the rest */
	STOA_TRACE_SITE = 14,		/* a call of the application, or all of them: rows it put in */
};

/** stoa_trace_kind_name() - "table", "column", ...; never NULL */
STOA_API const char *stoa_trace_kind_name(int kind);

/**
 * struct stoa_trace_node - a node of a trace; in a comparison, what has changed: then numbers may
 * be negative
 * @name:     of a table, slot or index, or words for it; borrows from the trace
 * @kind:     enum stoa_trace_kind
 * @parent:   number of the node it is below; the root's is its own, 0
 * @end:      number behind those of the nodes below it: @end - 1 is the last of them
 * @depth:    0 for the root
 * @memory:   bytes of heap
 * @disk:     bytes of files, as du counts them
 * @unlinked: bytes of files that have no name any more: free when their last user is gone, and not
 *            in @disk
 * @memory_garbage: of @memory, what nothing needs any more: rows that have died, values that were
 *            changed since. By the numbers of rows: values of a column are taken to be of one size
 * @disk_garbage: the same of @disk
 * @count:    see enum stoa_trace_kind
 */
struct stoa_trace_node {
	const char *name;
	int kind;
	uint32_t parent;
	uint32_t end;
	uint32_t depth;
	int64_t memory;
	int64_t disk;
	int64_t unlinked;
	int64_t memory_garbage;
	int64_t disk_garbage;
	int64_t count;
};

/** enum stoa_trace_measure - by what nodes are put in order */
enum stoa_trace_measure {
	STOA_TRACE_BY_MEMORY = 0,
	STOA_TRACE_BY_DISK = 1,
	STOA_TRACE_BY_BYTES = 2,	/* memory and disk */
	STOA_TRACE_BY_GARBAGE = 3,	/* of both */
	STOA_TRACE_BY_UNLINKED = 4,
	STOA_TRACE_BY_COUNT = 5,
};

/** stoa_trace_measure_of() - that number of a node */
STOA_API int64_t stoa_trace_measure_of(const struct stoa_trace_node *node, int measure);

/**
 * stoa_trace_take() - say where the bytes of a database are now
 *
 * Of the newest commit that is published; what older snapshots and open transactions hold beside it
 * has nodes of its own. While other threads work, numbers of different moments meet, and a node
 * "elsewhere" takes up the difference.
 *
 * Returns: STOA_OK; STOA_ENOMEM; STOA_EIO, STOA_ECORRUPT if a segment's directory cannot be read.
 * Threads: any. Waits for a checkpoint that runs, not for writers. Cost: about 20 ns for each block
 *          of memory, and a system call for each file.
 */
STOA_API STOA_CHECK_RESULT int stoa_trace_take(stoa_db *db, stoa_trace **out,
					       struct stoa_error *err);

/** stoa_trace_free() - NULL is fine */
STOA_API void stoa_trace_free(stoa_trace *trace);

/** stoa_trace_node() - node @i, in the order of a walk, each before those below it; NULL behind the last */
STOA_API const struct stoa_trace_node *stoa_trace_node(const stoa_trace *trace, size_t i);

/** stoa_trace_path() - the names from below the root to node @i, as "hits / url / tail"; as stoa_value_print() */
STOA_API size_t stoa_trace_path(const stoa_trace *trace, size_t i, char *buf, size_t size);

/**
 * stoa_trace_top() - the nodes that matter most
 * @out: receives the numbers of at most @n nodes without nodes below them, the largest change or
 *       size first; none that measures 0
 *
 * Returns: how many.
 */
STOA_API size_t stoa_trace_top(const stoa_trace *trace, int measure, size_t *out, size_t n);

/** stoa_trace_compare() - what @newer has beyond @older: nodes of either, matched by kind and name, by which siblings differ. STOA_OK, STOA_ENOMEM */
STOA_API STOA_CHECK_RESULT int stoa_trace_compare(const stoa_trace *older, const stoa_trace *newer,
						  stoa_trace **out, struct stoa_error *err);

/** stoa_trace_json() - a trace as JSON, NUL-terminated; borrows from the trace. STOA_OK, STOA_ENOMEM */
STOA_API STOA_CHECK_RESULT int stoa_trace_json(stoa_trace *trace, const char **out, size_t *len,
					       struct stoa_error *err);

/**
 * stoa_trace_parse() - read what stoa_trace_json() wrote
 *
 * Returns: STOA_OK; STOA_ESYNTAX with line and column; STOA_EFULL for more nodes than a trace may
 *          have; STOA_ENOMEM.
 */
STOA_API STOA_CHECK_RESULT int stoa_trace_parse(const char *json, size_t len, stoa_trace **out,
						struct stoa_error *err);

/**
 * stoa_trace_start() - from now on, note the call of the application that memory is taken under
 *
 * Each allocation is remembered with the return addresses of up to 48 calls until it is freed, for
 * all databases of the process. Off, which is how a process begins, this costs an allocation a
 * branch that is never taken; on, a few microseconds and some hundred bytes: for who looks for
 * something, not for always.
 *
 *     stoa_trace_start(&err);
 *     work(db);
 *     stoa_trace_sites(&trace, &err);
 *     n = stoa_trace_top(trace, STOA_TRACE_BY_MEMORY, top, 5);
 *     for (size_t i = 0; i < n; i++)
 *             printf("%12lld  %s\n", (long long)stoa_trace_node(trace, top[i])->memory,
 *                    stoa_trace_node(trace, top[i])->name);
 *     stoa_trace_free(trace);
 *     stoa_trace_stop();
 *
 * Returns: STOA_OK; STOA_ESTATE if it is on already.
 * Threads: any.
 */
STOA_API STOA_CHECK_RESULT int stoa_trace_start(struct stoa_error *err);

/** stoa_trace_stop() - end that, and forget what was noted; may be called when it is off. Threads: any */
STOA_API void stoa_trace_stop(void);

/**
 * stoa_trace_sites() - say which calls of the application have what memory, since stoa_trace_start()
 *
 * The root's memory is stoa_trace_memory() before the call. Below it are the calls of the
 * application, main() or the first function of a thread outermost, each with those that were made
 * within it; the leaves are calls of the library: @memory, what was allocated under it and not
 * freed yet, wherever it belongs now; @count, the rows that it put in. A name is as
 * "load_orders (shop+0x1a2f)": a function, if the dynamic linker knows it (of a program, when that
 * was linked with -rdynamic); a file, and the address in it, which addr2line(1) turns into a line
 * of the source. stoa_trace_path() has all calls from the outside in. A database that threads of
 * an application change together has what it needs under the name of who happened to need it.
 *
 * Other nodes are "threads of the library" (the collector, checkpoints), "before it was started",
 * with what there was no memory to note, and "noting it". In a program that has the library linked
 * in statically, its calls are told by the names of functions: it is to be linked with -rdynamic.
 *
 * All of stoa_trace_top(), stoa_trace_compare() and stoa_trace_json() works on it.
 *
 * Returns: STOA_OK; STOA_ESTATE if it is off; STOA_ENOMEM.
 * Threads: any. Cost: some microseconds for each distinct stack of calls.
 */
STOA_API STOA_CHECK_RESULT int stoa_trace_sites(stoa_trace **out, struct stoa_error *err);

/** stoa_trace_memory() - bytes of heap that the library has now, for all databases of the process, and traces */
STOA_API uint64_t stoa_trace_memory(void);

/* ---- collecting garbage ------------------------------------------------------------------ */

/*
 * Deleted rows, changed values and dropped slots leave garbage in row groups. A collector in the
 * background rewrites groups that have too much of it, beside writers and readers; rowids go on
 * meaning the same rows, and whatever is open goes on showing what it showed. Groups have
 * generations: 0 as they were made, 1 and 2 when they were rewritten once and more often. Old ones
 * are looked at less often than young ones, and bear more garbage. It is on by default.
 */
#define STOA_GC_GENERATIONS 3

/**
 * struct stoa_gc_stats - what collections of a generation did since the database was opened, or one
 * of them
 * @collections:     how many
 * @groups_read:     row groups that were rewritten
 * @groups_made:     and what they became
 * @rows_moved:      rows that went on
 * @rows_reclaimed:  dead rows that did not
 * @bytes_reclaimed: of encoded rows; they are free once nothing shows them any more
 * @runs_given_up:   because writers changed too much meanwhile: tried again later
 * @seconds:         time they took
 * @longest_pause:   the longest time that a writer may have waited for one, in seconds
 * @rows_in_cycles:  deleted rows that only each other referred to, and that died
 */
struct stoa_gc_stats {
	size_t size;
	uint64_t collections;
	uint64_t groups_read;
	uint64_t groups_made;
	uint64_t rows_moved;
	uint64_t rows_reclaimed;
	uint64_t bytes_reclaimed;
	uint64_t runs_given_up;
	double seconds;
	double longest_pause;
	uint64_t rows_in_cycles;
};
#define STOA_GC_STATS_INIT { sizeof(struct stoa_gc_stats), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/**
 * stoa_gc_collect() - collect now, and wait for it
 * @generation: groups of this one and of younger ones; 2 is all
 * @out:        receives what it did; may be NULL
 *
 * Dead cycles of references are found, in all generations, and their rows die; whatever a hundredth
 * of which is garbage is rewritten, small groups side by side are merged, and a checkpoint lets the
 * old files go. Works when the collector is disabled, too. Returns: STOA_OK; STOA_ESTATE if this
 * thread has a write transaction open; STOA_EREADONLY; STOA_EINVAL; STOA_EIO, STOA_EFULL,
 * STOA_ENOMEM, STOA_ECORRUPT: then all rows are what they were, and some groups may have been
 * rewritten.
 * Cost: reads and encodes the groups, some million rows a second; the writer waits for
 * milliseconds at a time.
 */
STOA_API STOA_CHECK_RESULT int stoa_gc_collect(stoa_db *db, int generation,
					       struct stoa_gc_stats *out, struct stoa_error *err);

/**
 * stoa_gc_cool() - collect everything, and compress it for rows that are seldom read
 *
 * Numbers, texts and blobs of all row groups that there are go under zstd, 2,048 rows at a time,
 * wherever that makes them a tenth smaller: some three quarters of the size are left of a table of
 * numbers and sentences. Strings stay as they are. All calls go on to work, slower: a scan
 * decompresses some hundred million values a second and core, and reading one row costs some ten
 * microseconds a slot. Row groups stay cold when they are collected later; rows that come later are
 * not.
 *
 * Returns: as stoa_gc_collect(). Cost: some 200 thousand rows a second and 16 slots.
 */
STOA_API STOA_CHECK_RESULT int stoa_gc_cool(stoa_db *db, struct stoa_gc_stats *out,
					    struct stoa_error *err);

/** stoa_gc_enable() - may the collector work by itself? What it is at, it finishes */
STOA_API STOA_CHECK_RESULT int stoa_gc_enable(stoa_db *db, bool on, struct stoa_error *err);
STOA_API bool stoa_gc_is_enabled(const stoa_db *db);

/**
 * stoa_gc_set_threshold() - how much garbage a group of a generation may have: 1 to 100 percent of
 * its bytes
 *
 * 15, 20 and 25 unless set. Kept while the database is open.
 */
STOA_API STOA_CHECK_RESULT int stoa_gc_set_threshold(stoa_db *db, int generation, unsigned percent,
						     struct stoa_error *err);
STOA_API STOA_CHECK_RESULT int stoa_gc_threshold(stoa_db *db, int generation, unsigned *percent,
						 struct stoa_error *err);

/** stoa_gc_freeze() - leave alone all row groups that there are now; with @on false, none */
STOA_API STOA_CHECK_RESULT int stoa_gc_freeze(stoa_db *db, bool on, struct stoa_error *err);

/** stoa_gc_stats() - what collections of a generation have done; @out->size is set */
STOA_API STOA_CHECK_RESULT int stoa_gc_stats(stoa_db *db, int generation,
					     struct stoa_gc_stats *out, struct stoa_error *err);

#define STOA_GC_BEFORE 0
#define STOA_GC_AFTER 1

/**
 * stoa_gc_callback - is told when a collection begins and ends
 * @phase: STOA_GC_BEFORE or STOA_GC_AFTER
 * @stats: of this collection; zeros before it
 *
 * Called by the thread that collects. It may begin no write transaction, nor collect, nor close the
 * database.
 */
typedef void stoa_gc_callback(void *ctx, int phase, int generation,
			      const struct stoa_gc_stats *stats);
/** stoa_gc_set_callback() - who is told; NULL for nobody. One that runs is not waited for */
STOA_API STOA_CHECK_RESULT int stoa_gc_set_callback(stoa_db *db, stoa_gc_callback *callback,
						    void *ctx, struct stoa_error *err);

/* ---- transactions ----------------------------------------------------------------------- */

#define STOA_READ 0u	/* a snapshot: sees the newest commit, for as long as it is open */
#define STOA_WRITE 1u	/* reads its own writes; others see them from commit on */

/**
 * stoa_begin() - begin a transaction
 * @flags: STOA_READ or STOA_WRITE
 *
 * STOA_WRITE waits for the write transaction that is open, if any (a second one by the same thread
 * is STOA_ESTATE). STOA_READ never waits. Cost: under a microsecond.
 */
STOA_API STOA_CHECK_RESULT int stoa_begin(stoa_db *db, unsigned flags, stoa_txn **out,
					  struct stoa_error *err);

/**
 * stoa_commit() - make a transaction's writes last and free the handle, whatever is returned
 *
 * Returns: STOA_OK: the writes are there for every later transaction and, with STOA_FULL, on the
 *          disk, together with all commits before, lazy ones too. STOA_EUNKNOWN: the disk failed in
 *          a flush; the database is read-only from here on, and reopening it shows whether the
 *          commit took place. Any other error (STOA_EFULL: the log has no room on the disk): the
 *          transaction was aborted.
 * Cost:    one flush of the disk with STOA_FULL, shared with the commits of other threads that
 *          arrive while it runs; no flush otherwise. Where writers outrun the checkpoint or the
 *          collection that runs, so that log or garbage would grow without bound, a commit that is
 *          done waits for it, a second at most.
 */
STOA_API STOA_CHECK_RESULT int stoa_commit(stoa_txn *txn, struct stoa_error *err);

/** stoa_abort() - undo a transaction's writes and free the handle; ends a read transaction; NULL is fine */
STOA_API void stoa_abort(stoa_txn *txn);

/** stoa_set_durability() - choose how this transaction commits; an enum stoa_durability */
STOA_API STOA_CHECK_RESULT int stoa_set_durability(stoa_txn *txn, int durability,
						   struct stoa_error *err);

/**
 * stoa_savepoint() - mark a point in a write transaction to go back to
 * @out: receives the mark, good until the transaction ends, gives it up or goes back to an earlier
 *       mark
 */
STOA_API STOA_CHECK_RESULT int stoa_savepoint(stoa_txn *txn, uint32_t *out, struct stoa_error *err);

/**
 * stoa_rollback_to() - undo what the transaction did since a savepoint, which stays usable
 *
 * Cursors opened on the transaction since then return STOA_ESTATE from here on.
 */
STOA_API STOA_CHECK_RESULT int stoa_rollback_to(stoa_txn *txn, uint32_t savepoint,
						struct stoa_error *err);

/**
 * stoa_release() - give up a savepoint, and those marked after it; what was done since stays
 *
 * A savepoint keeps what it could go back to in memory, so one that is no longer wanted should go.
 */
STOA_API STOA_CHECK_RESULT int stoa_release(stoa_txn *txn, uint32_t savepoint,
					    struct stoa_error *err);

/* ---- schema ----------------------------------------------------------------------------- */

#define STOA_NOT_NULL 1u	/* of a slot: every row has a value */

/**
 * struct stoa_slot - a named, typed field of a table
 * @name:      UTF-8, 1 to STOA_NAME_MAX bytes, unique in its table without regard to ASCII case
 * @type:      an enum stoa_type
 * @precision: digits in all, for STOA_DECIMAL: 1 to 18; 0 elsewhere
 * @scale:     digits after the point, for STOA_DECIMAL: 0 to @precision
 * @flags:     STOA_NOT_NULL
 * @value:     the default, of type STOA_NULL for none
 * @target:    of STOA_REF and STOA_WEAK_REF: the table whose rows are meant, 0 for the slot's own;
 *             else 0
 */
struct stoa_slot {
	const char *name;
	uint8_t type;
	uint8_t precision;
	uint8_t scale;
	uint32_t flags;
	struct stoa_value value;
	stoa_table target;
};

/** stoa_table_create() - make a table; STOA_EEXIST if the name is taken, STOA_EINVAL for a bad slot */
STOA_API STOA_CHECK_RESULT int stoa_table_create(stoa_txn *txn, const char *name,
						 const struct stoa_slot *slots, size_t n_slots,
						 stoa_table *out, struct stoa_error *err);

/** stoa_table_drop() - remove a table and its rows; space comes back with the last snapshot that sees it */
STOA_API STOA_CHECK_RESULT int stoa_table_drop(stoa_txn *txn, stoa_table table,
					       struct stoa_error *err);

/** stoa_table_rename() - give a table another name */
STOA_API STOA_CHECK_RESULT int stoa_table_rename(stoa_txn *txn, stoa_table table, const char *name,
						 struct stoa_error *err);

/** stoa_table_freeze() - make a table immutable for good: every later write to it is STOA_EREADONLY */
STOA_API STOA_CHECK_RESULT int stoa_table_freeze(stoa_txn *txn, stoa_table table,
						 struct stoa_error *err);

/** stoa_table_find() - a table by name, without regard to ASCII case; STOA_ENOTFOUND if there is none */
STOA_API STOA_CHECK_RESULT int stoa_table_find(stoa_txn *txn, const char *name, stoa_table *out,
					       struct stoa_error *err);

/**
 * stoa_table_next() - walk the tables: the one with the smallest number above @table
 * @table: 0 for the first
 *
 * Returns: STOA_ROW; STOA_END after the last.
 */
STOA_API STOA_CHECK_RESULT int stoa_table_next(stoa_txn *txn, stoa_table table, stoa_table *out,
					       struct stoa_error *err);

/**
 * struct stoa_table_info - what a table looks like
 *
 * Borrows from the transaction: good until it ends or changes the table's schema.
 */
struct stoa_table_info {
	const char *name;
	const struct stoa_slot *slots;
	size_t n_slots;
	bool frozen;
	uint64_t n_rows;
	stoa_rowid next_rowid;
	stoa_table deaths;	/* its death queue; 0 if it has none */
};

/** stoa_table_info() - the name, slots and row count of a table */
STOA_API STOA_CHECK_RESULT int stoa_table_info(stoa_txn *txn, stoa_table table,
					       struct stoa_table_info *out, struct stoa_error *err);

/**
 * stoa_slot_add() - add a slot after the others; rows that are there read its default, or NULL
 *
 * No row is rewritten. STOA_ENULL for a not-null slot without a default in a table with rows.
 */
STOA_API STOA_CHECK_RESULT int stoa_slot_add(stoa_txn *txn, stoa_table table,
					     const struct stoa_slot *slot, struct stoa_error *err);

/** stoa_slot_drop() - remove a slot; its values go as row groups are rewritten; the last one may not go */
STOA_API STOA_CHECK_RESULT int stoa_slot_drop(stoa_txn *txn, stoa_table table, const char *name,
					      struct stoa_error *err);

/** stoa_slot_rename() - give a slot another name; no row is rewritten */
STOA_API STOA_CHECK_RESULT int stoa_slot_rename(stoa_txn *txn, stoa_table table, const char *name,
						const char *new_name, struct stoa_error *err);

/* ---- indexes ---------------------------------------------------------------------------- */

/** enum stoa_index_kind - what an index is for */
enum stoa_index_kind {
	STOA_INDEX_SET = 1,	/* finds rows by the values of its slots, and may keep them unique */
	STOA_INDEX_DEQUE = 2,	/* an order of rows with two ends */
};

#define STOA_INDEX_UNIQUE 1u	/* of a set: no two rows have equal values; NULL equals nothing */
#define STOA_INDEX_PRIMARY 2u	/* of a unique set, one for each table: its key; all its slots are not null */

/**
 * struct stoa_index_options - what an index is to be; start from STOA_INDEX_OPTIONS_INIT
 * @size:    sizeof(struct stoa_index_options)
 * @name:    UTF-8, 1 to STOA_NAME_MAX bytes, unique in its table without regard to ASCII case; NULL
 *           for the names of its slots with underscores between them
 * @kind:    an enum stoa_index_kind
 * @flags:   STOA_INDEX_*
 * @slots:   positions of its slots in the schema, from 0, each once
 * @n_slots: how many, up to STOA_INDEX_SLOTS_MAX; a set has at least one; a deque has none, or one
 *           that names the queue a row is in: any type but floats, names of at most
 *           STOA_QUEUE_NAME_MAX bytes
 * @maxlen:  of a deque: rows that each of its queues may hold; a push beyond it deletes the row at
 *           the other end. 0: no limit
 * @attempts_max: of a deque: a job that comes back after so many claims goes to @dead. 0: it comes
 *                back for ever
 * @dead:    with @attempts_max: a table with as many slots of the same types, where such rows go,
 *           into its deque if it has one. While that is not possible they stay where they are
 */
struct stoa_index_options {
	size_t size;
	const char *name;
	int kind;
	uint32_t flags;
	const uint32_t *slots;
	size_t n_slots;
	uint64_t maxlen;
	uint32_t attempts_max;
	stoa_table dead;
};
#define STOA_INDEX_OPTIONS_INIT { sizeof(struct stoa_index_options), NULL, 0, 0, NULL, 0, 0, 0, 0 }

/**
 * stoa_index_create() - make an index over the rows that a table has and will have
 * @out: receives its number; may be NULL
 *
 * Returns: STOA_OK; STOA_EEXIST if the name is taken, or if rows have equal keys that are to be
 *          unique (the text names two of them); STOA_EINVAL; STOA_EFULL past STOA_INDEXES_MAX;
 *          STOA_ESTATE while an appender is open.
 * Cost:    a set: one pass over the table.
 */
STOA_API STOA_CHECK_RESULT int stoa_index_create(stoa_txn *txn, stoa_table table,
						 const struct stoa_index_options *options,
						 stoa_index *out, struct stoa_error *err);

/**
 * stoa_index_ensure_unique() - a unique set index on these slots: the one that is there, or a new
 * one
 * @slots: their names, with commas between them
 *
 * Returns: as stoa_index_create(); STOA_ENOTFOUND for a slot that is not there.
 */
STOA_API STOA_CHECK_RESULT int stoa_index_ensure_unique(stoa_txn *txn, stoa_table table,
							const char *slots, stoa_index *out,
							struct stoa_error *err);

/** stoa_index_drop() - remove an index; the rows stay */
STOA_API STOA_CHECK_RESULT int stoa_index_drop(stoa_txn *txn, stoa_table table, stoa_index index,
					       struct stoa_error *err);

/** stoa_index_find() - an index by name, without regard to ASCII case; STOA_ENOTFOUND if there is none */
STOA_API STOA_CHECK_RESULT int stoa_index_find(stoa_txn *txn, stoa_table table, const char *name,
					       stoa_index *out, struct stoa_error *err);

/**
 * stoa_index_next() - walk the indexes of a table: the one with the smallest number above @index
 * @index: 0 for the first
 *
 * Returns: STOA_ROW; STOA_END after the last.
 */
STOA_API STOA_CHECK_RESULT int stoa_index_next(stoa_txn *txn, stoa_table table, stoa_index index,
					       stoa_index *out, struct stoa_error *err);

/**
 * struct stoa_index_info - what an index is; see struct stoa_index_options
 * @memory_bytes: heap that it holds
 *
 * Borrows from the transaction: good until it ends or changes the table's schema.
 */
struct stoa_index_info {
	const char *name;
	int kind;
	uint32_t flags;
	const uint32_t *slots;
	size_t n_slots;
	uint64_t maxlen;
	uint32_t attempts_max;
	stoa_table dead;
	uint64_t memory_bytes;
};

/** stoa_index_info() - the definition of an index, and what it costs */
STOA_API STOA_CHECK_RESULT int stoa_index_info(stoa_txn *txn, stoa_table table, stoa_index index,
					       struct stoa_index_info *out,
					       struct stoa_error *err);

/* ---- sets ------------------------------------------------------------------------------- */

/*
 * A set index answers "which rows have this key?" in O(1), where a key is a value for each of its
 * slots. A table of one slot with a unique set index is a durable set.
 *
 * Keys are converted to the slots' types as in stoa_insert(); one that does not fit, or has a NULL,
 * is in no row, and neither is a weak reference to a row that has gone, since its slot reads as
 * NULL. What a transaction sees is what its version has: a snapshot goes on finding what it found.
 */

/**
 * stoa_set_find() - is there a row with this key?
 * @key: a value for each slot of the index, in its order
 * @n:   how many
 * @row: receives the rowid of one such row, the only one if the index is unique; may be NULL
 *
 * Returns: STOA_ROW; STOA_END if there is none; STOA_ENOTFOUND if there is no such index;
 *          STOA_EINVAL, STOA_ETYPE.
 * Cost:    O(1), plus the log of the number of row groups; stoa_set_open() is for many.
 */
STOA_API STOA_CHECK_RESULT int stoa_set_find(stoa_txn *txn, stoa_table table, stoa_index index,
					     const struct stoa_value *key, size_t n,
					     stoa_rowid *row, struct stoa_error *err);

/**
 * stoa_set_rows() - all rows with this key, in ascending order
 * @rows:   receives up to @n_max rowids
 * @n_rows: receives how many there are, which may be more
 */
STOA_API STOA_CHECK_RESULT int stoa_set_rows(stoa_txn *txn, stoa_table table, stoa_index index,
					     const struct stoa_value *key, size_t n,
					     stoa_rowid *rows, size_t n_max, size_t *n_rows,
					     struct stoa_error *err);

/**
 * stoa_set_find_many() - look up many keys at once, several times as fast as one by one
 * @columns:   an array for each slot of the index, in its order, of the slot's own type (and scale)
 * @n_columns: the number of slots
 * @n:         keys
 * @found:     receives a bit for each key, in (n + 63) / 64 words; may be NULL
 * @rows:      receives a rowid for each key, 0 where there is none; may be NULL
 */
STOA_API STOA_CHECK_RESULT int stoa_set_find_many(stoa_txn *txn, stoa_table table,
						  stoa_index index,
						  const struct stoa_array *columns,
						  size_t n_columns, size_t n, uint64_t *found,
						  stoa_rowid *rows, struct stoa_error *err);

/**
 * stoa_set_open() - make a set index ready for many look-ups: several times as fast as
 * stoa_set_find()
 * @out: receives the set, to be closed before the database; NULL on failure
 *
 * The set is that of this moment: what the transaction changes afterwards is not in it, and the
 * transaction may end before it. As long as it is open it holds its version, as a cursor does.
 *
 * Returns: STOA_OK; STOA_ENOTFOUND if there is no such index; STOA_ENOMEM.
 * Threads: one at a time per open set; any number may be open.
 * Cost:    O(row groups), and 64 bytes for each.
 */
STOA_API STOA_CHECK_RESULT int stoa_set_open(stoa_txn *txn, stoa_table table, stoa_index index,
					     stoa_set **out, struct stoa_error *err);

/**
 * stoa_set_has() - is there a row with this key? As stoa_set_find()
 *
 * Returns: STOA_ROW, STOA_END, an error; STOA_ESTATE once the transaction went back to before the
 *          set was opened.
 */
STOA_API STOA_CHECK_RESULT int stoa_set_has(stoa_set *set, const struct stoa_value *key, size_t n,
					    stoa_rowid *row, struct stoa_error *err);

/** stoa_set_has_many() - look up many keys at once, twice as fast again; as stoa_set_find_many() */
STOA_API STOA_CHECK_RESULT int stoa_set_has_many(stoa_set *set, const struct stoa_array *columns,
						 size_t n_columns, size_t n, uint64_t *found,
						 stoa_rowid *rows, struct stoa_error *err);

/** enum stoa_set_operation - what to make of two sets */
enum stoa_set_operation {
	STOA_SET_UNION = 1,			/* keys of either */
	STOA_SET_INTERSECTION = 2,		/* keys of both */
	STOA_SET_DIFFERENCE = 3,		/* keys of the first that the second has not */
	STOA_SET_SYMMETRIC_DIFFERENCE = 4,	/* keys of one, but not of the other */
};

/**
 * stoa_set_combine() - a cursor over the keys that an operation on two sets gives
 * @a, @b:      may be of one table, and of transactions of different times; they may be closed
 *              before the cursor
 * @operation: an enum stoa_set_operation
 * @out:       receives the cursor: the slots of @a's index as columns, each key once, with a row
 *             that has it as the rowid of @a or, for keys of @b alone and for some intersections,
 *             of @b. In no order that means anything
 *
 * Lazy, and in memory for a batch. Returns: STOA_OK; STOA_ETYPE unless both have slots of the same
 * types; STOA_EINVAL; STOA_ESTATE; STOA_ENOMEM.
 * Cost:    a look-up for each row of @a, of @b or, for a union or symmetric difference, of both; of
 *          an intersection the smaller.
 */
STOA_API STOA_CHECK_RESULT int stoa_set_combine(stoa_set *a, stoa_set *b, int operation,
						stoa_cursor **out, struct stoa_error *err);

/** stoa_set_close() - free an open set; NULL is fine */
STOA_API void stoa_set_close(stoa_set *set);

/* ---- rows ------------------------------------------------------------------------------- */

/** enum stoa_conflict - what happens to rows that have the key of another in a unique index */
enum stoa_conflict {
	STOA_CONFLICT_ERROR = 0,	/* STOA_EEXIST, and none is added */
	STOA_CONFLICT_IGNORE = 1,	/* the first stays: the one that was there, or came before */
	STOA_CONFLICT_REPLACE = 2,	/* the last stays; those before it are deleted */
};

/**
 * stoa_insert() - add a row
 * @values:   one for each slot, in order; a value is converted where nothing is lost by it
 *            (an integer into any number type that holds it, a decimal into a larger scale)
 * @n_values: the number of slots
 * @out:      receives the rowid; may be NULL
 *
 * Returns: STOA_OK; STOA_ETYPE, STOA_ERANGE, STOA_ENULL with the slot's name in the text;
 *          STOA_EINVAL if @n_values is not the number of slots; STOA_EREADONLY; STOA_ENOMEM.
 * Cost:    O(slots).
 */
STOA_API STOA_CHECK_RESULT int stoa_insert(stoa_txn *txn, stoa_table table,
					   const struct stoa_value *values, size_t n_values,
					   stoa_rowid *out, struct stoa_error *err);

/**
 * stoa_get() - read a whole row
 * @out:   receives one value for each slot, in order
 * @n_out: the number of slots
 *
 * Strings borrow from the transaction: good until the next call that writes in it, the next
 * stoa_get() on it, or its end.
 *
 * A row that was deleted and lives on through references is found. Weak references to rows that do
 * not live are NULL.
 *
 * Returns: STOA_OK; STOA_ENOTFOUND if there is no such row; STOA_ECORRUPT.
 * Cost:    O(slots), plus the log of the number of row groups.
 */
STOA_API STOA_CHECK_RESULT int stoa_get(stoa_txn *txn, stoa_table table, stoa_rowid row,
					struct stoa_value *out, size_t n_out, struct stoa_error *err);

/**
 * stoa_get_many() - read whole rows in one call, in whatever order
 * @rows:  @n rowids; one may come several times
 * @out:   receives the values of one row after the other: @n times @n_out of them
 * @n_out: the number of slots
 * @found: receives a bit for each, whether there is such a row; the values of one that is not there
 *         are NULL. Where this is NULL, all must be there
 *
 * As stoa_get() for each, but that the memory of the rows to come is on its way while one is
 * decoded: a few times as fast where rows are not in the processor's caches. Strings borrow as
 * those of stoa_get(), those of all rows together.
 *
 * Returns: STOA_OK; STOA_ENOTFOUND, naming the row; STOA_EINVAL; STOA_ENOMEM; STOA_ECORRUPT. On an
 *          error @out has nothing of use.
 */
STOA_API STOA_CHECK_RESULT int stoa_get_many(stoa_txn *txn, stoa_table table, const stoa_rowid *rows,
					     size_t n, struct stoa_value *out, size_t n_out,
					     uint64_t *found, struct stoa_error *err);

/**
 * stoa_update() - change some slots of a row
 * @slots:  positions of the slots in the schema, from 0
 * @values: their new values, converted as in stoa_insert()
 * @n:      how many
 */
STOA_API STOA_CHECK_RESULT int stoa_update(stoa_txn *txn, stoa_table table, stoa_rowid row,
					   const uint32_t *slots, const struct stoa_value *values,
					   size_t n, struct stoa_error *err);

/** stoa_delete() - take a row out of its table; STOA_ENOTFOUND if it is no member; see references below */
STOA_API STOA_CHECK_RESULT int stoa_delete(stoa_txn *txn, stoa_table table, stoa_rowid row,
					   struct stoa_error *err);

/* ---- references ------------------------------------------------------------------------- */

/*
 * A row lives while it is a *member* of its table, or a strong reference or a hold needs it.
 * stoa_delete() takes membership away: no scan or query shows the row any more, but stoa_get() and
 * stoa_update() reach it by its rowid as long as it lives. It dies in the commit that takes the
 * last strong reference to it, and gives up its own. A reference can be made only to a row that
 * lives, or to the one that is being inserted: STOA_ENOTFOUND names slot, table and row.
 *
 * In a bulk load (appender, CSV import) references are checked and counted when the rows are put in
 * their table, so they may be to rows of the same load. A table that others have strong reference
 * slots to is not dropped before them: STOA_EBUSY names them.
 */

typedef struct stoa_handle stoa_handle;

/**
 * stoa_row_hold() - keep a row alive until stoa_row_release(), as a strong reference of the
 * application
 * @row: a row that lives, a member or not
 *
 * Holds are not stored: they end with the process, and a row that nothing else needs is then
 * collected by the next that opens the database for writing. In a write transaction the row is as
 * that sees it; if it was made there and is undone, the handle resolves to nothing. In a read
 * transaction it is looked up in the newest commit, which waits for the write transaction that is
 * open.
 *
 * Returns: STOA_OK; STOA_ENOTFOUND; STOA_ESTATE in a read transaction of the thread that has a
 *          write transaction open; STOA_EREADONLY; STOA_ENOMEM.
 */
STOA_API STOA_CHECK_RESULT int stoa_row_hold(stoa_txn *txn, stoa_table table, stoa_rowid row,
					     stoa_handle **out, struct stoa_error *err);

/** stoa_row_weak() - a handle of a row that does not keep it alive; returns as stoa_row_hold(), never waits */
STOA_API STOA_CHECK_RESULT int stoa_row_weak(stoa_txn *txn, stoa_table table, stoa_rowid row,
					     stoa_handle **out, struct stoa_error *err);

/**
 * stoa_row_resolve() - the row of a handle, as a transaction sees it
 * @table: receives its table; may be NULL
 * @row:   receives its rowid; may be NULL
 *
 * Returns: STOA_ROW; STOA_END if the row does not live, and then no handle ever leads to another.
 */
STOA_API STOA_CHECK_RESULT int stoa_row_resolve(stoa_txn *txn, const stoa_handle *handle,
						stoa_table *table, stoa_rowid *row,
						struct stoa_error *err);

/**
 * stoa_row_release() - give up a handle; any thread, at any time before stoa_close(); NULL is fine
 *
 * A row that only this hold kept dies in the next commit of a write transaction.
 */
STOA_API void stoa_row_release(stoa_handle *handle);

/**
 * stoa_death_queue() - from here on, put the values that rows of a table had into another when they
 * die
 * @name: of the queue, a table that is made: slot "row", the rowid of the dead, then the slots of
 *        @table as they are now, all nullable, references as numbers. Or of a table that is there
 *        and has such a first slot, no other of its slots being without NULL and default: an older
 *        queue, or one of a dump
 *
 * Rows are added in the order of deaths, in the commit in which they take place: for finalizers,
 * and for who wants to know what changed. It is a table like any other: read it with a scan or a
 * deque index, acknowledge by stoa_delete(), end it with stoa_table_drop(). Slots are matched by
 * name and type; add one to the queue if one is added to @table. A table that is dropped takes its
 * rows along without a record; a queue that is frozen records nothing.
 *
 * Returns: STOA_OK; STOA_EEXIST for the name of another table, or if @table has a queue; as
 *          stoa_table_create().
 */
STOA_API STOA_CHECK_RESULT int stoa_death_queue(stoa_txn *txn, stoa_table table, const char *name,
						stoa_table *out, struct stoa_error *err);

/**
 * stoa_row_referrers() - a cursor over the rows that refer to a row: why does it live?
 * @row: a row that lives, a member or not
 * @out: receives a cursor with columns "table" and "slot" (STOA_STRING, names), "row" (STOA_U64),
 *       "strong" (STOA_BOOL; false: a weak reference, which keeps nothing alive) and "member"
 *       (STOA_BOOL; false: the row was deleted and lives on itself)
 *
 * A row comes once for each slot of it that refers to @row. Rows come by table, slot and rowid, as
 * the transaction sees them now. Holds of the application are not rows.
 *
 * Returns: STOA_OK; STOA_ENOTFOUND. Cost: a look at the slots of all tables that can refer to
 *          @row's, by row groups whose range of rowids has it.
 */
STOA_API STOA_CHECK_RESULT int stoa_row_referrers(stoa_txn *txn, stoa_table table, stoa_rowid row,
						  stoa_cursor **out, struct stoa_error *err);

/**
 * stoa_row_refcount() - how many strong references in rows there are to a row; holds are not counted
 *
 * Cost: O(log n), and O(rows) of a bulk load whose references have not been counted yet.
 */
STOA_API STOA_CHECK_RESULT int stoa_row_refcount(stoa_txn *txn, stoa_table table, stoa_rowid row,
						 uint64_t *out, struct stoa_error *err);

/* ---- bulk ------------------------------------------------------------------------------- */

/**
 * stoa_appender_open() - begin to add many rows to a table, from arrays
 *
 * While it is open the transaction may read, and write to other tables. Full row groups are
 * encoded and, in a durable database, written straight to segment files, not through the redo
 * log; the commit of a transaction that did so writes a checkpoint.
 */
STOA_API STOA_CHECK_RESULT int stoa_appender_open(stoa_txn *txn, stoa_table table,
						  stoa_appender **out, struct stoa_error *err);

/**
 * stoa_append() - add @n_rows rows
 * @columns: an array for each slot, in order, of the slot's own type (and scale)
 *
 * A value that is refused adds none of these rows, and the appender goes on. After any other error
 * (memory, disk) the appender is given up: close it or abort it, and none of its rows is added.
 * Arrays are copied.
 *
 * Returns: as stoa_insert().
 */
STOA_API STOA_CHECK_RESULT int stoa_append(stoa_appender *app, const struct stoa_array *columns,
					   size_t n_columns, size_t n_rows, struct stoa_error *err);

/**
 * stoa_appender_on_conflict() - say what happens to rows whose key in a unique index is taken
 * @policy: an enum stoa_conflict; without this call it is STOA_CONFLICT_ERROR, of
 *          stoa_appender_close()
 *
 * It is for all rows of the appender, and for one index: others refuse.
 */
STOA_API STOA_CHECK_RESULT int stoa_appender_on_conflict(stoa_appender *app, stoa_index index,
							 int policy, struct stoa_error *err);

/**
 * stoa_appender_close() - put the rows in their table and free the appender, whatever is returned
 *
 * The rows are part of the transaction from here on; on failure none of the appender's is.
 */
STOA_API STOA_CHECK_RESULT int stoa_appender_close(stoa_appender *app, struct stoa_error *err);

/** stoa_appender_abort() - forget the rows and free the appender; NULL is fine */
STOA_API void stoa_appender_abort(stoa_appender *app);

/* ---- blobs of any length ------------------------------------------------------------------ */

/*
 * A value of a STOA_BLOB slot is read and written whole. A *long blob* is read and written piece by
 * piece, at any offset, and no more than 16 MiB of it are in memory, however long it is. It is a
 * chain of rows in a *blob table*, and its name is the rowid of the first; so the slot of your
 * table that is to have it is a reference to that table:
 *
 *     stoa_blob_table(txn, "files", &files, &err);              also CREATE TABLE files
 *                                                               (size u64, bytes blob, next
 *                                                               ref(files))
 *     photo: { .name = "data", .type = STOA_REF, .target = files }
 *
 *     stoa_blob_create(txn, files, &blob, &err);
 *     while ((n = read(fd, buf, sizeof buf)) > 0)
 *             stoa_blob_write(blob, stoa_blob_size(blob), buf, n, &err);
 *     v[1] = stoa_ref(stoa_blob_row(blob));
 *     stoa_insert(txn, photo, v, 2, &row, &err);
 *     stoa_blob_close(blob, &err);
 *     stoa_commit(txn, &err);
 *
 * References are all there is to its life: it goes, and its space with it, in the commit that takes
 * the last reference to it (or holds none, if nobody ever referred to it); several rows may share
 * one; a weak reference to it turns NULL. What is written is part of the transaction like anything
 * else. Pieces are immutable, compressed where that pays, each in a chunk with a checksum of its
 * own; overwriting replaces those it touches.
 */

typedef struct stoa_blob stoa_blob;

/**
 * stoa_blob_table() - the blob table of this name, made if it is missing and the transaction may
 * write
 *
 * Returns: STOA_OK; STOA_ENOTFOUND; STOA_ETYPE if the table of that name is another kind of table.
 */
STOA_API STOA_CHECK_RESULT int stoa_blob_table(stoa_txn *txn, const char *name, stoa_table *out,
					       struct stoa_error *err);

/**
 * stoa_blob_create() - a new, empty blob, open for reading and writing
 * @table: a blob table
 *
 * It stays if something refers to its row, stoa_blob_row(), by the time of the commit.
 *
 * Returns: as stoa_blob_open().
 */
STOA_API STOA_CHECK_RESULT int stoa_blob_create(stoa_txn *txn, stoa_table table, stoa_blob **out,
						struct stoa_error *err);

/**
 * stoa_blob_open() - open a blob
 * @row:   what the reference to it says
 * @flags: STOA_READ, or STOA_WRITE to read and write
 *
 * One that is open for reading shows the blob as it was when it was opened, and outlives its
 * transaction, an abort excepted. One that is open for writing counts as an appender of the
 * transaction: there is one for a table at a time, and it is closed before savepoints, rollbacks
 * and the commit.
 *
 * Returns: STOA_OK; STOA_ENOTFOUND; STOA_ETYPE if it is no blob table; STOA_ESTATE if another is
 *          being written; STOA_EREADONLY; STOA_ECORRUPT; STOA_ENOMEM.
 * Cost:    a look at each piece of 256 KiB: some 0.2 ms for a gigabyte; 8 bytes a piece while it is
 *          open.
 */
STOA_API STOA_CHECK_RESULT int stoa_blob_open(stoa_txn *txn, stoa_table table, stoa_rowid row,
					      unsigned flags, stoa_blob **out,
					      struct stoa_error *err);

/** stoa_blob_size() - its length in bytes */
STOA_API uint64_t stoa_blob_size(const stoa_blob *blob);

/** stoa_blob_row() - the row to refer to */
STOA_API stoa_rowid stoa_blob_row(const stoa_blob *blob);

/**
 * stoa_blob_read() - read bytes from @offset on
 * @n:      as many; fewer come where the blob ends
 * @n_read: receives how many
 *
 * Returns: STOA_OK; STOA_ECORRUPT; STOA_EIO; STOA_ENOMEM; STOA_ESTATE after a rollback of what was
 *          opened.
 * Cost:    a copy from the mapped file; of compressed pieces, each is unpacked once while reads go
 *          on in it.
 */
STOA_API STOA_CHECK_RESULT int stoa_blob_read(stoa_blob *blob, uint64_t offset, void *buf, size_t n,
					      size_t *n_read, struct stoa_error *err);

/**
 * stoa_blob_write() - write @n bytes at @offset, which is in the blob or at its end; it grows as
 * needed
 *
 * What is written in one go, each call where the last ended, is put in place when another place is
 * written or read, or at the close. Up to 16 MiB of it go through the redo log like rows; more goes
 * straight to segment files, and the commit then writes a checkpoint, as after a bulk load.
 *
 * Returns: STOA_OK; STOA_ERANGE beyond the end; STOA_EREADONLY; STOA_ENOMEM, STOA_EIO, STOA_EFULL:
 *          then only stoa_blob_close() is left to call, and the blob is as it was before what was
 *          not yet in place.
 */
STOA_API STOA_CHECK_RESULT int stoa_blob_write(stoa_blob *blob, uint64_t offset, const void *p,
					       size_t n, struct stoa_error *err);

/** stoa_blob_truncate() - make it shorter: @size bytes. Returns: as stoa_blob_write() */
STOA_API STOA_CHECK_RESULT int stoa_blob_truncate(stoa_blob *blob, uint64_t size,
						  struct stoa_error *err);

/**
 * stoa_blob_close() - put what was written in place and free the handle, whatever is returned; NULL
 * is fine
 *
 * Returns: STOA_OK; the errors of stoa_blob_write(), then as there; STOA_ESTATE if a write failed
 *          before or the transaction is over.
 */
STOA_API int stoa_blob_close(stoa_blob *blob, struct stoa_error *err);

/* ---- deques and work queues -------------------------------------------------------------- */

/*
 * A deque is an index that orders the rows of its table from a front to a back, in one queue or in
 * one for each value of a slot. Every row is in it: stoa_insert(), an import, SQL put rows at the
 * back, in the order in which they come, and a row that is deleted, by whomever, is no longer
 * there. Positions cost eight bytes, queues that are empty nothing.
 *
 * In all of these calls @queue names the queue by a value of the slot; it is ignored, and may be
 * NULL, where the deque has no slot. Rows whose slot is NULL are in a queue too, named by
 * stoa_null(). Changing the slot of a row moves it to the back of another queue. All of it is part
 * of the transaction, like any other change.
 *
 * A *work queue* is a deque that is read by claims. A claim hides a row from the deque, for a time,
 * in favour of whoever claims it; it is still in its table. The row comes back when it is given
 * back, when its time is over or when its consumer has gone, and goes for good when the job is
 * acknowledged, which deletes it. Results written in the transaction that acknowledges are there
 * if, and only if, the job is done:
 *
 *     stoa_consumer_open(db, &me, &err);
 *     for (;;) {
 *             stoa_begin(db, STOA_WRITE, &txn, &err);
 *             rc = stoa_deque_claim(txn, jobs, order, NULL, me, 30000, &lease, 1, &n, &err);
 *             ... stoa_get(txn, jobs, lease.row, values, ...), copy what is needed ...
 *             stoa_commit(txn, &err);
 *             if (rc == STOA_END) {
 *                     stoa_consumer_wait(me, 60000, &err);
 *                     continue;
 *             }
 *             ... the work ...
 *             stoa_begin(db, STOA_WRITE, &txn, &err);
 *             stoa_insert(txn, results, ...);
 *             rc = stoa_deque_ack(txn, jobs, order, &lease, &err);
 *             rc == STOA_OK ? stoa_commit(txn, &err) : stoa_abort(txn);
 *     }
 *
 * Leases end in the calls that look for work: whoever claims, pops or waits first gives back what
 * is due. So nothing runs in the background, and a deque that nobody asks shows a lease that is
 * over as a lease.
 */

/** enum stoa_end - one end of a deque */
enum stoa_end { STOA_FRONT = 0, STOA_BACK = 1 };

/**
 * stoa_deque_push() - add a row at one end of its queue, which its own values name
 *
 * As stoa_insert(), which pushes at the back of all deques of the table; with STOA_FRONT the row
 * goes to the front of this one.
 */
STOA_API STOA_CHECK_RESULT int stoa_deque_push(stoa_txn *txn, stoa_table table, stoa_index index,
					       enum stoa_end end, const struct stoa_value *values,
					       size_t n_values, stoa_rowid *out,
					       struct stoa_error *err);

/**
 * stoa_deque_pop() - take the row at one end: read it and delete it
 * @out:   receives one value for each slot; NULL if they are not wanted. Bytes borrow from the
 *         transaction: good until the next call that writes in it, or its end
 * @n_out: the number of slots
 * @row:   receives the rowid that it had; may be NULL
 *
 * Returns: STOA_ROW; STOA_END if the queue is empty; any error of stoa_get() and stoa_delete().
 * Cost:    that of a stoa_get() and a stoa_delete().
 */
STOA_API STOA_CHECK_RESULT int stoa_deque_pop(stoa_txn *txn, stoa_table table, stoa_index index,
					      const struct stoa_value *queue, enum stoa_end end,
					      struct stoa_value *out, size_t n_out, stoa_rowid *row,
					      struct stoa_error *err);

/**
 * stoa_deque_at() - which row stands at a position
 * @at: 0 is the front, 1 the one behind it; -1 is the back, -2 the one before it
 *
 * Returns: STOA_ROW; STOA_END if there are not so many.
 * Cost:    O(1), or O(rows passed) while rows that were deleted elsewhere are not swept out yet.
 */
STOA_API STOA_CHECK_RESULT int stoa_deque_at(stoa_txn *txn, stoa_table table, stoa_index index,
					     const struct stoa_value *queue, int64_t at,
					     stoa_rowid *row, struct stoa_error *err);

/** stoa_deque_len() - how many rows a queue has, those claimed or delayed apart; exact, O(1) */
STOA_API STOA_CHECK_RESULT int stoa_deque_len(stoa_txn *txn, stoa_table table, stoa_index index,
					      const struct stoa_value *queue, uint64_t *out,
					      struct stoa_error *err);

/**
 * stoa_deque_rotate() - take @n rows off the back and put them to the front, in the same order; the
 * other way round below 0
 *
 * Cost: O(|n| modulo the length).
 */
STOA_API STOA_CHECK_RESULT int stoa_deque_rotate(stoa_txn *txn, stoa_table table, stoa_index index,
						 const struct stoa_value *queue, int64_t n,
						 struct stoa_error *err);

/**
 * stoa_deque_scan() - a cursor over the rows of a queue, from one end to the other
 * @from: the end where it begins
 *
 * All else is as in stoa_scan().
 */
STOA_API STOA_CHECK_RESULT int stoa_deque_scan(stoa_txn *txn, stoa_table table, stoa_index index,
					       const struct stoa_value *queue, enum stoa_end from,
					       const uint32_t *slots, size_t n_slots,
					       stoa_cursor **out, struct stoa_error *err);

/**
 * stoa_deque_next() - walk the queues that have rows, in no order that means anything
 * @place: 0 before the first; the call moves it on
 * @name:  receives the queue's name; bytes borrow from the transaction until the next call that
 *         writes in it
 * @len:   receives its length; may be NULL
 *
 * Returns: STOA_ROW; STOA_END after the last.
 */
STOA_API STOA_CHECK_RESULT int stoa_deque_next(stoa_txn *txn, stoa_table table, stoa_index index,
					       uint64_t *place, struct stoa_value *name,
					       uint64_t *len, struct stoa_error *err);

/**
 * struct stoa_deque_stat - what a deque holds, all its queues together
 * @n_queues:  queues that have rows
 * @n_ready:   rows in them
 * @n_claimed: rows under a lease
 * @n_delayed: rows that come back later
 * @due:       when the first lease or delay is over: microseconds since 1970, or 0
 */
struct stoa_deque_stat {
	size_t size;
	uint64_t n_queues;
	uint64_t n_ready;
	uint64_t n_claimed;
	uint64_t n_delayed;
	int64_t due;
};
#define STOA_DEQUE_STAT_INIT { sizeof(struct stoa_deque_stat), 0, 0, 0, 0, 0 }

/** stoa_deque_stat() - measure a deque; O(1) */
STOA_API STOA_CHECK_RESULT int stoa_deque_stat(stoa_txn *txn, stoa_table table, stoa_index index,
					       struct stoa_deque_stat *out, struct stoa_error *err);

typedef struct stoa_consumer stoa_consumer;

/**
 * stoa_consumer_open() - be somebody whose leases end with him, and who can wait for work
 *
 * It outlives @db: a process may close the database to let another one write, and wait, or keep its
 * leases, meanwhile. That of a database in memory ends with it, and is closed before. Leases end
 * when the consumer is closed or its process ends, even by a signal. One thread at a time uses it.
 */
STOA_API STOA_CHECK_RESULT int stoa_consumer_open(stoa_db *db, stoa_consumer **out,
						  struct stoa_error *err);

/**
 * stoa_consumer_wait() - sleep until a commit, of any thread or process, has put rows into some
 * deque of the database
 *
 * It sleeps no longer than until the first lease or delay that was seen by the consumer's last
 * claim is over, and returns at once if there were news since it last returned, or since the
 * consumer was opened. Looking for work after it returns finds what there is; there may be none.
 *
 * Returns: STOA_ROW: look again; STOA_END after @timeout_ms, or when a signal was caught.
 */
STOA_API STOA_CHECK_RESULT int stoa_consumer_wait(stoa_consumer *consumer, uint32_t timeout_ms,
						  struct stoa_error *err);

/** stoa_consumer_close() - end a consumer and its leases, and free the handle; NULL is fine */
STOA_API void stoa_consumer_close(stoa_consumer *consumer);

/**
 * struct stoa_lease - a row that was claimed
 * @row:      its rowid
 * @attempt:  which claim of it this is, from 1
 * @deadline: when it ends, microseconds since 1970
 */
struct stoa_lease {
	stoa_rowid row;
	uint32_t attempt;
	int64_t deadline;
};

/**
 * stoa_deque_claim() - claim the rows at the front of a queue, up to @n of them
 * @consumer: whose leases they are; NULL: they end by time alone
 * @lease_ms: for how long, from now on
 * @leases:   receives @n_out of them
 *
 * Claim again, with another @queue, for queues of lower priority. What was due is given back first,
 * so a call that fails may have done that.
 *
 * Returns: STOA_ROW; STOA_END if the queue is empty, and *@n_out is 0; STOA_ENOMEM and others, with
 *          none claimed.
 */
STOA_API STOA_CHECK_RESULT int stoa_deque_claim(stoa_txn *txn, stoa_table table, stoa_index index,
						const struct stoa_value *queue,
						stoa_consumer *consumer, uint32_t lease_ms,
						struct stoa_lease *leases, size_t n, size_t *n_out,
						struct stoa_error *err);

/**
 * stoa_deque_ack() - a job is done: delete its row
 *
 * Returns: STOA_OK; STOA_ESTATE if the lease is over, and somebody else may have the job: abort the
 *          transaction, or its other writes are there twice.
 */
STOA_API STOA_CHECK_RESULT int stoa_deque_ack(stoa_txn *txn, stoa_table table, stoa_index index,
					      const struct stoa_lease *lease, struct stoa_error *err);

/**
 * stoa_deque_nack() - give a job back: to an end of its queue, or there once @delay_ms are over
 *
 * After attempts_max attempts it goes to the table for dead letters instead. Returns: as
 * stoa_deque_ack().
 */
STOA_API STOA_CHECK_RESULT int stoa_deque_nack(stoa_txn *txn, stoa_table table, stoa_index index,
					       const struct stoa_lease *lease, enum stoa_end end,
					       uint32_t delay_ms, struct stoa_error *err);

/** stoa_deque_extend() - have a lease end @lease_ms from now; sets its deadline. Returns: as stoa_deque_ack() */
STOA_API STOA_CHECK_RESULT int stoa_deque_extend(stoa_txn *txn, stoa_table table, stoa_index index,
						 struct stoa_lease *lease, uint32_t lease_ms,
						 struct stoa_error *err);

/**
 * stoa_deque_next_lease() - the leases there are, one by one, in the order of their rows
 * @place: 0 at first; then as this call left it
 *
 * A lease that is over is among them until somebody looks for work.
 *
 * Returns: STOA_ROW; STOA_END after the last.
 */
STOA_API STOA_CHECK_RESULT int stoa_deque_next_lease(stoa_txn *txn, stoa_table table,
						     stoa_index index, uint64_t *place,
						     struct stoa_lease *out, struct stoa_error *err);

/* ---- cursors and queries ---------------------------------------------------------------- */

/**
 * struct stoa_column - what a column of a result is called and holds
 */
struct stoa_column {
	const char *name;
	uint8_t type;
	uint8_t precision;
	uint8_t scale;
};

/**
 * struct stoa_batch - some rows of a result, by column
 * @n_rows:    1 to STOA_BATCH_MAX
 * @n_columns: columns of the result
 * @columns:   an array of @n_rows elements each
 * @rowids:    of the rows, when the result is a scan of one table; otherwise NULL
 */
struct stoa_batch {
	size_t n_rows;
	size_t n_columns;
	const struct stoa_array *columns;
	const stoa_rowid *rowids;
};

/**
 * stoa_scan() - a cursor over all rows of a table, in ascending rowid order
 * @slots:   positions of the slots wanted, from 0; NULL for all
 * @n_slots: how many; ignored when @slots is NULL
 *
 * The cursor sees the rows as they are now, whatever the transaction does afterwards, and outlives
 * the transaction's end, its abort excepted.
 */
STOA_API STOA_CHECK_RESULT int stoa_scan(stoa_txn *txn, stoa_table table, const uint32_t *slots,
					 size_t n_slots, stoa_cursor **out, struct stoa_error *err);

/**
 * stoa_prepare() - compile one SQL statement
 * @sql: UTF-8, @len bytes; parameters are ?, ?3 or $3
 *
 * The statement may be executed many times, in any transaction of @db, by one thread at a time.
 *
 * Returns: STOA_OK; STOA_ESYNTAX, STOA_ENOTFOUND, STOA_ETYPE, STOA_EUNSUPPORTED with line and
 *          column set; STOA_ENOMEM.
 */
STOA_API STOA_CHECK_RESULT int stoa_prepare(stoa_txn *txn, const char *sql, size_t len,
					    stoa_stmt **out, struct stoa_error *err);

/** stoa_stmt_free() - free a statement; its cursors must be closed; NULL is fine */
STOA_API void stoa_stmt_free(stoa_stmt *stmt);

/** stoa_bind() - set parameter @index, from 1; bytes are copied; NULL until bound; kept between executions */
STOA_API STOA_CHECK_RESULT int stoa_bind(stoa_stmt *stmt, uint32_t index,
					 const struct stoa_value *value, struct stoa_error *err);

/** stoa_parameters() - how many parameters a statement has */
STOA_API uint32_t stoa_parameters(const stoa_stmt *stmt);

/**
 * stoa_stmt_writes() - does a statement want a transaction with STOA_WRITE?
 *
 * So does whatever inserts, updates, deletes, creates, alters or drops, EXPLAIN ANALYZE of such,
 * and SAVEPOINT with its kin; for a query either kind will do.
 */
STOA_API bool stoa_stmt_writes(const stoa_stmt *stmt);

/**
 * stoa_execute() - run a statement in a transaction
 * @out: receives a cursor over its result; NULL to throw that away
 *
 * A query is lazy: rows are computed as the cursor moves. A statement that changes something has
 * done all of it when this returns or, after an error, nothing of it; it sees the rows as they were
 * before it. Its cursor has the rows of RETURNING; without that, no columns and no rows. EXPLAIN
 * gives the plan as lines of text; EXPLAIN ANALYZE runs the statement too, a change with all it
 * changes.
 *
 * Returns: STOA_OK; STOA_EREADONLY for a statement that writes in a read transaction; the errors of
 *          stoa_insert() and its kin, and those of expressions; STOA_ESTATE if it has to change
 *          more than one row while an appender of the transaction is open.
 * Cost:    of UPDATE and DELETE that of the query with their WHERE, and of stoa_update() or
 *          stoa_delete() for each row; WHERE rowid = ? finds its row without a scan.
 */
STOA_API STOA_CHECK_RESULT int stoa_execute(stoa_stmt *stmt, stoa_txn *txn, stoa_cursor **out,
					    struct stoa_error *err);

/** stoa_changes() - how many rows the statement behind a cursor inserted, updated or deleted */
STOA_API uint64_t stoa_changes(const stoa_cursor *cur);

/** stoa_query() - stoa_prepare() and stoa_execute() in one; @sql is NUL-terminated */
STOA_API STOA_CHECK_RESULT int stoa_query(stoa_txn *txn, const char *sql, stoa_cursor **out,
					  struct stoa_error *err);

/**
 * struct stoa_script - a text of statements, separated by ;, and how far one is in it
 * @sql, @len:       the text, UTF-8; the caller's, to stay until it is done
 * @at:              bytes of it that are done
 * @line, @column:   the place of the next byte, from 1
 */
struct stoa_script {
	const char *sql;
	size_t len;
	size_t at;
	uint64_t line;
	uint64_t column;
};
#define STOA_SCRIPT_INIT(sql, len) { sql, len, 0, 1, 1 }

/**
 * stoa_script_writes() - does any statement of a script want to write?
 * @script: left as it is
 *
 * Reads all of it, so that what cannot be parsed is found before anything is done.
 *
 * Returns: STOA_OK; STOA_ESYNTAX, STOA_EUNSUPPORTED, STOA_EFULL with line and column; STOA_ENOMEM.
 */
STOA_API STOA_CHECK_RESULT int stoa_script_writes(const struct stoa_script *script, bool *out,
						  struct stoa_error *err);

/**
 * stoa_session_open() - run statements as a command line does, transactions included
 *
 * A session knows BEGIN [READ ONLY], COMMIT and ROLLBACK. Between them statements share a
 * transaction, one that writes unless READ ONLY is said or the database is read-only; outside, each
 * is one of its own, a write committed when it is done. An error undoes the statement that failed,
 * and what was begun stays open.
 * Threads: one at a time. A session is closed before its database.
 */
STOA_API STOA_CHECK_RESULT int stoa_session_open(stoa_db *db, stoa_session **out,
						 struct stoa_error *err);

/**
 * stoa_session_next() - run the next statement of a script
 * @script: moved behind it, whether it succeeds or not
 * @out:    receives a cursor over its result (see stoa_execute()), to be closed before the session;
 *          NULL to throw that away
 *
 * Returns: STOA_ROW; STOA_END when nothing but blanks and comments is left; the errors of
 *          stoa_prepare(), stoa_execute(), stoa_begin() and stoa_commit(), with line and column of
 *          the script where there is a place.
 */
STOA_API STOA_CHECK_RESULT int stoa_session_next(stoa_session *session, struct stoa_script *script,
						 stoa_cursor **out, struct stoa_error *err);

/** stoa_session_txn() - the transaction that BEGIN began; NULL outside */
STOA_API stoa_txn *stoa_session_txn(const stoa_session *session);

/** stoa_session_close() - undo what BEGIN began and was not committed, and free; NULL is fine */
STOA_API void stoa_session_close(stoa_session *session);

/** stoa_columns() - the columns of a cursor; borrows from it */
STOA_API const struct stoa_column *stoa_columns(const stoa_cursor *cur, size_t *n_columns);

/**
 * stoa_next_batch() - move a cursor to its next batch of rows
 * @out: receives the batch; borrows from the cursor, good until the next call on it
 *
 * Arrays are those of the database itself where its layout is plain, and decoded into the cursor's
 * own memory, a batch's worth, where it is not.
 *
 * Returns: STOA_ROW; STOA_END after the last batch and on every call after that; an error, after
 *          which only stoa_cursor_close() is left to call.
 */
STOA_API STOA_CHECK_RESULT int stoa_next_batch(stoa_cursor *cur, struct stoa_batch *out,
					       struct stoa_error *err);

/**
 * stoa_next() - move a cursor to its next row
 * @row: receives an array of values, one for each column, good until the next call on the cursor
 *
 * Do not mix with stoa_next_batch() on one cursor: STOA_ESTATE. Returns: as stoa_next_batch().
 */
STOA_API STOA_CHECK_RESULT int stoa_next(stoa_cursor *cur, const struct stoa_value **row,
					 struct stoa_error *err);

/** stoa_cursor_rowid() - rowid of the row that stoa_next() gave; 0 if the result is not of one table */
STOA_API stoa_rowid stoa_cursor_rowid(const stoa_cursor *cur);

/**
 * stoa_cursor_cancel() - end what a cursor is doing, from any thread
 *
 * The call that is running on it, or else the next one, returns STOA_ECANCELED, within
 * milliseconds; the sorting of rows that are in memory is not interrupted. The cursor must not be
 * closed meanwhile. NULL is fine.
 */
STOA_API void stoa_cursor_cancel(stoa_cursor *cur);

/**
 * struct stoa_query_progress - how far a query is
 * @rows:       read from tables so far, those included that could be passed over unread
 * @total_rows: of all tables that it reads; @rows / @total_rows is how much of the reading is done
 * @seconds:    since its cursor was first asked for rows
 */
struct stoa_query_progress {
	uint64_t rows;
	uint64_t total_rows;
	double seconds;
};

/**
 * stoa_cursor_watch() - hear how far a query is
 * @progress: called some ten times a second while a call on the cursor runs, from the calling
 *            thread; any result but 0 cancels, as stoa_cursor_cancel() does. NULL: nobody asks any
 *            more
 * @ctx:      handed to @progress
 */
typedef int stoa_progress_fn(void *ctx, const struct stoa_query_progress *now);
STOA_API STOA_CHECK_RESULT int stoa_cursor_watch(stoa_cursor *cur, stoa_progress_fn *progress,
						 void *ctx, struct stoa_error *err);

/**
 * stoa_session_watch() - hear how far the statements of a session are that change rows
 * @progress: as above, of the query that finds the rows; a statement that it cancels has changed
 *            nothing. NULL: nobody asks any more
 *
 * A query hands out its cursor before it works: watch that.
 */
STOA_API STOA_CHECK_RESULT int stoa_session_watch(stoa_session *session, stoa_progress_fn *progress,
						  void *ctx, struct stoa_error *err);

/*
 * Cursors over cursors. Each of these calls owns the cursors it is given, whether it succeeds or
 * not: they are closed with the result, and nothing else may be called on them but
 * stoa_cursor_cancel(), which the result passes on. Functions of the application are called by the
 * thread that reads the result, and no earlier than their row is wanted: one row ahead of
 * stoa_next(), a batch ahead of stoa_next_batch(). They return an error to end the cursor with it,
 * and may put words for it into @err.
 */

/** stoa_map_fn - makes a row @out, all NULL at first, from a row @in; bytes in @out are copied. STOA_OK or an error */
typedef int stoa_map_fn(void *ctx, const struct stoa_value *in, struct stoa_value *out,
			struct stoa_error *err);
/** stoa_filter_fn - 1 keeps a row, 0 passes over it; or an error */
typedef int stoa_filter_fn(void *ctx, const struct stoa_value *row, struct stoa_error *err);
/** stoa_generate_fn - makes the next row, all NULL at first; bytes are copied. STOA_ROW, STOA_END or an error */
typedef int stoa_generate_fn(void *ctx, struct stoa_value *out, struct stoa_error *err);

/**
 * stoa_cursor_map() - a cursor over what a function makes of each row of another
 * @columns: of the result; copied. Values are converted to their types as in stoa_insert()
 */
STOA_API STOA_CHECK_RESULT int stoa_cursor_map(stoa_cursor *in, const struct stoa_column *columns,
					       size_t n_columns, stoa_map_fn *map, void *ctx,
					       stoa_cursor **out, struct stoa_error *err);

/** stoa_cursor_filter() - a cursor over the rows of another that a function keeps */
STOA_API STOA_CHECK_RESULT int stoa_cursor_filter(stoa_cursor *in, stoa_filter_fn *filter, void *ctx,
						  stoa_cursor **out, struct stoa_error *err);

/** stoa_cursor_take() - a cursor over the first @n rows of another */
STOA_API STOA_CHECK_RESULT int stoa_cursor_take(stoa_cursor *in, uint64_t n, stoa_cursor **out,
						struct stoa_error *err);

/** stoa_cursor_chain() - the rows of @n cursors one after the other; the columns are those of the first, types the same */
STOA_API STOA_CHECK_RESULT int stoa_cursor_chain(stoa_cursor *const *in, size_t n, stoa_cursor **out,
						 struct stoa_error *err);

/**
 * stoa_cursor_generate() - a cursor over rows that a function of the application makes: a generator
 * @columns: of the result; copied
 * @release: called with @ctx when the cursor is closed, or cannot be made; may be NULL
 */
STOA_API STOA_CHECK_RESULT int stoa_cursor_generate(const struct stoa_column *columns,
						    size_t n_columns, stoa_generate_fn *generate,
						    void (*release)(void *ctx), void *ctx,
						    stoa_cursor **out, struct stoa_error *err);

/**
 * stoa_append_cursor() - add all rows of a cursor, which is closed whatever is returned
 * @in:   its columns have the slots' types, in order
 * @rows: receives how many rows were added; may be NULL
 *
 * Returns: as stoa_append() and stoa_next_batch(); rows before an error are added.
 */
STOA_API STOA_CHECK_RESULT int stoa_append_cursor(stoa_appender *app, stoa_cursor *in, uint64_t *rows,
						  struct stoa_error *err);

/** stoa_cursor_close() - free a cursor and what it holds; NULL is fine */
STOA_API void stoa_cursor_close(stoa_cursor *cur);

/** stoa_read_fn - the next bytes, up to @size; *@n is 0 at the end. STOA_OK or an error */
typedef int stoa_read_fn(void *ctx, void *buf, size_t size, size_t *n, struct stoa_error *err);
/** stoa_write_fn - takes @len bytes. STOA_OK, or an error that ends the export */
typedef int stoa_write_fn(void *ctx, const void *p, size_t len, struct stoa_error *err);

/* ---- Arrow ------------------------------------------------------------------------------ */

/*
 * Apache Arrow is how libraries hand columns to each other. Inside a process they do so by the
 * three structs below, its C data and C stream interfaces: plain memory and a function that gives
 * it back. Between processes it is a file or stream in Arrow's IPC format. A cursor goes out either
 * way, and what comes in is a cursor.
 *
 * Numbers, dates, times, bool, text and blobs are what they are in Arrow; decimals have 128 bits, a
 * time is in microseconds, a timestamp too and without a zone, a uuid is of the extension type
 * arrow.uuid, a string is a code of a dictionary, and a reference a u64. What comes in may also be
 * half floats, other decimals whose values have at most 18 digits, times of any unit (one that
 * would lose nanoseconds is an error), date64 (a timestamp), large and view layouts, and
 * dictionaries of any type. Nested types, durations and intervals are refused, by name.
 *
 * The structs are Arrow's, and other headers declare them under the same guards.
 */
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

struct ArrowSchema {
	const char *format;
	const char *name;
	const char *metadata;
	int64_t flags;
	int64_t n_children;
	struct ArrowSchema **children;
	struct ArrowSchema *dictionary;
	void (*release)(struct ArrowSchema *);
	void *private_data;
};

struct ArrowArray {
	int64_t length;
	int64_t null_count;
	int64_t offset;
	int64_t n_buffers;
	int64_t n_children;
	const void **buffers;
	struct ArrowArray **children;
	struct ArrowArray *dictionary;
	void (*release)(struct ArrowArray *);
	void *private_data;
};
#endif

#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE

struct ArrowArrayStream {
	int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
	int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
	const char *(*get_last_error)(struct ArrowArrayStream *);
	void (*release)(struct ArrowArrayStream *);
	void *private_data;
};
#endif

/** enum stoa_arrow_format - the two forms of Arrow's IPC format */
enum stoa_arrow_format {
	STOA_ARROW_FILE = 0,	/* ends with a list of what is in it: for files */
	STOA_ARROW_STREAM = 1,	/* can be read while it is written: for pipes */
};

/** enum stoa_arrow_codec - how the columns in an IPC file are compressed */
enum stoa_arrow_codec {
	STOA_ARROW_PLAIN = 0,
	STOA_ARROW_ZSTD = 1,
	STOA_ARROW_LZ4 = 2,	/* LZ4 frames; STOA_EUNSUPPORTED where stoa was built without liblz4 */
};

/**
 * struct stoa_arrow_options - how rows become Arrow; start from STOA_ARROW_OPTIONS_INIT
 * @size:          sizeof(struct stoa_arrow_options)
 * @batch_rows:    rows of a batch, at most; one ends early at 64 MiB of text. 0: 65,536, and in
 *                 stoa_arrow_export() 2,048 for the first, twice as many for each that follows up
 *                 to that, so that the first rows come soon
 * @plain_strings: STOA_STRING columns are plain utf8, not dictionaries
 * @format:        enum stoa_arrow_format; of stoa_arrow_write()
 * @codec:         enum stoa_arrow_codec; of stoa_arrow_write()
 */
struct stoa_arrow_options {
	size_t size;
	uint32_t batch_rows;
	bool plain_strings;
	int format;
	int codec;
};
#define STOA_ARROW_OPTIONS_INIT { sizeof(struct stoa_arrow_options), 0, false, 0, 0 }

/**
 * stoa_arrow_export() - a cursor as an Arrow stream
 * @cur:     owned by the stream from here on, whether the call succeeds or not; not read before
 * @options: NULL for the defaults
 * @out:     receives the stream; its release() closes the cursor
 *
 * The stream holds what the cursor holds, and must be released before stoa_close(). A schema or an
 * array that it gave is its consumer's alone: its memory is its own and belongs to no cursor,
 * transaction or database, it may be used by any thread, moved, and released at any time, after
 * stoa_close() too; until then it holds that memory and nothing else. Columns are decoded straight
 * into it, so that handing them over copies nothing; those that lie in the database as Arrow wants
 * them are copied once, for the same promise. get_next() returns an errno, and get_last_error() the
 * words; rows before an error are given first.
 *
 * Returns: STOA_OK; STOA_EINVAL; STOA_ENOMEM.
 */
STOA_API STOA_CHECK_RESULT int stoa_arrow_export(stoa_cursor *cur,
						 const struct stoa_arrow_options *options,
						 struct ArrowArrayStream *out,
						 struct stoa_error *err);

/**
 * stoa_arrow_import() - an Arrow stream as a cursor
 * @in:  taken over, whatever is returned: its release is NULL afterwards, as of all that is moved
 *       in Arrow. Released when the cursor is closed
 * @out: receives the cursor
 *
 * It is a cursor like any other: to be mapped, filtered, chained, appended, exported again. Its
 * batches borrow from the array that the stream gave last, in place where that has the layout of a
 * batch and no NULLs; that is held until the cursor moves past it. What the producer says of sizes
 * must be true, as everywhere in a process; offsets, UTF-8 and ranges are checked.
 *
 * Returns: STOA_OK; STOA_EUNSUPPORTED, with the column, for types without a counterpart;
 *          STOA_EINVAL for a stream that is none; STOA_EIO with the producer's words; STOA_ENOMEM.
 *          The cursor returns STOA_ERANGE for values that do not fit, and STOA_ECORRUPT for arrays
 *          that are not sound.
 */
STOA_API STOA_CHECK_RESULT int stoa_arrow_import(struct ArrowArrayStream *in, stoa_cursor **out,
						 struct stoa_error *err);

/**
 * stoa_arrow_write() - all rows of a cursor as an Arrow IPC file or stream
 * @cur:     closed, whatever is returned
 * @options: NULL for a file that is not compressed
 * @write:   is given the bytes, in order, in pieces of any length
 * @rows:    receives how many rows were written; may be NULL
 *
 * Memory is that of a batch and, for a file, of all distinct strings of its STOA_STRING columns,
 * which have one dictionary each; in a stream each batch has its own.
 *
 * Returns: STOA_OK; what @write or the cursor returned, and then what is written is no whole file;
 *          STOA_EUNSUPPORTED; STOA_EFULL for a dictionary beyond 2 GiB; STOA_EINVAL; STOA_ENOMEM.
 */
STOA_API STOA_CHECK_RESULT int stoa_arrow_write(stoa_cursor *cur,
						const struct stoa_arrow_options *options,
						stoa_write_fn *write, void *ctx, uint64_t *rows,
						struct stoa_error *err);

/**
 * stoa_arrow_read() - a cursor over an Arrow IPC file or stream
 * @path: of either: its first bytes tell
 *
 * Read batch by batch, a pipe through a temporary file; memory is that of a batch and of the
 * dictionaries. Every byte is looked at before it is believed. Bodies may be compressed with zstd
 * or LZ4.
 *
 * Returns: STOA_OK; STOA_ECORRUPT with the offset; STOA_EUNSUPPORTED, with the column, for types
 *          without a counterpart; STOA_EIO; STOA_ENOMEM. The cursor returns these too.
 */
STOA_API STOA_CHECK_RESULT int stoa_arrow_read(const char *path, stoa_cursor **out,
					       struct stoa_error *err);

/** stoa_arrow_read_bytes() - the same over @len bytes at @p, which stay as they are until the cursor is closed */
STOA_API STOA_CHECK_RESULT int stoa_arrow_read_bytes(const void *p, size_t len, stoa_cursor **out,
						     struct stoa_error *err);

/* ---- import ----------------------------------------------------------------------------- */

/** struct stoa_progress - how far an import is; @total_bytes is 0 where it cannot be known */
struct stoa_progress {
	uint64_t rows;
	uint64_t bytes;
	uint64_t total_bytes;
	double seconds;
};

/**
 * struct stoa_import_options - how rows of a cursor go into a table; start from
 * STOA_IMPORT_OPTIONS_INIT
 *
 * Each means what it does in struct stoa_csv_options.
 */
struct stoa_import_options {
	size_t size;
	const char *unique;
	int on_conflict;
	int (*progress)(void *ctx, const struct stoa_progress *now);
	void *ctx;
};
#define STOA_IMPORT_OPTIONS_INIT                                                                   \
	{ sizeof(struct stoa_import_options), NULL, STOA_CONFLICT_ERROR, NULL, NULL }

/**
 * stoa_import_cursor() - add all rows of a cursor to a table, by the names of its columns
 * @table:   made, with the cursor's columns for slots, when it is missing; otherwise each column
 *           goes to the slot of its name, converted as in stoa_insert() where it has another type,
 *           and other slots take their defaults
 * @in:      any cursor: of an Arrow file or stream, a query, a callback; closed, whatever is
 *           returned
 * @options: NULL for the defaults
 * @rows:    receives how many rows were read; may be NULL
 *
 * All rows or none: part of @txn.
 *
 * Returns: STOA_OK; STOA_ENOTFOUND for a column without a slot; STOA_ENULL; STOA_ETYPE,
 *          STOA_ERANGE; STOA_ECANCELED; STOA_EEXIST; any error of the cursor and of stoa_append().
 */
STOA_API STOA_CHECK_RESULT int stoa_import_cursor(stoa_txn *txn, const char *table, stoa_cursor *in,
						  const struct stoa_import_options *options,
						  uint64_t *rows, struct stoa_error *err);

#define STOA_BLOBS_HEX 0	/* blobs as \x and hexadecimal digits */
#define STOA_BLOBS_BASE64 1	/* blobs in base64, RFC 4648, padded */

#define STOA_CSV_EXACT 0	/* each record has as many fields as the first */
#define STOA_CSV_FILL 1		/* missing fields at its end are NULL; empty ones too many are passed over */

/**
 * struct stoa_csv_reject - a record of a CSV file that was left out
 * @line:   of what is wrong with it, from 1
 * @column: in that line, in bytes from 1
 * @offset: in the file
 * @code:   the error that it would have been
 * @reason: words for it
 * @record: the record as it is in the file, without its newline; at most 64 KiB of it
 *
 * Borrows from the import: good until the callback returns.
 */
struct stoa_csv_reject {
	uint64_t line;
	uint64_t column;
	uint64_t offset;
	int code;
	const char *reason;
	struct stoa_bytes record;
};

/**
 * struct stoa_csv_options - how to read CSV; start from STOA_CSV_OPTIONS_INIT
 * @size:      sizeof(struct stoa_csv_options)
 * @delimiter: 0 to find out: one of , ; tab |
 * @quote:     0 to find out: " or, where that alone makes sense of the file, '
 * @header:    1 the first record names the columns, 0 it does not (c1, c2, ...), -1 to find out
 * @null_text: an unquoted field that reads as NULL; NULL means the empty one, and "" then is NULL
 *             too where it cannot be a string
 * @name:      what messages call the file; NULL means @path of the call
 * @ragged:    STOA_CSV_EXACT or STOA_CSV_FILL
 * @reject:    called for each record that cannot be taken (quotes out of place, another number of
 *             fields, a value that its slot cannot hold), which then is left out; NULL makes the
 *             first of them the import's error. In the order of the file, once it is read, from
 *             the calling thread; any result but 0 cancels
 * @reject_max: more of them fail the import; 0 means 100,000
 * @n_threads: 0 means one for each processor
 * @progress:  called a few times a second, from the calling thread; any result but 0 cancels
 * @ctx:       handed to @progress and @reject
 * @unique:    names of slots, with commas between them, by which rows are to be unique: the table
 *             gets a unique set index on them unless it has one; NULL for none
 * @on_conflict: enum stoa_conflict, by the index of @unique; other unique indexes refuse
 * @blobs:     STOA_BLOBS_HEX or STOA_BLOBS_BASE64: what fields of blob slots are in
 */
struct stoa_csv_options {
	size_t size;
	char delimiter;
	char quote;
	int header;
	const char *null_text;
	const char *name;
	int ragged;
	int (*reject)(void *ctx, const struct stoa_csv_reject *reject);
	uint64_t reject_max;
	unsigned n_threads;
	int (*progress)(void *ctx, const struct stoa_progress *now);
	void *ctx;
	const char *unique;
	int on_conflict;
	int blobs;
};
#define STOA_CSV_OPTIONS_INIT                                                                      \
	{ sizeof(struct stoa_csv_options), 0, 0, -1, NULL, NULL, STOA_CSV_EXACT, NULL, 0, 0,  \
	  NULL, NULL, NULL, STOA_CONFLICT_ERROR, STOA_BLOBS_HEX }

/**
 * stoa_import_csv() - load a CSV file into a table
 * @table:   name of the table; made, with types inferred from all of the file, when it is missing;
 *           otherwise the file's columns are matched with its slots by name
 * @path:    the file
 * @rows:    receives how many rows of the file are in the table now; may be NULL
 *
 * All of the file or nothing: part of @txn. Memory is bounded, whatever the file's size.
 *
 * Returns: STOA_OK; STOA_ESYNTAX, STOA_ETYPE, STOA_ERANGE, STOA_ENULL with line and column set;
 *          STOA_ENOTFOUND; STOA_EIO; STOA_ECANCELED; STOA_EEXIST; any error of stoa_append().
 */
STOA_API STOA_CHECK_RESULT int stoa_import_csv(stoa_txn *txn, const char *table, const char *path,
					       const struct stoa_csv_options *options, uint64_t *rows,
					       struct stoa_error *err);

/**
 * stoa_import_csv_bytes() - the same from memory: @len bytes at @p, which stay as they are until it
 * returns
 *
 * Messages call them options->name, or "memory".
 */
STOA_API STOA_CHECK_RESULT int stoa_import_csv_bytes(stoa_txn *txn, const char *table, const void *p,
						     size_t len,
						     const struct stoa_csv_options *options,
						     uint64_t *rows, struct stoa_error *err);

/**
 * stoa_import_csv_read() - the same from a callback of the application
 *
 * An import goes over its bytes more than once, so what comes is first put in a temporary file
 * without a name, in $TMPDIR.
 */
STOA_API STOA_CHECK_RESULT int stoa_import_csv_read(stoa_txn *txn, const char *table,
						    stoa_read_fn *read, void *ctx,
						    const struct stoa_csv_options *options,
						    uint64_t *rows, struct stoa_error *err);

/* ---- export ----------------------------------------------------------------------------- */

/**
 * stoa_export_csv() - write all rows of a cursor as CSV, and close it whatever is returned
 * @options: of these delimiter (0: a comma), quote (0: "), header (0: no names in front), null_text
 *           and blobs count; NULL for the defaults. Import with the same options reads the same
 *           values
 * @write:   receives the text in pieces of some 64 KiB
 * @rows:    receives how many rows were written; may be NULL
 *
 * Returns: STOA_OK; what @write returned; the errors of stoa_next(); STOA_EINVAL; STOA_ENOMEM.
 */
STOA_API STOA_CHECK_RESULT int stoa_export_csv(stoa_cursor *in,
					       const struct stoa_csv_options *options,
					       stoa_write_fn *write, void *ctx, uint64_t *rows,
					       struct stoa_error *err);

/**
 * stoa_csv_print() - write a value as a field of CSV
 * @options: as above
 * @buf:     receives at most @size bytes, without a NUL; what is there is not whole unless less
 *           than @size is returned
 *
 * Returns: the bytes that the whole field has.
 */
STOA_API size_t stoa_csv_print(const struct stoa_value *v, const struct stoa_csv_options *options,
			       char *buf, size_t size);

/** struct stoa_buffer - bytes in memory that grow; start from STOA_BUFFER_INIT */
struct stoa_buffer {
	char *p;
	size_t len;
	size_t cap;
};
#define STOA_BUFFER_INIT { NULL, 0, 0 }

/** stoa_buffer_write() - a stoa_write_fn: adds bytes to the struct stoa_buffer that @buffer is */
STOA_API int stoa_buffer_write(void *buffer, const void *p, size_t len, struct stoa_error *err);
/** stoa_buffer_free() - give its memory back and make it empty */
STOA_API void stoa_buffer_free(struct stoa_buffer *b);

#ifdef __cplusplus
}
#endif
#endif
