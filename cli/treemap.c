/* SPDX-License-Identifier: MIT */
/*
 * treemap.c - a trace as a picture: every node a rectangle in that of its parent, its area its size
 *
 *     +-- flights  1.2 MB -----------------+------------+
 *     | +-----------------+----------+ .. | redo log   |
 *     | | delay           | origin   |    |            |
 *     | | encoded  840 kB | tail ... |    +------------+
 *
 * Rectangles are laid out *squarified*: a node's children, the largest first, fill strips along the
 * shorter side of what is left, and a strip takes children as long as that makes the worst of its
 * rectangles less oblong. What one compares is then areas of like shape. (Bruls, Huizing, van Wijk:
 * Squarified Treemaps, VisSym 2000.)
 *
 * A node with several below it has a header where there is room. One that has a single node below
 * it is drawn as that one. What would be smaller than a few pixels is put together, so that a
 * picture of a thousand slots stays one. Colours say what kind a leaf is; the lower part of it, as
 * large as its garbage, is hatched. Titles say everything when hovered over.
 */
#include "trace.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 1280.0
#define HEIGHT 800.0
#define MARGIN 16.0
#define TITLE 52.0	/* height of the words on top */
#define LEGEND 34.0
#define HEADER 19.0
#define PAD 3.0
#define AREA_MIN 40.0	/* square pixels of a rectangle of its own */
#define CHAR 0.6	/* of a letter's size: its width, at most */

struct box {
	double x, y, w, h;
};

/* A child, to be laid out. */
struct item {
	size_t node;	/* SIZE_MAX: small ones together */
	double size;
	struct box box;
};

struct picture {
	struct text *t;
	const stoa_trace *trace;
	int measure;
	bool changes;
	bool used[STOA_TRACE_SITE + 1];	/* kinds that are there */
	bool garbage;
};

static const struct look {
	const char *fill;
	const char *label;
} looks[STOA_TRACE_SITE + 1] = {
	[STOA_TRACE_COLUMN] = { "#8ab6dd", "sealed columns" },
	[STOA_TRACE_TAIL] = { "#93cda4", "newest rows" },
	[STOA_TRACE_OVERLAY] = { "#f2b880", "changed values" },
	[STOA_TRACE_ROWS] = { "#c3aed6", "which rows there are" },
	[STOA_TRACE_INDEX] = { "#efd87b", "indexes" },
	[STOA_TRACE_STRINGS] = { "#7fcdc5", "strings" },
	[STOA_TRACE_FILES] = { "#c2c9cf", "log, catalog, files" },
	[STOA_TRACE_PINNED] = { "#e88f83", "kept by snapshots" },
	[STOA_TRACE_WORK] = { "#eba6c0", "open work" },
	[STOA_TRACE_OTHER] = { "#dfe1e2", "the rest" },
	[STOA_TRACE_SITE] = { "#8ab6dd", "calls of the application" },
};

#define GREW "#e7998d"
#define SHRANK "#93c9a1"

double trace_size(const struct stoa_trace_node *node, int measure)
{
	return fabs((double)stoa_trace_measure_of(node, measure));
}

/* The same of what is drawn: in a comparison, what grew and what shrank do not cancel out. */
static double area_of(const struct picture *p, size_t i)
{
	const struct stoa_trace_node *node = stoa_trace_node(p->trace, i), *other;
	double sum = 0;

	if (node->end == i + 1)
		return stoa_trace_measure_of(node, p->measure) < 0 && !p->changes ?
			       0 :
			       trace_size(node, p->measure);
	for (size_t k = i + 1; k < node->end; k = other->end) {
		other = stoa_trace_node(p->trace, k);
		sum += area_of(p, k);
	}
	return sum;
}

/* ---- layout ---- */

/* The largest ratio of sides in a strip of length @side with items of these areas. */
static double worst(double smallest, double largest, double sum, double side)
{
	double s2 = sum * sum, w2 = side * side;

	return fmax(w2 * largest / s2, s2 / (w2 * smallest));
}

