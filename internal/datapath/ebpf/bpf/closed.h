/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* What does not pass whatever the policies say: addresses that are not the sender's, or nobody's, or two pods'. */
#ifndef HEDGEROW_CLOSED_H
#define HEDGEROW_CLOSED_H

#include "parse.h"

/* The source address must be that of the interface's own pod; a local pod's address must come from its interface. */
static __always_inline int is_spoofed(const struct packet *p)
{
	const struct end *source = &p->ends[SOURCE];

	if (p->hook == NF_INET_LOCAL_OUT || !p->in)
		return 0;
	if (source->index)
		return source->interface != p->in;
	if (!bpf_map_lookup_elem(&interfaces, &p->in))
		return 0;
	return !(p->hook == NF_INET_LOCAL_IN && is_discovery(p) && is_link_local_or_unspecified(&source->address));
}

/* An end that is closed whatever the policies say. Returns the reason, or 0. */
static __always_inline int closed(const struct packet *p)
{
	__u32 source = p->ends[SOURCE].group, destination = p->ends[DESTINATION].group;

	if (source == GROUP_BLOCKED || destination == GROUP_BLOCKED)
		return REASON_BLOCKED;
	if (destination == GROUP_LOCAL_UNKNOWN)
		return p->ends[SOURCE].node && p->hook == NF_INET_LOCAL_OUT ? 0 : REASON_UNKNOWN_LOCAL;
	if (source == GROUP_LOCAL_UNKNOWN)
		return p->ends[DESTINATION].node && p->hook == NF_INET_LOCAL_IN ? 0 : REASON_UNKNOWN_LOCAL;
	return 0;
}

#endif
