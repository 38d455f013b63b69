/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Finds out what the tables know of an address. */
#ifndef HEDGEROW_ENDPOINT_H
#define HEDGEROW_ENDPOINT_H

#include "packet.h"

static __always_inline __u64 fold(__u32 x)
{
	x *= 0x9e3779b1;
	return x >> 16;
}

static __always_inline __u64 address_tag(const struct address *a)
{
	return fold(a->word[0] ^ (a->word[1] * 3) ^ (a->word[2] * 5) ^ (a->word[3] * 7));
}

/*
 * Reads an endpoint's word. 1: found, 0: no entry, -1: the element was another key's twice in a row (a hash element may be
 * reused under a reader).
 */
static __always_inline int endpoint_word(const struct address *a, __u64 *word)
{
	for (int i = 0; i < 2; i++) {
		__u64 *v = bpf_map_lookup_elem(&endpoints, a);
		if (!v)
			return 0;
		*word = read_once(v);
		if (*word >> 48 == address_tag(a))
			return 1;
	}
	return -1;
}

static __always_inline __u32 network_group(const struct address *a)
{
	struct network_key key = { .prefix = 128, .address = *a };
	__u32 *group = bpf_map_lookup_elem(&networks, &key);
	return group ? *group : GROUP_WORLD;
}

/*
 * Fills in what applies to the local pod at e->index. A cleared profile, because the pod is going or not quite there, must not look like one
 * without isolation.
 */
static __always_inline void load_profile(struct end *e)
{
	struct profile *p = bpf_map_lookup_elem(&profiles, &e->index);
	__u64 word = p ? read_once(&p->word) : 0;

	if (!p || !(word & PROFILE_VALID)) {
		e->group = GROUP_BLOCKED;
		return;
	}
	e->ingress = word & 0xfffffff;
	e->egress = (word >> 28) & 0xfffffff;
	e->ingress_ranges = (word & PROFILE_INGRESS_RANGES) != 0;
	e->egress_ranges = (word & PROFILE_EGRESS_RANGES) != 0;
	e->interface = p->interface;
}

/*
 * Fills in what the tables know of e->address. Always leaves a group that is closed when in doubt. A global function, so that the
 * verifier walks it once and not once per path.
 */
__noinline int load_end(struct end *e)
{
	__u64 word = 0;
	int found;

	if (!e)
		return 0;
	e->index = e->node = e->interface = e->ingress = e->egress = e->ingress_ranges = e->egress_ranges = e->pod = 0;
	found = endpoint_word(&e->address, &word);
	if (found == 0) {
		e->group = network_group(&e->address);
		/* A present key may be missed while its bucket changes: ask again before an address is only one of its network. */
		found = endpoint_word(&e->address, &word);
		if (found == 0)
			return 0;
	}
	if (found < 0) {
		e->group = GROUP_BLOCKED;
		return 0;
	}
	e->group = (__u32)word;
	e->index = (word >> 32) & 0xffff;
	if (e->index == NODE_INDEX || e->index == OTHER_NODE_INDEX) {
		e->node = e->index == NODE_INDEX;
		e->index = 0;
		return 0;
	}
	e->pod = 1;
	if (e->index)
		load_profile(e);
	return 0;
}

#endif