/*
 * Puts items [0, n), of @sum together, along the shorter side of @free, which is what is left then.
 */
static void lay_strip(struct item *items, size_t n, double sum, struct box *free)
{
	bool upright = free->w >= free->h;
	double side = upright ? free->h : free->w;
	double thick = sum / side, at = 0;

	for (size_t i = 0; i < n; i++) {
		double len = items[i].size / thick;

		items[i].box = upright ? (struct box){ free->x, free->y + at, thick, len } :
					 (struct box){ free->x + at, free->y, len, thick };
		at += len;
	}
	if (upright) {
		free->x += thick;
		free->w -= thick;
	} else {
		free->y += thick;
		free->h -= thick;
	}
}

/* Items, the largest first, whose sizes are areas that fill @box. */
static void squarify(struct item *items, size_t n, struct box box)
{
	while (n) {
		double side = fmin(box.w, box.h), sum = items[0].size;
		size_t k = 1;

		while (k < n && worst(items[k].size, items[0].size, sum + items[k].size, side) <=
					worst(items[k - 1].size, items[0].size, sum, side))
			sum += items[k++].size;
		lay_strip(items, k, sum, &box);
		items += k;
		n -= k;
	}
}

static int by_size(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if (x->size != y->size)
		return x->size < y->size ? 1 : -1;
	return x->node < y->node ? -1 : x->node > y->node;
}

/*
 * The children of node @i as items whose sizes are areas in @box; small ones are put together.
 * NULL: there are none.
 */
static struct item *items_of(const struct picture *p, size_t i, struct box box, size_t *n_out)
{
	const struct stoa_trace_node *node = stoa_trace_node(p->trace, i);
	double total = area_of(p, i), small = 0;
	struct item *items;
	size_t n = 0, kept = 0;

	*n_out = 0;
	if (total <= 0 || node->end == i + 1)
		return NULL;
	items = xrealloc(NULL, (node->end - i) * sizeof(*items));
	for (size_t k = i + 1; k < node->end; k = stoa_trace_node(p->trace, k)->end)
		items[n++] = (struct item){ k, area_of(p, k) * box.w * box.h / total,
					    { 0, 0, 0, 0 } };
	qsort(items, n, sizeof(*items), by_size);
	for (size_t k = 0; k < n; k++) {
		if (items[k].size >= AREA_MIN)
			items[kept++] = items[k];
		else
			small += items[k].size;
	}
	if (small > 0.5)
		items[kept++] = (struct item){ SIZE_MAX, small, { 0, 0, 0, 0 } };
	qsort(items, kept, sizeof(*items), by_size);
	*n_out = kept;
	return items;
}

/* ---- drawing ---- */

static void put_xml(struct text *t, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '&')
			text_puts(t, "&amp;");
		else if (s[i] == '<')
			text_puts(t, "&lt;");
		else if (s[i] == '>')
			text_puts(t, "&gt;");
		else
			text_put(t, &s[i], 1);
	}
}

/* Text of at most @width pixels, cut with an ellipsis; nothing if that leaves nothing to read. */
static void put_label(struct picture *p, double x, double y, double width, double size,
		      const char *style, const char *s)
{
	struct text line = { 0 };
	size_t fits = (size_t)fmax(0, floor(width / (size * CHAR)));
	size_t len;

	text_put_visible(&line, s, strlen(s));
	len = line.len;
	if (display_width(line.p, len) > fits) {
		if (fits < 4) {
			text_release(&line);
			return;
		}
		len = display_prefix(line.p, len, fits - 1);
	}
	text_printf(p->t, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%.0f\"%s>", x, y, size, style);
	put_xml(p->t, line.p, len);
	text_puts(p->t, len < line.len ? "\xe2\x80\xa6</text>\n" : "</text>\n");
	text_release(&line);
}

static void put_rect(struct picture *p, struct box b, const char *style)
{
	text_printf(p->t, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" %s", b.x, b.y,
		    fmax(b.w, 0), fmax(b.h, 0), style);
}

