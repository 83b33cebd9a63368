/* SPDX-License-Identifier: MIT */
/* cpu.h - which instructions kernels may use */
#ifndef STOA__CPU_H
#define STOA__CPU_H

#include <stdbool.h>

/*
 * Are AVX2, BMI1, BMI2 and POPCNT there, and wanted? STOA_CPU=scalar in the environment says no; it is
 * read once per process. Cost: a load.
 */
bool stoa__cpu_avx2(void);

/*
 * In front of a kernel: vectorise its loops. gcc does so at -O2 only where a loop's length is
 * known, and kernels are the functions whose length never is. clang needs no telling.
 */
#if defined(__GNUC__) && !defined(__clang__)
#define STOA__KERNEL __attribute__((optimize("O3")))
#else
#define STOA__KERNEL
#endif

#if defined(__x86_64__)
#define STOA__KERNEL_AVX2 STOA__KERNEL __attribute__((target("avx2,bmi,bmi2,popcnt")))
#endif

#endif
