/* SPDX-License-Identifier: MIT */
/*
 * report_main.c - stoa-report RESULTS.json > REPORT.html, or with --csv > FIGURES.csv
 *
 * Exit codes: 0 written; 1 the file cannot be read or is not of stoa-bench, or output fails; 2 the
 * command line is wrong.
 */
#include "results.h"

int main(int argc, char **argv)
{
	bool csv = argc == 3 && strcmp(argv[1], "--csv") == 0;
	const char *path = argc > 1 ? argv[argc - 1] : "-";
	json_error_t error;

	if ((argc != 2 && !csv) || path[0] == '-') {
		fputs("usage: stoa-report RESULTS.json > REPORT.html\n"
		      "       stoa-report --csv RESULTS.json > FIGURES.csv\n", stderr);
		return 2;
	}
	json_t *j = json_load_file(path, 0, &error);
	if (!j) {
		fprintf(stderr, "stoa-report: %s: line %d: %s\n", path, error.line, error.text);
		return 1;
	}
	if (!json_is_array(json_object_get(j, "cases"))) {
		fprintf(stderr, "stoa-report: %s has no results of stoa-bench\n", path);
		json_decref(j);
		return 1;
	}
	bool ok = csv ? print_figures(stdout, j) : print_page(stdout, j);
	if (!ok)
		perror("stoa-report");
	json_decref(j);
	return ok ? 0 : 1;
}