static void put_measure(struct text *t, const char *label, int64_t bytes)
{
	if (!bytes)
		return;
	text_printf(t, "\n%s: ", label);
	text_put_bytes(t, bytes);
}

/* What hovering shows. */
static void put_title(struct picture *p, size_t i)
{
	const struct stoa_trace_node *node = stoa_trace_node(p->trace, i);
	struct text t = { 0 };
	char path[600];

	(void)stoa_trace_path(p->trace, i, path, sizeof(path));
	text_put_visible(&t, path, strlen(path));
	text_printf(&t, " (%s)", stoa_trace_kind_name(node->kind));
	put_measure(&t, "memory", node->memory);
	put_measure(&t, "disk", node->disk);
	put_measure(&t, "files without a name", node->unlinked);
	put_measure(&t, "garbage", node->memory_garbage + node->disk_garbage);
	if (node->count)
		text_printf(&t, "\ncount: %" PRId64, node->count);
	text_puts(p->t, "<title>");
	put_xml(p->t, t.p, t.len);
	text_puts(p->t, "</title>");
	text_release(&t);
}

static const char *fill_of(struct picture *p, const struct stoa_trace_node *node)
{
	if (p->changes)
		return stoa_trace_measure_of(node, p->measure) < 0 ? SHRANK : GREW;
	p->used[node->kind] = true;
	return looks[node->kind].fill ? looks[node->kind].fill : looks[STOA_TRACE_OTHER].fill;
}

/* The part of a leaf that is garbage, by what is measured. */
static double garbage_of(const struct picture *p, const struct stoa_trace_node *node)
{
	double size = trace_size(node, p->measure);
	double garbage = p->measure == STOA_TRACE_BY_MEMORY ? (double)node->memory_garbage :
			 p->measure == STOA_TRACE_BY_DISK   ? (double)node->disk_garbage :
			 p->measure == STOA_TRACE_BY_BYTES  ?
							      (double)node->memory_garbage + (double)node->disk_garbage :
							      0;

	return p->changes || size <= 0 || garbage <= 0 ? 0 : fmin(garbage / size, 1);
}

static void put_size_label(struct picture *p, double x, double y, double width, double size,
			   int64_t amount)
{
	struct text t = { 0 };

	if (p->measure == STOA_TRACE_BY_COUNT) {
		text_printf(&t, "%" PRId64, amount);
	} else {
		if (p->changes && amount > 0)
			text_puts(&t, "+");
		text_put_bytes(&t, amount);
	}
	if ((double)t.len * size * CHAR <= width)
		put_label(p, x, y, width, size, "", t.p);
	text_release(&t);
}

/* The words in a leaf: its name, where it belongs if nobody above says so, its size. */
static void label_leaf(struct picture *p, size_t i, struct box b, const char *name, const char *of)
{
	const struct stoa_trace_node *node = stoa_trace_node(p->trace, i);
	double size = fmin(15, fmax(9, fmin(b.w / 9, b.h / 3)));
	double y = b.y + size + 2;

	if (b.h < 11 || b.w < 24)
		return;
	if ((b.w - 8) / (size * CHAR) < 4)
		return;
	put_label(p, b.x + 4, y, b.w - 8, size, " font-weight=\"bold\"", name);
	if (of && y + size * 2.2 < b.y + b.h) {
		y += size * 1.15;
		put_label(p, b.x + 4, y, b.w - 8, size * 0.85, " fill-opacity=\"0.75\"", of);
	}
	if (y + size * 1.1 < b.y + b.h)
		put_size_label(p, b.x + 4, y + size * 1.1, b.w - 8, size * 0.85,
			       stoa_trace_measure_of(node, p->measure));
}

