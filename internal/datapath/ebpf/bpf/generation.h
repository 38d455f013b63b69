/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Tells whether the tables went from one change to the next meanwhile. */
#ifndef HEDGEROW_GENERATION_H
#define HEDGEROW_GENERATION_H

#include "tables.h"

/* A full memory barrier: that is what an atomic that returns a value is (Documentation/bpf/standardization/instruction-set.rst). Returns 0. */
static __always_inline __u64 barrier(void)
{
	__u64 word = 0;

	return __sync_fetch_and_add(&word, 1);
}

/* Reads the generation. Lookups before the call are done before it, and those after the call are not begun before it. */
static __always_inline __u64 current_generation(void)
{
	__u32 zero = 0;
	__u64 fences = barrier();
	__u64 *g = bpf_map_lookup_elem(&generation, &zero);
	__u64 word = g ? read_once(g) : 0;

	fences += barrier();
	return word + fences;
}

#endif