static void draw_leaf(struct picture *p, size_t i, struct box b, const char *name, const char *of)
{
	const struct stoa_trace_node *node = stoa_trace_node(p->trace, i);
	double garbage = garbage_of(p, node);
	struct box hatched = { b.x, b.y + b.h * (1 - garbage), b.w, b.h * garbage };

	text_puts(p->t, "<g>");
	put_title(p, i);
	text_puts(p->t, "\n");
	put_rect(p, b, "fill=\"");
	text_printf(p->t, "%s\" stroke=\"#fff\" stroke-width=\"1\"/>\n", fill_of(p, node));
	if (garbage > 0) {
		p->garbage = true;
		put_rect(p, hatched, "fill=\"url(#hatch)\"/>\n");
	}
	/* Words over hatching are read with a halo. */
	text_puts(p->t, garbage > 0.4 ? "<g class=\"halo\">" : "<g>");
	label_leaf(p, i, b, name, of);
	text_puts(p->t, "</g></g>\n");
}

/* The only node below node @i that has a size, or 0. */
static size_t only_child(const struct picture *p, size_t i)
{
	const struct stoa_trace_node *node = stoa_trace_node(p->trace, i);
	size_t found = 0;

	for (size_t k = i + 1; k < node->end; k = stoa_trace_node(p->trace, k)->end) {
		if (area_of(p, k) <= 0)
			continue;
		if (found)
			return 0;
		found = k;
	}
	return found;
}

/* Room for the nodes below a node that is drawn as a frame: beneath its header, if there is one. */
static struct box draw_frame(struct picture *p, size_t i, struct box b)
{
	const struct stoa_trace_node *node = stoa_trace_node(p->trace, i);
	bool header = b.h > 3 * HEADER && b.w > 60;
	struct text t = { 0 };
	struct box in = { b.x + PAD, b.y + PAD, b.w - 2 * PAD, b.h - 2 * PAD };

	text_puts(p->t, "<g>");
	put_title(p, i);
	put_rect(p, b, node->depth > 1 ? "fill=\"#e9edf1\" stroke=\"#fff\"/>\n" :
					 "fill=\"#dde3e9\" stroke=\"#9aa5b1\"/>\n");
	if (header) {
		text_puts(&t, node->name);
		text_puts(&t, "   ");
		if (p->measure == STOA_TRACE_BY_COUNT)
			text_printf(&t, "%" PRId64, node->count);
		else
			text_put_bytes(&t, stoa_trace_measure_of(node, p->measure));
		put_label(p, b.x + PAD + 2, b.y + HEADER - 5, b.w - 2 * PAD - 4, 13,
			  node->depth > 1 ? "" : " font-weight=\"bold\"", t.p);
		text_release(&t);
		in.y += HEADER - PAD;
		in.h -= HEADER - PAD;
	}
	text_puts(p->t, "</g>\n");
	return in;
}

static void draw_children(struct picture *p, size_t i, struct box b);

static void draw_node(struct picture *p, size_t i, struct box b)
{
	const struct stoa_trace_node *node = stoa_trace_node(p->trace, i);
	size_t at = i, only;

	while ((only = only_child(p, at)))
		at = only;
	if (stoa_trace_node(p->trace, at)->end == at + 1) {
		draw_leaf(p, at, b, node->name,
			  at == i ? NULL : stoa_trace_node(p->trace, at)->name);
		return;
	}
	draw_children(p, at, draw_frame(p, i, b));
}

static void draw_small(struct picture *p, struct box b)
{
	text_puts(p->t, "<g><title>smaller ones</title>");
	put_rect(p, b, "fill=\"#dfe1e2\" stroke=\"#fff\"/>");
	text_puts(p->t, "</g>\n");
}

static void draw_children(struct picture *p, size_t i, struct box b)
{
	struct item *items;
	size_t n;

	if (b.w < 1 || b.h < 1)
		return;
	items = items_of(p, i, b, &n);
	if (items)
		squarify(items, n, b);
	for (size_t k = 0; k < n; k++) {
		if (items[k].node == SIZE_MAX)
			draw_small(p, items[k].box);
		else
			draw_node(p, items[k].node, items[k].box);
	}
	free(items);
}

/* ---- around it ---- */

static double put_key(struct picture *p, double x, const char *fill, const char *label)
{
	double y = HEIGHT - MARGIN - 14;

	put_rect(p, (struct box){ x, y, 14, 14 }, "stroke=\"#9aa5b1\" fill=\"");
	text_printf(p->t, "%s\"/>\n", fill);
	put_label(p, x + 20, y + 11, 400, 12, "", label);
	return x + 20 + (double)strlen(label) * 7 + 14;
}

static void put_legend(struct picture *p)
{
	double x = MARGIN;

	if (p->changes) {
		x = put_key(p, x, GREW, "grew");
		put_key(p, x, SHRANK, "shrank");
		return;
	}
	for (int kind = 0; kind <= STOA_TRACE_SITE; kind++)
		if (p->used[kind] && looks[kind].fill)
			x = put_key(p, x, looks[kind].fill, looks[kind].label);
	if (p->garbage) {
		put_rect(p, (struct box){ x, HEIGHT - MARGIN - 14, 14, 14 }, "fill=\"#fff\"/>\n");
		put_key(p, x, "url(#hatch)", "garbage");
	}
}

static void put_heading(struct picture *p)
{
	static const char *const what[] = {
		[STOA_TRACE_BY_MEMORY] = "memory",     [STOA_TRACE_BY_DISK] = "disk",
		[STOA_TRACE_BY_BYTES] = "memory and disk", [STOA_TRACE_BY_GARBAGE] = "garbage",
		[STOA_TRACE_BY_UNLINKED] = "files without a name", [STOA_TRACE_BY_COUNT] = "count",
	};
	const struct stoa_trace_node *root = stoa_trace_node(p->trace, 0);
	struct text t = { 0 };

	put_label(p, MARGIN, MARGIN + 16, WIDTH - 2 * MARGIN, 20, " font-weight=\"bold\"",
		  root->name);
	text_printf(&t, "%s: %s", p->changes ? "what has changed" : "areas", what[p->measure]);
	text_puts(&t, "  \xc2\xb7  memory ");
	text_put_bytes(&t, root->memory);
	text_puts(&t, "  \xc2\xb7  disk ");
	text_put_bytes(&t, root->disk);
	text_puts(&t, "  \xc2\xb7  garbage in both ");
	text_put_bytes(&t, root->memory_garbage + root->disk_garbage);
	put_label(p, MARGIN, MARGIN + 36, WIDTH - 2 * MARGIN, 13, " fill-opacity=\"0.8\"", t.p);
	text_release(&t);
}

void text_put_treemap(struct text *t, const stoa_trace *trace, int measure, bool changes)
{
	struct picture p = { .t = t, .trace = trace, .measure = measure, .changes = changes };
	struct box all = { MARGIN, MARGIN + TITLE - 6, WIDTH - 2 * MARGIN,
			   HEIGHT - 2 * MARGIN - TITLE - LEGEND + 12 };

	text_printf(t,
		    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
		    "viewBox=\"0 0 %.0f %.0f\" fill=\"#1c2733\" "
		    "font-family=\"DejaVu Sans, Verdana, Helvetica, Arial, sans-serif\">\n",
		    WIDTH, HEIGHT, WIDTH, HEIGHT);
	text_puts(t, "<style>.halo { paint-order: stroke; stroke: #fff; stroke-opacity: 0.75; "
		     "stroke-width: 3px; stroke-linejoin: round }</style>\n"
		     "<defs><pattern id=\"hatch\" width=\"7\" height=\"7\" "
		     "patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">"
		     "<rect width=\"7\" height=\"7\" fill=\"#fff\" fill-opacity=\"0.25\"/>"
		     "<rect width=\"2.5\" height=\"7\" fill=\"#8c2d19\" fill-opacity=\"0.55\"/>"
		     "</pattern></defs>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n");
	put_heading(&p);
	if (area_of(&p, 0) > 0)
		draw_children(&p, 0, all);
	else
		put_label(&p, MARGIN, 120, 600, 15, "", "nothing to be shown");
	put_legend(&p);
	text_puts(t, "</svg>\n");
}
